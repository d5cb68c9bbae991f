/** `test/fixtures/events/`: stored events of every version ever written, as their rows stood in the log. None is ever changed. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Meta, StreamId } from '../../contracts/core.ts'
import type { Sql } from '../../platform/sql.ts'

export type StoredEvent = Readonly<{
  position: number
  stream: StreamId
  revision: number
  id: string
  type: string
  data: object
  meta: Meta
  at: string
}>

const FOLDER = new URL('../fixtures/events/', import.meta.url)

/** All of them in the log's order. */
export function storedEvents(): readonly StoredEvent[] {
  return readdirSync(FOLDER)
    .flatMap((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as StoredEvent[])
    .toSorted((one, other) => one.position - other.position)
}

/** Puts them into an empty log as they are: no code of today's has a say in how they are written. */
export async function restore(sql: Sql, events: readonly StoredEvent[]): Promise<void> {
  const column = (pick: (event: StoredEvent) => unknown): unknown[] => events.map(pick)
  await sql.query(
    `insert into events (position, stream, revision, id, type, data, meta, at)
     select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::json[], $7::json[], $8::text[])`,
    [
      column(({ position }) => position),
      column(({ stream }) => stream),
      column(({ revision }) => revision),
      column(({ id }) => id),
      column(({ type }) => type),
      column(({ data }) => JSON.stringify(data)),
      column(({ meta }) => JSON.stringify(meta)),
      column(({ at }) => at),
    ],
  )
}
