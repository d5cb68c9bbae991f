import type { Decider, Event, Position, Recorded, StreamId } from '../../contracts/core.ts'
import { START } from '../../contracts/core.ts'
import { upcast } from '../../contracts/events.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { Recent } from './recent.ts'

/** A stream folded: its state, and which commands its events came from. `revision` is -1 before the first event. */
export type Folded<S> = Readonly<{
  state: S
  revision: bigint
  position: Position
  /** By command id the revision of the last event that came from it. Later folds of the stream share the map, and so add to it. */
  commands: ReadonlyMap<string, bigint>
}>

/** Streams whose folds are kept in memory. */
const MOST = 20_000

/**
 * Folded streams, kept by stream and revision so that only newer events are loaded. `observe` is fed with the log as it is followed,
 * which keeps what is cached close to what other processes append; an append's expected revision is what makes a decision safe.
 */
export class Folds {
  readonly #store: EventStore
  readonly #cache = new Recent<StreamId, { fold: Folded<unknown>; decider: Decider<unknown, never, Event> }>(MOST)

  constructor(store: EventStore) {
    this.#store = store
  }

  /** The fold as it is cached, else loaded. */
  async read<S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId): Promise<Folded<S>> {
    return this.peek<S>(stream) ?? (await this.refresh(decider, stream))
  }

  /** The fold with all that the store holds now. */
  async refresh<S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId): Promise<Folded<S>> {
    const before = this.peek<S>(stream) ?? nothing(decider)
    const newer = await this.#store.load(stream, { from: before.revision + 1n })
    return this.#keep(decider, stream, before, newer)
  }

  /** The fold as it stood at `revision`. Most are asked for as they stand now, by one run after the other: those are kept. */
  async at<S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId, revision: bigint): Promise<Folded<S>> {
    const present = await this.read(decider, stream)
    if (present.revision === revision) return present
    return extend(decider, nothing(decider), await this.#store.load(stream, { upTo: revision }))
  }

  /** What has just been appended at the end of a fold. */
  advance<S, C, E extends Event>(
    decider: Decider<S, C, E>,
    stream: StreamId,
    before: Folded<S>,
    recorded: readonly Recorded[],
  ): Folded<S> {
    return this.#keep(decider, stream, before, recorded)
  }

  /** Lets cached folds take part in what the log brings. */
  observe(events: readonly Recorded[]): void {
    for (const event of events) {
      const entry = this.#cache.peek(event.stream)
      if (entry && event.revision === entry.fold.revision + 1n) {
        entry.fold = extend(entry.decider, entry.fold, [event])
      }
    }
  }

  /** Drops a stream that will hardly be asked for again, as a run that has ended. */
  forget(stream: StreamId): void {
    this.#cache.delete(stream)
  }

  /** The fold as it is cached. */
  peek<S>(stream: StreamId): Folded<S> | undefined {
    return this.#cache.get(stream)?.fold as Folded<S> | undefined
  }

  #keep<S, C, E extends Event>(
    decider: Decider<S, C, E>,
    stream: StreamId,
    before: Folded<S>,
    newer: readonly Recorded[],
  ): Folded<S> {
    const fold = extend(decider, before, newer)
    const cached = this.#cache.get(stream)
    // While `newer` was loaded another reader may have brought the cache further.
    if (cached && cached.fold.revision > fold.revision) return cached.fold as Folded<S>
    if (fold.revision >= 0n) this.#cache.set(stream, { fold, decider })
    return fold
  }
}

/** The fold of a stream without events. */
export function nothing<S, C, E extends Event>(decider: Decider<S, C, E>): Folded<S> {
  return { state: decider.initial, revision: -1n, position: START, commands: new Map() }
}

function extend<S, C, E extends Event>(
  decider: Decider<S, C, E>,
  before: Folded<S>,
  events: readonly Recorded[],
): Folded<S> {
  const newer = events.filter((event) => event.revision > before.revision)
  const last = newer.at(-1)
  if (!last) return before
  let state = before.state
  // A copy for each event would make a long stream's fold quadratic; who asks for a command wants to know it of the newest fold.
  const commands = before.commands as Map<string, bigint>
  for (const event of newer) {
    state = decider.evolve(state, upcast(event) as Recorded<E>)
    commands.set(event.meta.commandId, event.revision)
  }
  return { state, revision: last.revision, position: last.position, commands }
}
