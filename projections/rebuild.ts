import { Bell } from '../platform/bell.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Log } from '../platform/log.ts'
import { migrate } from '../platform/migrations.ts'
import type { Database, Sql } from '../platform/sql.ts'
import { createProjectionEngine } from './engine.ts'
import { CHANNEL, engineMigrations } from './engine/schema.ts'
import type { Projection } from './port.ts'

/** What `requestRebuild` answers: it outlives the process that asked. */
export type RebuildRequest = Readonly<{ ids: readonly string[]; names: readonly string[] }>

/**
 * Asks whoever feeds the projections to build them again from the log's start; without `names`, all of them. Queries go on with what
 * is there until the new rows are switched to. Throws when a name is not that of a projection.
 */
export async function requestRebuild(db: Database, names?: readonly string[]): Promise<RebuildRequest> {
  await migrate(db, engineMigrations)
  return db.transaction(async (sql) => {
    const rows = await sql.query<{ id: string; name: string }>(
      `insert into rebuild_requests (name, version)
       select name, max(version) from projections
       where state = 'live' and ($1::text[] is null or name = any ($1)) group by name
       returning id, name`,
      [names ?? null],
    )
    const unknown = names?.filter((name) => !rows.some((row) => row.name === name)) ?? []
    if (unknown.length > 0) throw new Error(`there is no projection ${unknown.join(', ')}`)
    await sql.query(`notify ${CHANNEL}`)
    return { ids: rows.map(({ id }) => id), names: rows.map(({ name }) => name) }
  })
}

/** A rebuild that was given up: the read models that were to be replaced are as they were. */
export class RebuildFailed extends Error {
  constructor(reasons: readonly string[]) {
    super(reasons.join('; '))
    this.name = 'RebuildFailed'
  }
}

const POLL_MILLISECONDS = 500

/** Resolves when all that was asked for is live, or `signal` is aborted. Throws `RebuildFailed` with the event that cannot be applied. */
export async function awaitRebuild(
  db: Database,
  request: RebuildRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const bell = new Bell()
  const unlisten = await db.listen(CHANNEL, () => bell.ring())
  try {
    while (!signal.aborted) {
      const { rung } = bell
      if (await isDone(db, request)) return
      await bell.next(rung, POLL_MILLISECONDS, signal)
    }
  } finally {
    await unlisten()
  }
}

async function isDone(db: Database, { ids }: RebuildRequest): Promise<boolean> {
  const rows = await db.query<{ name: string; done: boolean; failed_position: string | null; error: string | null }>(
    `select name, done_at is not null as done, failed_position, error from rebuild_requests where id = any ($1::bigint[])`,
    [ids],
  )
  if (!rows.every(({ done }) => done)) return false
  const failed = rows.filter(({ error }) => error !== null)
  if (failed.length === 0) return true
  throw new RebuildFailed(failed.map((row) => `${row.name} cannot apply ${row.failed_position}: ${row.error}`))
}

/**
 * Rebuilds and waits until it is done. A platform that runs does the work, and this process stands by; where none does, it is done
 * here.
 */
export async function rebuild(
  options: Readonly<{
    db: Database
    store: EventStore
    projections: readonly Projection[]
    log: Log
    names?: readonly string[]
    signal?: AbortSignal
  }>,
): Promise<void> {
  const { db, store, projections, log, names, signal } = options
  const engine = createProjectionEngine({ db, store, projections, log })
  await engine.start()
  try {
    await awaitRebuild(db, await requestRebuild(db, names ?? projections.map(({ name }) => name)), signal)
  } finally {
    await engine.stop()
  }
}

/** The live rows of each table of these projections as text, in an order of their own: equal before and after a rebuild. */
export async function dumpRows(
  models: Sql & Readonly<{ table(name: string): string }>,
  projections: readonly Projection[],
): Promise<Record<string, string[]>> {
  const dump: Record<string, string[]> = {}
  for (const table of projections.flatMap(({ tables }) => tables)) {
    const rows = await models.query<{ row: string }>(
      `select t::text as row from ${models.table(table)} t order by t::text collate "C"`,
    )
    dump[table] = rows.map(({ row }) => row)
  }
  return dump
}
