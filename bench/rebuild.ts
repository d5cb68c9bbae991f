import { createPostgresEventStore, eventStoreMigration } from '../platform/event-store/postgres.ts'
import { migrate } from '../platform/migrations.ts'
import { openDatabase } from '../platform/postgres.ts'
import { projections } from '../projections/all.ts'
import { createProjectionEngine } from '../projections/engine.ts'
import { awaitRebuild, requestRebuild } from '../projections/rebuild.ts'
import type { ReadModels } from '../projections/port.ts'
import { quiet } from '../test/support/quiet.ts'
import { startDatabases } from './database.ts'
import { EVENTS_PER_PROJECT, ROWS_PER_PROJECT, writeHistory } from './history.ts'
import { atLeast, type Bench, type Figure, number } from './measurement.ts'
import { median } from './rounds.ts'

/** Events a second. */
const AIM = 50_000

/** All read models are rebuilt from a log of 200,000 events, beside the live ones, and switched to. */
export async function rebuildAll(bench: Bench): Promise<readonly Figure[]> {
  const projects = bench.quick ? 20 : 200
  const events = projects * EVENTS_PER_PROJECT
  const databases = await startDatabases(bench)
  const db = await openDatabase({ connection: await databases.fresh('platform'), max: 20, log: quiet })
  bench.defer(() => db.close())
  await migrate(db, [eventStoreMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  bench.defer(() => store.stop())
  const writing = performance.now()
  await writeHistory(store, projects)
  const written = (performance.now() - writing) / 1000
  const head = await store.head()
  if (Number(head) !== events) throw new Error(`the log holds ${head} events instead of ${events}`)

  const engine = createProjectionEngine({ db, store, projections, log: quiet, retiredMilliseconds: 0 })
  bench.defer(() => engine.stop())
  const starting = performance.now()
  await engine.start()
  if (!(await engine.passed(head, 600_000))) throw new Error('the read models have not caught up')
  const caughtUp = (performance.now() - starting) / 1000
  await checkRows(engine, projects)

  const seconds: number[] = []
  for (let nth = 0; nth < (bench.quick ? 1 : 5); nth++) {
    const request = await requestRebuild(db)
    await awaitRebuild(db, request)
    // The platform's own record: whoever waits asks only twice a second.
    const [row] = await db.query<{ took: number }>(
      `select extract(epoch from max(done_at) - min(asked_at))::float8 as took from rebuild_requests
       where id = any ($1::bigint[])`,
      [request.ids],
    )
    seconds.push(Number(row?.took))
    await checkRows(engine, projects)
  }
  const what = `rebuild of ${projections.length} read models from ${events.toLocaleString('en')} events`
  return [
    atLeast(what, events / median(seconds), AIM, ' events/s'),
    { what: `${what}: each time`, reached: `${seconds.map(number).join(', ')} s` },
    { what: 'the first catch-up on the same log', reached: `${number(events / caughtUp)} events/s` },
    { what: 'writing that log', reached: `${number(events / written)} events/s` },
  ]
}

/** A rebuild that leaves something out would be fast. */
async function checkRows(models: ReadModels, projects: number): Promise<void> {
  for (const [table, each] of Object.entries(ROWS_PER_PROJECT)) {
    const [row] = await models.query<{ rows: number }>(`select count(*)::integer as rows from ${models.table(table)}`)
    if (row?.rows !== each * projects) throw new Error(`${table} has ${row?.rows} rows instead of ${each * projects}`)
  }
}
