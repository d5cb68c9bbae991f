/**
 * The life of a generation: built from the log's start beside the live one, switched to, retired, and dropped after a while.
 *
 * Older versions' rows and tables are left alone by all of this: they are fed as long as code runs that knows them, and a
 * later release removes them with `dropVersionsBefore`.
 */
import { START } from '../../contracts/core.ts'
import { ADVISORY_LOCKS } from '../../platform/advisory-locks.ts'
import { type Database, type Sql, sqlState } from '../../platform/sql.ts'
import type { Projection } from '../port.ts'
import { namesAndVersions, Rival } from './checkpoints.ts'
import { Member, tableNames } from './member.ts'
import { CHANNEL } from './schema.ts'

/** Makes a first generation of each projection that has none in this version. It is live: there is no other to read. */
export async function createMissing(db: Database, projections: readonly Projection[]): Promise<void> {
  await changing(db, async (sql) => {
    const rows = await sql.query<{ name: string }>(
      `select p.name from projections p join unnest($1::text[], $2::integer[]) as m (name, version) using (name, version)
       where p.state = 'live'`,
      namesAndVersions(projections),
    )
    const present = new Set(rows.map(({ name }) => name))
    for (const projection of projections) {
      if (!present.has(projection.name)) await create(sql, projection, 'live')
    }
  })
}

/**
 * Starts a new generation beside the live one; `undefined` when no request for it is open (any more). A half-built one that was left by
 * a kill, its request still open, is dropped first.
 */
export async function startBuilding(db: Database, projection: Projection): Promise<Member | undefined> {
  return changing(db, async (sql) => {
    const [asked] = await sql.query(
      'select 1 from rebuild_requests where name = $1 and version = $2 and done_at is null limit 1',
      [projection.name, projection.version],
    )
    if (asked === undefined) return undefined
    await dropGenerations(sql, `name = $1 and version = $2 and state = 'building'`, [
      projection.name,
      projection.version,
    ])
    return create(sql, projection, 'building')
  })
}

/**
 * Makes `built` the live generation and retires `old`, and closes the requests for it. Both rows are locked meanwhile, so that the
 * old one cannot move on behind the comparison. Throws `Rival` when `built` is behind, or not where this process left it.
 */
export async function switchTo(db: Database, built: Member, old: Member): Promise<void> {
  const { name, version } = built.projection
  await db.transaction(async (sql) => {
    const rows = await sql.query<{ generation: number; state: string; position: string }>(
      `select generation, state, position from projections
       where name = $1 and version = $2 and state <> 'retired' order by generation for update`,
      [name, version],
    )
    const mine = rows.find(({ generation }) => generation === built.generation)
    const live = rows.find(({ state }) => state === 'live')
    const ready = mine?.position === built.position && live?.generation === old.generation
    if (!ready || live.position > built.position) throw new Rival([built, old])
    await sql.query(
      `update projections set state = 'retired', retired_at = clock_timestamp()
       where name = $1 and version = $2 and generation = $3`,
      [name, version, old.generation],
    )
    await sql.query(`update projections set state = 'live' where name = $1 and version = $2 and generation = $3`, [
      name,
      version,
      built.generation,
    ])
    await closeRequests(sql, built.projection)
    await sql.query(`notify ${CHANNEL}`)
  })
}

/** Gives a generation up that cannot be built: its requests are answered with the reason, the live one stays. */
export async function abandon(db: Database, { projection, generation, stopped }: Member): Promise<void> {
  await changing(db, async (sql) => {
    await dropGenerations(sql, `name = $1 and version = $2 and generation = $3`, [
      projection.name,
      projection.version,
      generation,
    ])
    await closeRequests(sql, projection, stopped)
    await sql.query(`notify ${CHANNEL}`)
  })
}

async function closeRequests(sql: Sql, { name, version }: Projection, failure?: Member['stopped']): Promise<void> {
  await sql.query(
    `update rebuild_requests set done_at = now(), failed_position = $3, error = $4
     where name = $1 and version = $2 and done_at is null`,
    [name, version, failure?.position ?? null, failure?.error ?? null],
  )
}

/** What a query that runs on a retired table costs at most when the table is to be dropped: others wait behind the drop. */
const DROP_WAIT_MILLISECONDS = 200

/**
 * Drops generations that were retired longer ago than `milliseconds`. Who asked for a table's name just before the switch still reads
 * it: a generation whose tables are in use is left for the next time.
 */
export async function dropRetired(db: Database, milliseconds: number): Promise<void> {
  const rows = await db.query<{ name: string; version: number; generation: number }>(
    `select name, version, generation from projections
     where state = 'retired' and retired_at < clock_timestamp() - $1 * interval '1 millisecond'`,
    [milliseconds],
  )
  for (const { name, version, generation } of rows) {
    try {
      await db.transaction(async (sql) => {
        await sql.query(`set local lock_timeout = ${DROP_WAIT_MILLISECONDS}`)
        await dropGenerations(sql, 'name = $1 and version = $2 and generation = $3', [name, version, generation])
      })
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    }
  }
}

const LOCK_NOT_AVAILABLE = '55P03'

/**
 * Drops what older versions of these projections left. For a release in which no code of those versions runs any more: nothing
 * calls it by itself, as a platform that is being replaced still reads them.
 */
export async function dropVersionsBefore(db: Database, projections: readonly Projection[]): Promise<void> {
  for (const { name, version } of projections) {
    await changing(db, (sql) => dropGenerations(sql, 'name = $1 and version < $2', [name, version]))
  }
}

/** Drops every generation of every projection, of older versions too: the log that they were fed with is not the one that comes now. */
export async function dropAll(sql: Sql): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.generations})`)
  await dropGenerations(sql, 'true', [])
}

async function create(sql: Sql, projection: Projection, state: 'live' | 'building'): Promise<Member> {
  const { name, version, tables } = projection
  const [row] = await sql.query<{ generation: number }>(
    'select coalesce(max(generation), 0) + 1 as generation from projections where name = $1 and version = $2',
    [name, version],
  )
  const generation = row?.generation ?? 1
  const table = tableNames(projection, generation)
  await sql.query(
    'insert into projections (name, version, generation, state, position, tables) values ($1, $2, $3, $4, $5, $6)',
    [name, version, generation, state, START, tables.map(table)],
  )
  await projection.migrate(sql, table)
  return new Member(projection, { generation, state, position: START, stopped: undefined })
}

async function dropGenerations(sql: Sql, condition: string, values: readonly unknown[]): Promise<void> {
  const rows = await sql.query<{ tables: string[] }>(
    `delete from projections where ${condition} returning tables`,
    values,
  )
  for (const table of rows.flatMap(({ tables }) => tables)) await sql.query(`drop table if exists ${table}`)
}

/** One change of generations at a time in a database. */
function changing<T>(db: Database, work: (sql: Sql) => Promise<T>): Promise<T> {
  return db.transaction(async (sql) => {
    await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.generations})`)
    return work(sql)
  })
}
