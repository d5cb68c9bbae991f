import { type Decider, type Event, Rejected, type StreamId } from '../../contracts/core.ts'
import type { CommandMemory, Remembered } from '../../platform/commands.ts'
import { createSerial } from '../../platform/serial.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Folded, Folds } from './folds.ts'
import type { CommandContext, CommandOf, Handle, Handling } from './handle.ts'

/** A kind of thing that has a REST id and a stream of its own. */
export type Aggregate<S, C, E extends Event> = Readonly<{
  kind: string
  stream(id: number): StreamId
  decider: Decider<S, C, E>
}>

/** What a write left behind: the state that its answer is rendered from. */
export type Outcome<S> = Folded<S> & Readonly<{ id: number }>

/** What has a REST id and lives in the stream of another. */
export type Part = Readonly<{
  owner: number
  /** Of the sequence that its ids come from. */
  kind: string
  /** Whether a part has that id already, whoever owns it: no stream is named by it that would tell. */
  taken(id: number): Promise<boolean>
}>

/** Milliseconds after which an addition no longer tries to get in between other writers. */
const ADDED_WITHIN = 10_000

class IdTaken extends Rejected {
  constructor() {
    super('conflict', '编号已被占用，请重试')
  }
}

/**
 * Creating and changing, as every module does it: ids are drawn, an idempotency key's first answer is found again, and the answer
 * waits until every read model shows the write.
 */
export type Writes = Readonly<{
  create<S, C, E extends Event>(
    aggregate: Aggregate<S, C, E>,
    command: (id: number) => C | Promise<C>,
    context: CommandContext,
  ): Promise<Outcome<S>>
  /** Adds a part to its owner, in the owner's stream. What is added commutes with all that others write there. Answers the part's id. */
  add<S, C, E extends Event>(
    aggregate: Aggregate<S, C, E>,
    part: Part,
    command: (id: number, state: S) => C | Promise<C>,
    context: CommandContext,
  ): Promise<Outcome<S>>
  change<S, C, E extends Event>(
    aggregate: Aggregate<S, C, E>,
    id: number,
    command: CommandOf<S, C>,
    context: CommandContext,
    handling?: Pick<Handling, 'commutesForMs'>,
  ): Promise<Outcome<S>>
  /** Runs `work` with what is remembered of the command; a refusal forgets it. */
  remembering<T>(
    context: CommandContext,
    ids: readonly number[],
    work: (remembered: Remembered) => Promise<T>,
  ): Promise<T>
  /** A repeat of the command is answered with what stood at `revision`. */
  keepRevision(commandId: string, revision: bigint): Promise<void>
}>

const NOT_REMEMBERED: Omit<Remembered, 'ids'> = { repeated: false, revision: undefined }

export function createWrites(deps: {
  handle: Handle
  folds: Folds
  memory: CommandMemory
  nextId(kind: string): Promise<number>
  readModels: Pick<ReadModels, 'passed'>
}): Writes {
  const { handle, folds, memory, nextId, readModels } = deps
  const serial = createSerial()

  async function shown<S>(id: number, fold: Folded<S>): Promise<Outcome<S>> {
    await readModels.passed(fold.position)
    return { id, ...fold }
  }

  async function remembering<T>(
    context: CommandContext,
    ids: readonly number[],
    work: (remembered: Remembered) => Promise<T>,
  ): Promise<T> {
    const { commandId, requestHash } = context
    if (requestHash === undefined) return work({ ...NOT_REMEMBERED, ids })
    // One at a time: a repeat that comes while the first is under way waits for what becomes of it.
    return serial(commandId, async () => {
      const remembered = await memory.begin({ commandId, requestHash, ids })
      try {
        return await work(remembered)
      } catch (error) {
        if (error instanceof Rejected) await memory.forget(commandId)
        throw error
      }
    })
  }

  /** The stream as the command left it, when the command stands in it. */
  async function done<S, C, E extends Event>(
    { decider }: Aggregate<S, C, E>,
    stream: StreamId,
    commandId: string,
  ): Promise<Folded<S> | undefined> {
    const revision = (await folds.refresh(decider, stream)).commands.get(commandId)
    return revision === undefined ? undefined : folds.at(decider, stream, revision)
  }

  /** Does `attempt` with a new id, or the one that the command drew when it first came; with another when it is taken. */
  async function withFreshId<S, C, E extends Event>(
    aggregate: Aggregate<S, C, E>,
    { kind, stream }: Pick<Aggregate<S, C, E>, 'kind' | 'stream'>,
    context: CommandContext,
    attempt: (id: number) => Promise<Folded<S> | 'taken'>,
  ): Promise<Outcome<S>> {
    return remembering(context, [await nextId(kind)], async ({ repeated, ids }) => {
      let [id = 0] = ids
      const first = repeated ? await done(aggregate, stream(id), context.commandId) : undefined
      if (first) return shown(id, first)
      for (;;) {
        const fold = await attempt(id)
        if (fold !== 'taken') return shown(id, fold)
        // The sequence is behind what there is, as after a restore: the next id may be free.
        const next = await nextId(kind)
        const kept = context.requestHash === undefined ? [] : await memory.replaceIds(context.commandId, [id], [next])
        id = kept[0] ?? next
      }
    })
  }

  return {
    remembering,
    keepRevision: memory.keepRevision,

    create(aggregate, command, context) {
      return withFreshId(aggregate, aggregate, context, async (id) => {
        const stream = aggregate.stream(id)
        const wanted = await command(id)
        return handle(aggregate.decider, stream, () => wanted, context, { fresh: true }).catch((error: unknown) => {
          if (error instanceof Rejected && error.code === 'conflict' && folds.peek(stream)) return 'taken'
          throw error
        })
      })
    },

    add<S, C, E extends Event>(
      aggregate: Aggregate<S, C, E>,
      { owner, kind, taken }: Part,
      command: (id: number, state: S) => C | Promise<C>,
      context: CommandContext,
    ) {
      const stream = aggregate.stream(owner)
      return withFreshId(aggregate, { kind, stream: () => stream }, context, (id) => {
        // Asked where a repeat that has got in meanwhile is found before it is refused.
        const unlessTaken: CommandOf<S, C> = async (state) => {
          if (await taken(id)) throw new IdTaken()
          return command(id, state)
        }
        const handling = { commutesForMs: ADDED_WITHIN }
        return handle(aggregate.decider, stream, unlessTaken, context, handling).catch((error: unknown) => {
          if (error instanceof IdTaken) return 'taken'
          throw error
        })
      })
    },

    async change(aggregate, id, command, context, handling) {
      const stream = aggregate.stream(id)
      return remembering(context, [], async ({ repeated, revision }) => {
        if (repeated) {
          const first =
            revision === undefined
              ? await done(aggregate, stream, context.commandId)
              : await folds.at(aggregate.decider, stream, revision)
          if (first) return shown(id, first)
        }
        const fold = await handle(aggregate.decider, stream, command, context, handling)
        const changedNothing = !fold.commands.has(context.commandId)
        if (changedNothing && context.requestHash !== undefined) {
          await memory.keepRevision(context.commandId, fold.revision)
        }
        return shown(id, fold)
      })
    },
  }
}
