import type { Event, EventId, Expected, Meta, Position, Recorded, StreamId } from '../../contracts/core.ts'

/** An event that is to be appended. The store gives it revision, position and, when it is later than the stream's last, `at`. */
export type Draft = Event & Readonly<{ id: EventId; at: string; meta: Meta }>

/** A stream as far as `upTo` (a revision, inclusive); without it, all of it. `from` leaves out what is before that revision. */
export type StreamRef = Readonly<{ stream: StreamId; from?: bigint; upTo?: bigint }>

/**
 * The only truth. Every adapter passes `test/contract/event-store.ts`.
 *
 * A repeat of an append (same event ids) at its old revision, or with `none`, answers the first position. The same event id is
 * accepted in another stream. An append over 256 KiB is refused with `Rejected('too_large')`.
 */
export interface EventStore {
  /** The stream's events by revision; empty when there is none. */
  load(stream: StreamId, range?: { from?: bigint; upTo?: bigint }): Promise<readonly Recorded[]>
  /** One answer for each reference, in their order. */
  loadMany(refs: readonly StreamRef[]): Promise<readonly (readonly Recorded[])[]>
  /** Appends all drafts (at least one) or none. Throws `WrongExpectedRevision`; any other error leaves the outcome unknown. */
  append(stream: StreamId, expected: Expected, drafts: readonly Draft[]): Promise<Appended>
  /** The position of the last event; `START` for an empty log. */
  head(): Promise<Position>
  /** Batches (at most 500 events) of what comes after `after`, in the log's order, without gap, for ever: ends when `signal` is aborted. */
  follow(after: Position, signal: AbortSignal): AsyncIterable<readonly Recorded[]>
}

/** Where an append ended: the position and the revision of its last event. */
export type Appended = Readonly<{ position: Position; revision: bigint; recorded: readonly Recorded[] }>

/** The stream was not where the writer believed it to be. */
export class WrongExpectedRevision extends Error {
  readonly stream: StreamId
  readonly expected: Expected
  constructor(stream: StreamId, expected: Expected) {
    super(`stream ${stream} is not at ${expected}`)
    this.name = 'WrongExpectedRevision'
    this.stream = stream
    this.expected = expected
  }
}

/** Bytes of JSON (data and meta of all drafts) that one append may hold, so that every adapter refuses alike. */
export const MAX_APPEND_BYTES = 256 * 1024

/** Events that one batch of `follow` holds at most. */
export const MAX_FOLLOW_BATCH = 500
