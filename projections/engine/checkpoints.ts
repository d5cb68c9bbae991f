import type { Position } from '../../contracts/core.ts'
import { carryOut, type Sql, sqlState } from '../../platform/sql.ts'
import type { Projection } from '../port.ts'
import type { Member, Stopped } from './member.ts'

/** A checkpoint was not where its projector had left it: someone else feeds the same rows. */
export class Rival extends Error {
  constructor(members: readonly Member[]) {
    super(`another projector has moved ${members.join(', ')}`)
    this.name = 'Rival'
  }
}

/**
 * Moves the checkpoints of all to `position`, if every one of them is where this process has left it. It comes first in a
 * transaction: it locks the rows, so that a rival waits here, before it could touch what is being written. In a transaction it is not
 * waited for: `asRival` tells its refusal.
 */
export async function advance(sql: Sql, members: readonly Member[], position: Position): Promise<void> {
  await carryOut(
    sql,
    `with moved as (
       update projections p set position = $1, stopped_position = null, error = null
       from unnest($2::text[], $3::integer[], $4::integer[], $5::text[]) as m (name, version, generation, position)
       where p.name = m.name and p.version = m.version and p.generation = m.generation
         and p.position = m.position and p.state <> 'retired'
       returning 1
     )
     select projection_rival() where (select count(*) from moved) <> $6::integer`,
    [
      position,
      members.map(({ projection }) => projection.name),
      members.map(({ projection }) => projection.version),
      members.map(({ generation }) => generation),
      members.map((member) => member.position),
      members.length,
    ],
  )
}

/** What `advance` failed with: `Rival` where a checkpoint was not where these members had left it. */
export function asRival(error: unknown, members: readonly Member[]): unknown {
  return sqlState(error) === 'TLRVL' ? new Rival(members) : error
}

/** Keeps with the checkpoint that the event behind it cannot be applied. */
export async function recordStop(sql: Sql, member: Member, { position, error }: Stopped): Promise<void> {
  const { projection, generation } = member
  const rows = await sql.query(
    `update projections set stopped_position = $1, error = $2
     where name = $3 and version = $4 and generation = $5 and position = $6 returning name`,
    [position, error, projection.name, projection.version, generation, member.position],
  )
  if (rows.length === 0) throw new Rival([member])
}

/** A generation as it is stored. */
export type GenerationRow = Readonly<{
  name: string
  generation: number
  state: 'live' | 'building'
  position: Position
  stopped: Stopped | undefined
}>

/** The live and building generations of these projections in this code's versions. */
export async function generationsOf(sql: Sql, projections: readonly Projection[]): Promise<GenerationRow[]> {
  const rows = await sql.query<
    Omit<GenerationRow, 'stopped'> & { stopped_position: Position | null; error: string | null }
  >(
    `select p.name, p.generation, p.state, p.position, p.stopped_position, p.error
     from projections p join unnest($1::text[], $2::integer[]) as m (name, version) using (name, version)
     where p.state <> 'retired' order by p.name, p.generation`,
    namesAndVersions(projections),
  )
  return rows.map(({ stopped_position, error, ...row }) => ({
    ...row,
    stopped: stopped_position === null ? undefined : { position: stopped_position, error: error ?? '' },
  }))
}

/** What the slowest of these projections has passed, those that have stopped apart; undefined when all have. */
export async function slowest(sql: Sql, projections: readonly Projection[]): Promise<Position | undefined> {
  const [row] = await sql.query<{ position: Position | null }>(
    `select min(p.position) as position
     from projections p join unnest($1::text[], $2::integer[]) as m (name, version) using (name, version)
     where p.state = 'live' and p.stopped_position is null`,
    namesAndVersions(projections),
  )
  return row?.position ?? undefined
}

/** Two arrays for `unnest`. */
export function namesAndVersions(projections: readonly Projection[]): [string[], number[]] {
  return [projections.map(({ name }) => name), projections.map(({ version }) => version)]
}
