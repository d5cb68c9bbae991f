/**
 * Everything in the database that is a position of the event log: read models, what they skip, and how far the relay has published. A
 * test compares the tables' columns with it: a new place belongs here.
 */
import { type Position, START } from '../../contracts/core.ts'
import type { Sql } from '../../platform/sql.ts'
import { dropReadModels, farthestCheckpoint, moveSkips, skippedPositions } from '../../projections/positions.ts'

/** The farthest position that anything has come to; START where nothing has begun. */
export async function farthestPosition(sql: Sql): Promise<Position> {
  const lanes = await relayPositions(sql)
  return [...lanes, (await farthestCheckpoint(sql)) ?? START].reduce((one, other) => (one > other ? one : other), START)
}

/** Positions whose places in another log are to be known before `movePositions`. */
export async function keptPositions(sql: Sql): Promise<readonly Position[]> {
  return [...(await relayPositions(sql)), ...(await skippedPositions(sql))]
}

/**
 * In a transaction: everything goes on in another log, or in what is left of this one. Read models are dropped, to be built from its start;
 * the relay goes on behind what it has published, at `place(position)`; a skipped event is skipped where it stands now, at
 * `placeOfEvent(position)`.
 */
export async function movePositions(
  sql: Sql,
  place: (position: Position) => Position,
  placeOfEvent: (position: Position) => Position | undefined,
): Promise<void> {
  await dropReadModels(sql)
  await moveSkips(sql, new Map((await skippedPositions(sql)).map((position) => [position, placeOfEvent(position)])))
  const published = await relayPositions(sql)
  if (published.length === 0) return
  await sql.query(
    `update relay_lanes set position = moved.place
     from unnest($1::text[], $2::text[]) as moved (position, place) where relay_lanes.position = moved.position`,
    [published, published.map(place)],
  )
}

async function relayPositions(sql: Sql): Promise<readonly Position[]> {
  const [made] = await sql.query<{ made: boolean }>(`select to_regclass('relay_lanes') is not null as made`, [])
  if (!made?.made) return []
  return (await sql.query<{ position: Position }>('select distinct position from relay_lanes', [])).map(
    ({ position }) => position,
  )
}
