/** What the projector keeps of the log's positions, for who puts another log in its place or gets an older one back. */
import type { Position } from '../contracts/core.ts'
import type { Sql } from '../platform/sql.ts'
import { dropAll } from './engine/generations.ts'

/** The farthest position that any read model has passed; undefined where none is. */
export async function farthestCheckpoint(sql: Sql): Promise<Position | undefined> {
  if (!(await isMade(sql))) return undefined
  const [row] = await sql.query<{ position: Position | null }>(
    `select max(position) as position from projections where state <> 'retired'`,
    [],
  )
  return row?.position ?? undefined
}

/** In a transaction: drops the read models, which the next projector builds from the log's start, and closes what was asked of them. */
export async function dropReadModels(sql: Sql): Promise<void> {
  if (!(await isMade(sql))) return
  await dropAll(sql)
  await sql.query('delete from rebuild_requests', [])
}

/** The positions of the events that operators have told read models to leave out. */
export async function skippedPositions(sql: Sql): Promise<readonly Position[]> {
  if (!(await isMade(sql))) return []
  const rows = await sql.query<{ position: Position }>('select distinct position from projection_skips', [])
  return rows.map(({ position }) => position)
}

/** The same events are left out where they stand now; what stands nowhere is nothing to leave out any more. */
export async function moveSkips(sql: Sql, places: ReadonlyMap<Position, Position | undefined>): Promise<void> {
  if (!(await isMade(sql))) return
  const moved = [...places]
  await sql.query(
    `with gone as (delete from projection_skips returning name, version, position)
     insert into projection_skips (name, version, position)
     select name, version, place from gone
     join unnest($1::text[], $2::text[]) as moved (position, place) using (position) where place is not null`,
    [moved.map(([from]) => from), moved.map(([, to]) => to ?? null)],
  )
}

async function isMade(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ made: boolean }>(`select to_regclass('projection_skips') is not null as made`, [])
  return row?.made ?? false
}
