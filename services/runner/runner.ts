import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { Rejected } from '../../contracts/core.ts'
import { runStream } from '../../contracts/run.ts'
import { runMessage, RUNS_TOPIC } from '../../contracts/topics.ts'
import { newCommandId } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Handled, Message, MessageLog } from '../../platform/message-log/port.ts'
import { pause } from '../../platform/pause.ts'
import type { Folds } from '../commands/folds.ts'
import type { Handle } from '../commands/handle.ts'
import { run, type Requested, type RunCommand } from '../commands/run.ts'
import type { ExecuteRun } from './execute.ts'
import { Slots } from './slots.ts'

/** Milliseconds until a run whose attempt failed is claimed again. */
const AGAIN = 1_000

/** A runner at work. */
export type Runner = Readonly<{
  /** Takes no new run, waits for those under way until `signal` is aborted, then leaves them to the next start. */
  stop(signal: AbortSignal): Promise<void>
}>

/**
 * Executes runs: claims one by an append when it has a free place, says the message is done, and works. A run that is claimed by a
 * later attempt meanwhile is dropped at its next append, which the decider refuses.
 */
export function startRunner(deps: {
  messages: MessageLog
  handle: Handle
  folds: Folds
  execute: ExecuteRun
  concurrency: number
  log: Log
}): Runner {
  const { messages, handle, folds, execute, concurrency, log } = deps
  const worker = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const slots = new Slots(concurrency)
  const underWay = new Map<number, Promise<void>>()
  const closing = new AbortController()
  const abandoning = new AbortController()

  /** The run as claimed by the next attempt; undefined when it has ended, or is not there. */
  async function claim(id: number): Promise<Requested | undefined> {
    const stream = runStream(id)
    try {
      const { state } = await folds.read(run, stream)
      const correlationId = state.status === 'none' ? stream : state.correlationId
      const command: RunCommand = { type: 'ClaimRun', worker }
      const claimed = await handle(run, stream, () => command, { commandId: newCommandId(), actor: 0, correlationId })
      return claimed.state.status === 'none' ? undefined : claimed.state
    } catch (error) {
      if (error instanceof Rejected && error.code !== 'busy') return undefined
      throw error
    }
  }

  /** Works until the run has ended, is another's, or the platform stops. What went wrong is tried again by a further attempt. */
  async function work(id: number, first: Requested): Promise<void> {
    const { signal } = abandoning
    let claimed: Requested | undefined = first
    while (claimed && !signal.aborted) {
      try {
        await execute(claimed, signal)
        break
      } catch (error) {
        if (signal.aborted) break
        if (await isOver(id, claimed.attempt)) {
          log.warn({ run: id, err: error }, 'a run was dropped: it has ended, or a later attempt has it')
          break
        }
        log.error({ run: id, err: error }, 'an attempt at a run failed')
        claimed = await claimAgain(id)
      }
    }
    if (signal.aborted) log.warn({ run: id }, 'a run was left to the next start')
    folds.forget(runStream(id))
    slots.give()
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

  async function claimAgain(id: number): Promise<Requested | undefined> {
    while (!abandoning.signal.aborted) {
      await pause(AGAIN, abandoning.signal)
      try {
        return await claim(id)
      } catch (error) {
        log.warn({ run: id, err: error }, 'a run could not be claimed')
      }
    }
    return undefined
  }

  async function handleMessage(message: Message): Promise<Handled> {
    const parsed = runMessage.safeParse(parse(message.value))
    if (!parsed.success) return { park: `no message of topic ${RUNS_TOPIC}: ${parsed.error.message}` }
    const { run: id } = parsed.data
    if (underWay.has(id) || !(await slots.take(closing.signal))) return 'done'
    let claimed
    try {
      claimed = await claim(id)
    } catch (error) {
      slots.give()
      throw error
    }
    if (!claimed) {
      slots.give()
      return 'done'
    }
    underWay.set(
      id,
      work(id, claimed).finally(() => underWay.delete(id)),
    )
    return 'done'
  }

  const abandon = (): void => abandoning.abort(new Error('the platform stops'))

  const consuming = messages.consume(
    { topic: RUNS_TOPIC, group: 'runner', from: 'start' },
    handleMessage,
    closing.signal,
  )

  return {
    async stop(signal) {
      closing.abort()
      if (signal.aborted) abandon()
      signal.addEventListener('abort', abandon, { once: true })
      await consuming
      await Promise.all(underWay.values())
      signal.removeEventListener('abort', abandon)
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
