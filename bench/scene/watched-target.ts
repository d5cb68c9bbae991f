import { setTimeout as pause } from 'node:timers/promises'
import { connect } from '../client.ts'
import type { Bench } from '../measurement.ts'
import { startProgram, urlOfServer } from '../program.ts'

/** A service to run cases against, which tells what it was asked. */
export type WatchedTarget = Readonly<{
  url: string
  /** When each request came since the last call, in milliseconds of a clock that all processes share. */
  seen(): Promise<readonly number[]>
}>

/** One in a process of its own, which answers at once or after so many milliseconds. */
export async function startWatchedTarget(bench: Bench, { after = 0 } = {}): Promise<WatchedTarget> {
  const program = await startProgram(bench, 'bench/scene/target.ts', { ANSWER_AFTER_MS: String(after) })
  const url = await urlOfServer(program)
  const send = connect(bench, url, 1)
  return { url, seen: async () => (await send('GET', '/seen', 200)) as unknown as readonly number[] }
}

/** Whoever asks all the time takes the time that the run needs. */
const ASKING_EVERY = 100

const PATIENCE = 30_000

/**
 * Milliseconds from the moment when a run is asked for to its first request at the target. All its requests are waited for: the next run
 * must not meet this one.
 */
export async function firstRequest(
  target: WatchedTarget,
  requests: number,
  ask: () => Promise<unknown>,
): Promise<number> {
  await target.seen()
  const asked = Number(process.hrtime.bigint()) / 1e6
  await ask()
  const seen: number[] = []
  const until = performance.now() + PATIENCE
  while (seen.length < requests) {
    if (performance.now() > until) throw new Error(`the target has seen ${seen.length} requests instead of ${requests}`)
    await pause(ASKING_EVERY)
    seen.push(...(await target.seen()))
  }
  return (seen[0] ?? NaN) - asked
}
