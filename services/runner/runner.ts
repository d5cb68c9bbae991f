import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { idOf, Rejected } from '../../contracts/core.ts'
import { type RunEvent, runStream } from '../../contracts/run.ts'
import { runMessage, RUNS_TOPIC } from '../../contracts/topics.ts'
import type { Leases } from '../../platform/leases.ts'
import type { Log } from '../../platform/log.ts'
import type { Handled, Message, MessageLog } from '../../platform/message-log/port.ts'
import { pause } from '../../platform/pause.ts'
import type { Folds } from '../commands/folds.ts'
import type { Handle } from '../commands/handle.ts'
import { run, type Requested } from '../commands/run.ts'
import type { Feed } from '../feed.ts'
import { decideOnRun } from '../runs/decide.ts'
import type { ExecuteRun } from './execute.ts'
import { leaseOf, RENEW_MS } from './lease.ts'
import { Slots } from './slots.ts'

/** Milliseconds until a run whose attempt failed is claimed again. */
const AGAIN = 1_000

/** A runner at work. */
export type Runner = Readonly<{
  /**
   * Takes no new run from now on, waits for the runs under way until `soon` is aborted, then for their cases under way until `now` is, and gives back what
   * has not ended, for another runner or the next start.
   */
  stop(leaving: Readonly<{ soon: AbortSignal; now: AbortSignal }>): Promise<void>
}>

/** A run that this runner has. */
type UnderWay = {
  attempt: number
  readonly lost: AbortController
  readonly cancelled: AbortController
  working: Promise<void>
}

/**
 * Executes runs: claims one by an append when it has a free place, says the message is done, and works. A run that ends or is claimed by
 * a later attempt meanwhile is dropped, at once when the log tells, and at its next append in any case, which the decider refuses.
 */
