import { setTimeout as pause } from 'node:timers/promises'
import { type Decider, type Event, Rejected, type StreamId } from '../../contracts/core.ts'
import { SCHEMA_VERSION } from '../../contracts/events.ts'
import type { Clock } from '../../contracts/time.ts'
import { type Draft, type EventStore, WrongExpectedRevision } from '../../platform/event-store/port.ts'
import { eventId } from '../../platform/ids.ts'
import { createSerial } from '../../platform/serial.ts'
import { type Folded, type Folds, nothing } from './folds.ts'

/** On whose behalf a command comes, and what makes it the same command when it comes again. */
export type CommandContext = Readonly<{
  commandId: string
  /** Present when the write carried an idempotency key: HMAC of its body. */
  requestHash?: string
  /** REST id of the user; 0 is the platform itself. */
  actor: number
  correlationId: string
  causationId?: string
  /** W3C Trace Context of what is under way, where it is traced. */
  traceparent?: string | undefined
  /** The revision that the writer has seen; another one is refused. */
  ifMatch?: bigint
}>

export type Handling = Readonly<{
  /** The stream is believed not to exist: it is not loaded first. */
  fresh?: boolean
  /** The command commutes with its rivals: after a conflict it is tried again until this many milliseconds have passed. */
  commutesForMs?: number
}>

/** Makes the command of the state that it is to be decided on. */
export type CommandOf<S, C> = (state: S) => C | Promise<C>

export type Handle = <S, C, E extends Event>(
  decider: Decider<S, C, E>,
  stream: StreamId,
  command: CommandOf<S, C>,
  context: CommandContext,
  handling?: Handling,
) => Promise<Folded<S>>

/** Conflicts with writers of other processes after which a command is given up. */
const CONFLICTS = 3

/**
 * Decides a command on its stream and appends what was decided: one effect, however often it comes and however an append fails.
 *
 * A failed append may have committed all the same, so the stream is read again before anything else is believed: where the command
 * stands in it, it has succeeded. Answers the fold with the command's last event as its last. Throws `Rejected`; `busy` after three
 * conflicts.
 */
export function createHandle({ store, folds, clock }: { store: EventStore; folds: Folds; clock: Clock }): Handle {
  const serial = createSerial()

  return <S, C, E extends Event>(
    decider: Decider<S, C, E>,
    stream: StreamId,
    command: CommandOf<S, C>,
    context: CommandContext,
    handling: Handling = {},
  ) =>
    serial(stream, async () => {
      const deadline = Date.now() + (handling.commutesForMs ?? 0)
      const begin = handling.fresh ? (folds.peek<S>(stream) ?? nothing(decider)) : folds.read(decider, stream)
      let fold: Folded<S> = await begin
      for (let conflicts = 0; ;) {
        const done = fold.commands.get(context.commandId)
        if (done !== undefined) return folds.at(decider, stream, done)

        const decision = await decide(decider, fold, command, context)
        if (decision.events.length === 0) {
          // Decided on what is cached: a refusal, or that nothing changes, must hold for what the store has now.
          const now = await folds.refresh(decider, stream)
          if (now.revision !== fold.revision) {
            fold = now
            continue
          }
          if (decision.refusal) throw decision.refusal
          return fold
        }

        try {
          const expected = fold.revision < 0n ? 'none' : fold.revision
          const drafts = draftsOf(stream, decision.events, context, clock())
          const { recorded } = await store.append(stream, expected, drafts)
          return folds.advance(decider, stream, fold, recorded)
        } catch (error) {
          if (error instanceof Rejected) throw error
          fold = await folds.refresh(decider, stream)
          if (fold.commands.has(context.commandId)) continue
          if (++conflicts >= CONFLICTS && Date.now() >= deadline) throw givenUp(error)
          await pause(Math.random() * 5 * conflicts)
        }
      }
    })
}

function givenUp(error: unknown): unknown {
  return error instanceof WrongExpectedRevision ? new Rejected('busy', '该数据正被其他请求修改，请稍后重试') : error
}

type Decision<E> = Readonly<{ events: readonly E[]; refusal?: Rejected }>

async function decide<S, C, E extends Event>(
  decider: Decider<S, C, E>,
  fold: Folded<S>,
  command: CommandOf<S, C>,
  context: CommandContext,
): Promise<Decision<E>> {
  if (context.ifMatch !== undefined && context.ifMatch !== fold.revision) {
    return {
      events: [],
      refusal: new Rejected('precondition_failed', 'If-Match：数据已被修改，请刷新后重试', 'If-Match'),
    }
  }
  try {
    return { events: decider.decide(await command(fold.state), fold.state) }
  } catch (error) {
    if (error instanceof Rejected) return { events: [], refusal: error }
    throw error
  }
}

function draftsOf(stream: StreamId, events: readonly Event[], context: CommandContext, at: string): Draft[] {
  const { commandId, requestHash, actor, correlationId, causationId, traceparent } = context
  return events.map(({ type, data }, index) => ({
    type,
    data,
    id: eventId(commandId, stream, index),
    at,
    meta: {
      commandId,
      ...(requestHash === undefined ? {} : { requestHash }),
      actor,
      correlationId,
      ...(causationId === undefined ? {} : { causationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
      schemaVersion: SCHEMA_VERSION,
    },
  }))
}
