/**
 * The words that everything else is said in: events, what is recorded of them, deciders and refusals.
 */

/** A fact as a decider states it. `D` holds only what JSON can hold; what users sent as JSON stands in it as `JsonText`. */
export type Event<T extends string = string, D extends object = object> = Readonly<{ type: T; data: Readonly<D> }>

/** `kind-id`, for example `scene-12`. A stream is one aggregate and the unit of consistency. */
export type StreamId = string

/** The REST id in a stream's name: 12 for `scene-12`. */
export const idOf = (stream: StreamId): number => Number(stream.slice(stream.lastIndexOf('-') + 1))

/** A uuid. Derived from command, stream and index, so that a repeated append repeats its ids. */
export type EventId = string

/** Where an event stands in the whole log: text of fixed width that sorts as the log does. */
export type Position = string

/** The position before the first event. */
export const START: Position = '0'.repeat(19)

/** Who did what on whose behalf: recorded with every event, never part of a decision. */
export type Meta = Readonly<{
  commandId: string
  /** HMAC of the request's body, for writes that carried an idempotency key. */
  requestHash?: string
  /** REST id of the user; 0 is the platform itself. */
  actor: number
  correlationId: string
  /** The event that led to this one. */
  causationId?: EventId
  /** W3C Trace Context of what was under way, where it was traced. */
  traceparent?: string
  schemaVersion: number
}>

/** An event as the store answers it. `at` is ISO 8601 with microseconds and offset, never before the stream's last. */
export type Recorded<E extends Event = Event> = E &
  Readonly<{ id: EventId; stream: StreamId; revision: bigint; position: Position; at: string; meta: Meta }>

/** Pure rules of one aggregate: no clock, no random, no I/O. `decide` refuses by throwing `Rejected`. */
export interface Decider<S, C, E extends Event> {
  readonly initial: S
  evolve(state: S, event: E | Recorded<E>): S
  decide(command: C, state: S): readonly E[]
}

/** What a stream must be at for an append to be accepted: `none` (no events yet) or its last revision, from 0. */
export type Expected = bigint | 'none'

/** The stable codes of refusals. One table in the gateway maps each to a status and a body, for each dialect. */
export type RejectionCode =
  | 'invalid' // 422: a field's value
  | 'not_found' // 404: the thing the path names
  | 'unknown_reference' // 422: an id in the body names nothing
  | 'forbidden' // 403
  | 'conflict' // 400: impossible in the present state
  | 'precondition_failed' // 412: If-Match of an older revision
  | 'idempotency_key_reused' // 422: the key came with another body
  | 'too_large' // 413
  | 'rate_limited' // 429: too many tries, `RateLimited` says until when
  | 'busy' // 503: other writers won three times

/** A refusal: `message` is for the user (Chinese, names the field), `field` is the wire name of what was wrong. */
export class Rejected extends Error {
  readonly code: RejectionCode
  readonly field: string | undefined
  constructor(code: RejectionCode, message: string, field?: string) {
    super(message)
    this.name = 'Rejected'
    this.code = code
    this.field = field
  }
}

/** A refusal that passes: it may be tried again after `retryAfter` seconds. */
export class RateLimited extends Rejected {
  readonly retryAfter: number
  constructor(message: string, retryAfter: number) {
    super('rate_limited', message)
    this.retryAfter = retryAfter
  }
}