export function startRunner(deps: {
  messages: MessageLog
  handle: Handle
  folds: Folds
  feed: Pick<Feed, 'listen'>
  leases: Leases
  execute: ExecuteRun
  concurrency: number
  log: Log
  /** Told of each run that is claimed for the first time: how many seconds it has waited since it was asked for. */
  waited?: (seconds: number) => void
  /** Milliseconds between two signs of life. */
  renewMs?: number
}): Runner {
  const { messages, folds, feed, leases, execute, concurrency, log, waited, renewMs = RENEW_MS } = deps
  const worker = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const slots = new Slots(concurrency)
  const underWay = new Map<number, UnderWay>()
  const draining = new AbortController()
  const leavingSoon = new AbortController()
  const leavingNow = new AbortController()

  /** The run as claimed by the next attempt; undefined when it has ended, is not there, or another attempt was made after `after`. */
  async function claim(id: number, after: number): Promise<Requested | undefined> {
    try {
      const claimed = await decideOnRun(deps, id, () => ({ type: 'ClaimRun', worker, after }))
      return claimed.status === 'none' ? undefined : claimed
    } catch (error) {
      if (error instanceof Rejected && error.code !== 'busy') return undefined
      throw error
    }
  }

  /** Works until the run has ended, is another's, or the platform stops. What went wrong is tried again by a further attempt. */
  async function work(first: Requested, own: UnderWay): Promise<void> {
    const { id } = first.request
    const now = AbortSignal.any([leavingNow.signal, own.lost.signal])
    const began = performance.now()
    let claimed: Requested | undefined = first
    while (claimed) {
      own.attempt = claimed.attempt
      try {
        if (await isCancelled(id)) own.cancelled.abort()
        const leaving = { now, soon: leavingSoon.signal, cancelled: own.cancelled.signal }
        const outcome = await execute(claimed, leaving)
        if (outcome === 'left') await release(claimed, { interrupted: false })
        else log.info({ ...told(claimed), ms: Math.round(performance.now() - began) }, 'run')
        break
      } catch (error) {
        if (own.lost.signal.aborted || (!leavingNow.signal.aborted && (await isOver(id, claimed.attempt)))) {
          log.warn({ ...told(claimed), err: error }, 'a run was dropped: it has ended, or a later attempt has it')
          break
        }
        if (leavingNow.signal.aborted) {
          await release(claimed, { interrupted: true })
          break
        }
        log.error({ ...told(claimed), err: error }, 'an attempt at a run failed')
        claimed = await claimAgain(claimed)
      }
    }
    folds.forget(runStream(id))
  }

  /** Whether somebody wanted its end before this runner could hear of it. */
  async function isCancelled(id: number): Promise<boolean> {
    const { state } = await folds.read(run, runStream(id))
    return state.status !== 'none' && state.cancelledBy !== undefined
  }

  /** Gives the run back; where that fails it is found by its lease, or at the next start. False when it should be tried again. */
  async function release(claimed: Requested, how: Readonly<{ interrupted: boolean; failed?: true }>): Promise<boolean> {
    const { attempt, request } = claimed
    try {
      await decideOnRun(deps, request.id, () => ({ type: 'ReleaseRun', attempt, ...how }))
      log.info({ ...told(claimed), ...how }, 'a run was given back unfinished')
      return true
    } catch (error) {
      log.warn({ ...told(claimed), err: error }, 'a run could not be given back')
      return error instanceof Rejected && error.code !== 'busy'
    }
  }

  /** Whether the run goes on without this attempt; no when that cannot be told now. */
  async function isOver(id: number, attempt: number): Promise<boolean> {
    try {
      const { state } = await folds.refresh(run, runStream(id))
      return state.status === 'none' || state.status === 'finished' || state.attempt > attempt
    } catch {
      return false
    }
  }

  /** Says that the attempt has failed, and makes the next one. It has not died: where the log cannot be told, the run is not claimed. */
  async function claimAgain(before: Requested): Promise<Requested | undefined> {
    const failed = { interrupted: true, failed: true } as const
    let released = await release(before, failed)
    while (!leavingSoon.signal.aborted) {
      await pause(AGAIN, leavingSoon.signal)
      try {
        released ||= await release(before, failed)
        if (released) return await claim(before.request.id, before.attempt)
      } catch (error) {
        log.warn({ ...told(before), err: error }, 'a run could not be claimed')
      }
    }
    return undefined
  }

  async function handleMessage(message: Message): Promise<Handled> {
    const parsed = runMessage.safeParse(parse(message.value))
    if (!parsed.success) return { park: `no message of topic ${RUNS_TOPIC}: ${parsed.error.message}` }
    const { run: id, attempt } = parsed.data
    if (underWay.has(id)) return 'done'
    // Who leaves has not taken it: it comes again, to another runner or to the next start.
    if (!(await slots.take(draining.signal))) throw new Error('this runner takes no more runs')
    let claimed
    try {
      claimed = await claim(id, attempt)
    } catch (error) {
      slots.give()
      throw error
    }
    if (!claimed) {
      slots.give()
      return 'done'
    }
    log.debug(told(claimed), 'a run was claimed')
    // The clock may be another's: what seems to come from the future has not waited.
    if (claimed.attempt === 1) waited?.(Math.max(0, Date.now() - Date.parse(claimed.requestedAt)) / 1000)
    const own: UnderWay = {
      attempt: claimed.attempt,
      lost: new AbortController(),
      cancelled: new AbortController(),
      working: Promise.resolve(),
    }
    underWay.set(id, own)
    own.working = work(claimed, own).finally(() => {
      underWay.delete(id)
      slots.give()
    })
    return 'done'
  }

  /** What the log says of a run that this runner has: that it has ended, is to end, or that another one has it. */
  const unlisten = feed.listen((events) => {
    if (underWay.size === 0) return
    for (const event of events as readonly (RunEvent & { stream: string })[]) {
      if (event.type === 'RunCancelRequested') underWay.get(idOf(event.stream))?.cancelled.abort()
      if (event.type !== 'RunFinished' && event.type !== 'RunClaimed') continue
      const own = underWay.get(idOf(event.stream))
      // What is told late of an earlier attempt takes nothing away; the end that this runner wrote itself has nothing left to stop.
      if (event.type === 'RunClaimed' && event.data.attempt <= (own?.attempt ?? 0)) continue
      own?.lost.abort(new Error('the run is over'))
    }
  })

  /** Renews the leases of what is under way, and gives back those of what is not any more: short runs never have one. */
  async function renewLeases(): Promise<void> {
    let held: readonly string[] = []
    while (!renewing.signal.aborted) {
      await pause(renewMs, renewing.signal)
      const present = [...underWay].map(([id, { attempt }]) => leaseOf(id, attempt))
      const over = held.filter((name) => !present.includes(name))
      held = present
      try {
        if (present.length > 0 && !renewing.signal.aborted) await leases.renew(present)
        if (over.length > 0) await leases.give(over)
      } catch (error) {
        log.warn({ err: error }, 'leases could not be renewed')
      }
    }
  }
  const renewing = new AbortController()
  const renewal = renewLeases()

  const consuming = messages.consume(
    { topic: RUNS_TOPIC, group: 'runner', from: 'start' },
    handleMessage,
    draining.signal,
  )

  return {
    async stop({ soon, now }) {
      draining.abort()
      follow(leavingSoon, soon)
      follow(leavingSoon, now)
      follow(leavingNow, now)
      await consuming
      await Promise.all([...underWay.values()].map(({ working }) => working))
      renewing.abort()
      await renewal
      unlisten()
    },
  }
}

/** What a line of the log says of a run: `id` is that of the call that asked for it. */
function told({ request, attempt, correlationId }: Requested): object {
  return { run: request.id, attempt, id: correlationId }
}

/** Aborts `controller` when `signal` is, or at once when it already was. */
function follow(controller: AbortController, signal: AbortSignal): void {
  const abort = (): void => controller.abort(new Error('the platform stops'))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
