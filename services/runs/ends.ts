import type { Position, StreamId } from '../../contracts/core.ts'
import { runStream } from '../../contracts/run.ts'
import type { ReadModels } from '../../projections/port.ts'
import { run } from '../commands/run.ts'
import type { Folds } from '../commands/folds.ts'
import type { Feed } from '../feed.ts'

/** Waits for runs to end, whoever runs them: the end is read from the log. */
export type RunEnds = Readonly<{
  /** True when the run has ended and every read model shows it; false after `milliseconds`, or when `signal` is aborted. */
  ended(id: number, milliseconds: number, signal: AbortSignal): Promise<boolean>
}>

export function createRunEnds(deps: {
  feed: Feed
  folds: Folds
  readModels: Pick<ReadModels, 'passed'>
  /** Aborted when the platform goes down and nobody can wait any longer. */
  closing: AbortSignal
}): RunEnds {
  const { feed, folds, readModels, closing } = deps
  const waiting = new Map<string, Set<(position: string) => void>>()

  feed.listen((events) => {
    for (const event of events) {
      if (event.type !== 'RunFinished') continue
      for (const resolve of waiting.get(event.stream) ?? []) resolve(event.position)
    }
  })

  /** The position of the run's last event when it has ended. */
  async function endOf(stream: StreamId): Promise<Position | undefined> {
    const { state, position } = await folds.refresh(run, stream)
    return state.status === 'finished' ? position : undefined
  }

  return {
    async ended(id, milliseconds, signal) {
      const stream = runStream(id)
      const { promise, resolve } = Promise.withResolvers<string | undefined>()
      const waiters = waiting.get(stream) ?? new Set()
      waiting.set(stream, waiters.add(resolve))
      const giveUp = (): void => resolve(undefined)
      const timer = setTimeout(giveUp, milliseconds)
      const leaving = AbortSignal.any([signal, closing])
      leaving.addEventListener('abort', giveUp, { once: true })
      if (leaving.aborted) giveUp()
      try {
        // Only now that the end cannot be missed: it may have come before.
        const before = await endOf(stream)
        if (before !== undefined) resolve(before)
        // Who gives up looks once more: what has just been written may not have been told yet.
        const position = (await promise) ?? (await endOf(stream))
        return position !== undefined && (await readModels.passed(position), true)
      } finally {
        clearTimeout(timer)
        leaving.removeEventListener('abort', giveUp)
        waiters.delete(resolve)
        if (waiters.size === 0) waiting.delete(stream)
      }
    },
  }
}
