import { runStream } from '../contracts/run.ts'
import type { Clock } from '../contracts/time.ts'
import { RUNS_TOPIC } from '../contracts/topics.ts'
import type { Blobs } from '../platform/blobs.ts'
import type { Leases } from '../platform/leases.ts'
import type { Log } from '../platform/log.ts'
import type { MessageLog } from '../platform/message-log/port.ts'
import { pause } from '../platform/pause.ts'
import type { ReadModels } from '../projections/port.ts'
import { type UnfinishedRun, unfinishedRuns } from '../projections/runs.ts'
import type { Folds } from './commands/folds.ts'
import type { Handle } from './commands/handle.ts'
import { type Finished, nextPlace, run, type RunCommand, type RunProcess } from './commands/run.ts'
import { asMessage } from './dispatch.ts'
import { LEASE_MS, leaseOf } from './runner/lease.ts'
import { decideOnRun } from './runs/decide.ts'
import { casesOf } from './runs/plan.ts'
import { unrunResult } from './runs/unrun.ts'

/** Milliseconds until an unclaimed run is asked for again; each time twice as many, up to the longest. */
const UNCLAIMED_MS = 60_000
const LONGEST_MS = 30 * 60_000

/** Runs that are asked for together: when thousands wait, one after the other would keep the watchdog from looking after all others. */
const AT_ONCE = 100

/** What the watchdog has seen of a run, over the time in which it could see anything. */
type Seen = {
  attempt: number
  claimed: boolean
  beats: bigint
  /** Milliseconds of successful readings in which nothing has moved. */
  still: number
  /** After so many it is asked for. */
  patience: number
}

/**
 * Sees to it that no run is forgotten: one whose runner gives no sign of life over a whole lease is asked for again, so is one that nobody
 * claims, and one past its deadline is ended. Time is this process's own, and passes only from one successful reading to the next: an
 * outage of the database or a sleeping host expires nothing.
 */
export function startWatchdog(deps: {
  models: ReadModels
  leases: Leases
  messages: MessageLog
  folds: Pick<Folds, 'read'>
  handle: Handle
  blobs: Pick<Blobs, 'unspill'>
  clock: Clock
  /** Seconds that a run may take, from when it was asked for. */
  deadline: number
  log: Log
  /** Milliseconds: of a lease, between two readings, and until an unclaimed run is first asked for again. */
  leaseMs?: number
  everyMs?: number
  unclaimedMs?: number
}): { stop(): Promise<void> } {
  const { models, leases, messages, folds, blobs, clock, deadline, log } = deps
  const { leaseMs = LEASE_MS, everyMs = leaseMs / 5, unclaimedMs = UNCLAIMED_MS } = deps
  const stopping = new AbortController()
  let known = new Map<number, Seen>()
  let readAt: number | undefined

  /** Milliseconds since the last reading that succeeded, as far as they count: a host that slept has not watched. */
  function passed(): number {
    const at = performance.now()
    const since = readAt === undefined ? 0 : Math.min(at - readAt, 2 * everyMs)
    readAt = at
    return since
  }

  async function look(): Promise<void> {
    const [runs, beats] = await Promise.all([unfinishedRuns(models), leases.read()])
    const since = passed()
    const now = Date.parse(clock())
    const before = known
    const due: UnfinishedRun[] = []
    known = new Map()
    for (const each of runs) {
      if (now - Date.parse(each.requested_at) >= deadline * 1000) {
        await end(each)
        continue
      }
      const seen = watched(before.get(each.id), each, beats.get(leaseOf(each.id, each.attempt)) ?? 0n, since)
      known.set(each.id, seen)
      if (seen.still >= seen.patience) due.push(each)
    }
    for (let nth = 0; nth < due.length; nth += AT_ONCE) await askAgain(due.slice(nth, nth + AT_ONCE))
  }

  /** Where that fails they are as due as before. */
  async function askAgain(runs: readonly UnfinishedRun[]): Promise<void> {
    const states = await Promise.all(runs.map(({ id }) => folds.read(run, runStream(id))))
    const asking = runs.flatMap(({ id, attempt, claimed }, nth) => {
      const state = states[nth]?.state
      if (state === undefined || state.status === 'none') return []
      log.warn({ run: id, attempt, claimed, id: state.correlationId }, 'a run is asked for again')
      return [asMessage({ run: id, attempt }, state)]
    })
    await messages.publish(RUNS_TOPIC, asking)
    for (const { id, claimed } of runs) {
      const seen = known.get(id)
      if (seen === undefined) continue
      seen.still = 0
      if (!claimed) seen.patience = Math.min(2 * seen.patience, LONGEST_MS)
    }
  }

  function watched(before: Seen | undefined, { attempt, claimed }: UnfinishedRun, beats: bigint, since: number): Seen {
    const moved = before?.attempt !== attempt || before.claimed !== claimed || before.beats !== beats
    if (before && !moved) return { ...before, still: before.still + since }
    return { attempt, claimed, beats, still: 0, patience: claimed ? leaseMs : unclaimedMs }
  }

  /** The case that it had come to is 错误 with the reason: so that the counts tell what became of the run. */
  async function end({ id }: UnfinishedRun): Promise<void> {
    const reason = `运行超过时限（${deadline}秒），已终止`
    const command = async (state: RunProcess): Promise<RunCommand> => {
      const result = state.status === 'none' ? undefined : await unrun(state, reason)
      return { type: 'EndRun', reason, ...(result && { result }) }
    }
    try {
      await decideOnRun(deps, id, command)
      log.warn({ run: id }, 'a run was past its deadline and has been ended')
    } catch (error) {
      // It may just have ended by itself; else the next look finds it again.
      log.info({ run: id, err: error }, 'a run past its deadline could not be ended')
    }
  }

  async function unrun(state: Exclude<RunProcess, { status: 'none' }>, reason: string): Promise<Finished | undefined> {
    const place = nextPlace(state)
    const wanted = place && (await casesOf(state.request, blobs))[place.flow]?.[place.index]
    if (!wanted) return undefined
    const result = unrunResult(wanted, reason, clock(), state.attempt)
    return { ...place, state: result.state, result }
  }

  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await pause(everyMs, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        await look()
      } catch (error) {
        readAt = undefined
        log.warn({ err: error }, 'the watchdog could not look after the runs, and tries again')
      }
    }
  })()

  return {
    async stop() {
      stopping.abort()
      await watching
    },
  }
}
