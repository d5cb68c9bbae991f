import type { Meta, Recorded, StreamId } from '../../../contracts/core.ts'
import type { Sql } from '../../sql.ts'
import { type Encoded, later } from '../encode.ts'
import { positionText } from './row.ts'

/** One append among those that travel together. `before` is the revision that its stream must be at; -1: it has no events. */
export type Request = Readonly<{ stream: StreamId; before: bigint; events: readonly Encoded[]; bytes: number }>

/** `repeat`: these very events stand right after `before` already. */
export type Answer =
  | Readonly<{ outcome: 'stored'; first: number; recorded: readonly Recorded[]; bytes: number }>
  | Readonly<{ outcome: 'conflict' | 'repeat' }>

/** Sends appends to distinct streams in one call, which is one transaction. Each is judged on its own; the answers are in their order. */
export async function sendAppends(sql: Sql, requests: readonly Request[]): Promise<readonly Answer[]> {
  const events = requests.flatMap((request) => request.events)
  const [verdict] = await sql.query<Verdict>(CALL, [
    requests.map(({ stream }) => stream),
    requests.map(({ before }) => before),
    requests.map((request) => request.events[0]?.at),
    requests.flatMap((request, index) => request.events.map(() => index + 1)),
    requests.flatMap((request) => request.events.map((_, index) => index + 1)),
    events.map(({ id }) => id),
    events.map(({ type }) => type),
    events.map(({ data }) => data).join(SEPARATOR),
    events.map(({ meta }) => meta).join(SEPARATOR),
    events.map(({ at }) => at),
  ])
  if (verdict === undefined) throw new Error('append_events answered nothing')
  const refused = new Set(verdict.refused)
  const repeated = new Set(verdict.repeated)
  let next = Number(verdict.head) + 1
  return requests.map((request, index): Answer => {
    if (refused.has(index + 1)) return { outcome: repeated.has(index + 1) ? 'repeat' : 'conflict' }
    const first = next
    next += request.events.length
    return {
      outcome: 'stored',
      first,
      recorded: stored(request, first, verdict.lifts?.[index] ?? ''),
      bytes: request.bytes,
    }
  })
}

/** What `append_events` answers (`schema.sql`). */
type Verdict = Readonly<{
  head: string
  refused: readonly number[] | null
  repeated: readonly number[] | null
  lifts: readonly (string | null)[] | null
}>

// JSON holds no bare control character, so that it travels joined by one: quoted in an array it would be escaped and read once more.
const SEPARATOR = '\u001E'
const CALL = `select * from append_events($1, $2, $3, $4, $5, $6, $7,
  string_to_array($8, e'\\x1e')::json[], string_to_array($9, e'\\x1e')::json[], $10)`

/** The events as a reader would get them; `lifted` is the stream's last time, where they claimed an earlier one. */
function stored({ stream, before, events }: Request, first: number, lifted: string): readonly Recorded[] {
  return events.map((event, index) => ({
    type: event.type,
    data: JSON.parse(event.data) as object,
    id: event.id,
    stream,
    revision: before + BigInt(index + 1),
    position: positionText(first + index),
    at: later(lifted, event.at),
    meta: JSON.parse(event.meta) as Meta,
  }))
}
