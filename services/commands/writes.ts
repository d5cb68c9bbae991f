import { type Decider, type Event, Rejected, type StreamId } from '../../contracts/core.ts'
import type { CommandMemory, Remembered } from '../../platform/commands.ts'
import { createSerial } from '../../platform/serial.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Folded, Folds } from './folds.ts'
import type { CommandContext, CommandOf, Handle } from './handle.ts'

/** A kind of thing that has a REST id and a stream of its own. */
export type Aggregate<S, C, E extends Event> = Readonly<{
  kind: string
  stream(id: number): StreamId
  decider: Decider<S, C, E>
}>

/** What a write left behind: the state that its answer is rendered from. */
export type Outcome<S> = Folded<S> & Readonly<{ id: number }>

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
  change<S, C, E extends Event>(
    aggregate: Aggregate<S, C, E>,
    id: number,
    command: CommandOf<S, C>,
    context: CommandContext,
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

  return {
    remembering,
    keepRevision: memory.keepRevision,

    async create(aggregate, command, context) {
      return remembering(context, [await nextId(aggregate.kind)], async ({ repeated, ids }) => {
        let [id = 0] = ids
        const first = repeated ? await done(aggregate, aggregate.stream(id), context.commandId) : undefined
        if (first) return shown(id, first)
        for (;;) {
          const stream = aggregate.stream(id)
          const wanted = await command(id)
          try {
            const fold = await handle(aggregate.decider, stream, () => wanted, context, { fresh: true })
            return await shown(id, fold)
          } catch (error) {
            // The sequence is behind the streams, as after a restore: the next id may be free.
            if (!(error instanceof Rejected && error.code === 'conflict' && folds.peek(stream))) throw error
            const next = await nextId(aggregate.kind)
            const kept =
              context.requestHash === undefined ? [] : await memory.replaceIds(context.commandId, [id], [next])
            id = kept[0] ?? next
          }
        }
      })
    },

    async change(aggregate, id, command, context) {
      const stream = aggregate.stream(id)
      return remembering(context, [], async ({ repeated, revision }) => {
        if (repeated) {
          const first =
            revision === undefined
              ? await done(aggregate, stream, context.commandId)
              : await folds.at(aggregate.decider, stream, revision)
          if (first) return shown(id, first)
        }
        const fold = await handle(aggregate.decider, stream, command, context)
        const changedNothing = !fold.commands.has(context.commandId)
        if (changedNothing && context.requestHash !== undefined) {
          await memory.keepRevision(context.commandId, fold.revision)
        }
        return shown(id, fold)
      })
    },
  }
}
