import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { embeddedConnection } from '../../platform/embedded-postgres.ts'
import { createEsdbEventStore } from '../../platform/event-store/esdb.ts'
import { createPostgresEventStore } from '../../platform/event-store/postgres.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { projections } from '../../projections/all.ts'
import { dumpRows } from '../../projections/rebuild.ts'
import { type Command, type Ended, runCommand } from '../support/command.ts'
import { type EsdbDouble, startEsdbDouble } from '../support/esdb-double.ts'
import { eventsThere } from '../support/event-log.ts'
import { urlOf } from '../support/postgres.ts'
import { type PlatformProcess, startProcess, tryStart } from '../support/platform-process.ts'
import { quiet } from '../support/quiet.ts'
import { startTarget } from '../support/target.ts'
import { fill } from '../support/two-logs.ts'

/** The events of a platform that has worked on Postgres move to EventStoreDB, and it goes on as if nothing had been. */

let dataDir: string
let double: EsdbDouble
let target: Awaited<ReturnType<typeof startTarget>>

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'testledger-migrate-'))
  double = await startEsdbDouble()
  target = await startTarget()
})
afterAll(async () => {
  await target.stop()
  await double.stop()
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

const migrate = (environment: Readonly<Record<string, string>> = {}): Command =>
  runCommand('scripts/migrate-store.ts', [], {
    cwd: dataDir,
    env: { DATA_DIR: dataDir, EVENTSTOREDB_URL: double.url, ...environment },
  })
const onEsdb = (): Readonly<Record<string, string>> => ({ EVENT_STORE: 'esdb', EVENTSTOREDB_URL: double.url })

const LISTS = [
  '/api/testPro/projects/',
  '/api/testPro/envs/?project=1',
  '/api/TestInterFace/interfaces/?project=1',
  '/api/testTask/records/?type=all&project=1',
  '/api/testTask/report/1/',
  '/api/users/',
]
const answers = async ({ call }: PlatformProcess): Promise<readonly unknown[]> =>
  Promise.all(LISTS.map(async (path) => (await call('GET', path)).body as unknown))

/** A project, and a case that was run in it. */
async function work({ call }: PlatformProcess): Promise<void> {
  const project = (await call('POST', '/api/testPro/projects/', { name: '搬家', leader: 'torin' })).body.id as number
  const fields = { name: '登录', url: '/login', method: 'get', type: '1', project }
  await call('POST', '/api/TestInterFace/interfaces/', fields)
  const environment = { name: 'e', host: target.url, project, global_variable: { token: 's3cr3t' } }
  const env = (await call('POST', '/api/testPro/envs/', { ...environment, secrets: ['global_variable.token'] })).body.id
  const cases = { title: '存活', interface: { url: '/', method: 'get', name: '' } }
  expect((await call('POST', '/api/TestInterFace/cases/run/', { env, cases })).body).toMatchObject({ state: '成功' })
}

/** Looks into the database of a platform that runs. */
async function inDatabase<T>(look: (db: Database) => Promise<T>): Promise<T> {
  const db = await openDatabase({ connection: embeddedConnection(dataDir) ?? '', max: 2, log: quiet })
  try {
    return await look(db)
  } finally {
    await db.close()
  }
}

const allRows = (): Promise<Record<string, string[]>> =>
  inDatabase(async (db) => {
    const live = await db.query<{ tables: string[] }>(`select tables from projections where state = 'live'`)
    const names = live.flatMap(({ tables }) => tables)
    const table = (name: string): string => names.find((each) => each.startsWith(`${name}_v`)) ?? name
    return dumpRows({ query: db.query.bind(db), table }, projections)
  })

/** All that a log holds but its name, positions aside. */
async function contents(store: Parameters<typeof eventsThere>[0]): Promise<readonly object[]> {
  const events = await eventsThere(store)
  return events.filter(({ stream }) => stream !== 'event-log').map((event) => ({ ...event, position: '' }))
}

/** Starts it, and kills it when so many more appends have come to the double. */
async function killedAfter(appends: number): Promise<Ended> {
  const before = double.calls.append + double.calls.batchAppend
  const running = migrate()
  while (double.calls.append + double.calls.batchAppend < before + appends) await pause(5)
  running.signal('SIGKILL')
  return running.ended
}

const AT_ONCE = { fault: 'late', milliseconds: 0, committed: 'at once' } as const

describe('npm run migrate-store', () => {
  let before: readonly unknown[]
  let rows: Record<string, string[]>
  let events: readonly object[]

  test('makes no database where there is none, and says what it needs', async () => {
    const nowhere = join(dataDir, 'nowhere')
    expect(await migrate({ DATA_DIR: nowhere }).ended).toMatchObject({
      code: 1,
      errors: expect.stringContaining('does not exist'),
    })
    expect(await migrate({ EVENTSTOREDB_URL: '' }).ended).toMatchObject({
      code: 2,
      errors: 'The configuration is wrong:\n  EVENTSTOREDB_URL: required: where the events are to go\n',
    })
  }, 60_000)

  test('is refused while the platform runs', async () => {
    const platform = await startProcess(dataDir)
    await work(platform)
    const refused = await migrate().ended
    expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining(dataDir) })
    expect(refused.errors).toContain('stop every process of the platform first')
    const embedded = embeddedConnection(dataDir)
    if (embedded === undefined) throw new Error('no database')
    const beside = { DATABASE_URL: urlOf(embedded), JWT_SECRET: 'a'.repeat(64), MASTER_KEY: 'a'.repeat(64) }
    expect(await migrate(beside).ended).toMatchObject({
      code: 1,
      errors: 'The platform runs on this database: stop every process of the platform first.\n',
    })
    await inDatabase(async (db) => {
      const store = createPostgresEventStore({ db, log: quiet })
      await fill(store, 150, 40)
      await store.stop()
    })
    before = await answers(platform)
    expect(before[4]).toMatchObject({ status: '执行完毕', info: { success: 1 } })
    rows = await allRows()
    events = await inDatabase(async (db) => {
      const store = createPostgresEventStore({ db, log: quiet })
      const there = await contents(store)
      await store.stop()
      return there
    })
    expect(await platform.end('SIGTERM')).toBe(0)
    expect(double.log.entries.some(({ type }) => !type.startsWith('$'))).toBe(false)
  }, 120_000)

  test('killed again and again goes on where it was, and then has every event there, in order', async () => {
    // One append is in when it dies and its answer is not; one comes in when it is dead.
    double.nextAppend(...Array.from({ length: 8 }, () => AT_ONCE), { ...AT_ONCE, milliseconds: 3_000 })
    expect((await killedAfter(9)).code).toBeNull()
    double.nextAppend(...Array.from({ length: 8 }, () => AT_ONCE), {
      ...AT_ONCE,
      milliseconds: 1_500,
      committed: 'late',
    })
    expect((await killedAfter(9)).code).toBeNull()

    double.nextAppend(...Array.from({ length: 5 }, () => AT_ONCE), { ...AT_ONCE, milliseconds: 1_000 })
    const appends = double.calls.append + double.calls.batchAppend
    const told = migrate()
    while (double.calls.append + double.calls.batchAppend < appends + 6) await pause(5)
    told.signal('SIGTERM')
    expect(await told.ended).toMatchObject({ code: 1, errors: expect.stringContaining('Interrupted') })

    const { code, output, errors } = await migrate().ended
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    expect(output).toMatch(new RegExp(`^ {2}${events.length} events are the same in both: sha256 [\\da-f]{64}$`, 'm'))
    const store = createEsdbEventStore({ url: double.url, log: quiet })
    expect(await contents(store)).toEqual(events)
    await store.stop()
    expect(await migrate().ended).toMatchObject({ code: 0, output: expect.stringContaining('nothing to do') })
  }, 180_000)

  test('leaves a platform that refuses Postgres and on EventStoreDB answers as before, from the same rows', async () => {
    expect(await tryStart(dataDir)).toMatchObject({ code: 1, said: expect.stringContaining('EVENT_STORE=esdb') })
    const platform = await startProcess(dataDir, onEsdb())
    expect(await answers(platform)).toEqual(before)
    expect(await allRows()).toEqual(rows)
    await work(platform)
    const { body } = await platform.call('GET', '/api/testPro/projects/')
    expect((body as { id: number }[]).map(({ id }) => id)).toEqual([1, 2])
    expect((await platform.call('GET', '/readyz')).status).toBe(200)
    expect(await platform.end('SIGTERM')).toBe(0)
  }, 120_000)
})

test('every place in the database that is a position of the log is known to those who put another log in its place', async () => {
  const platform = await startProcess(dataDir, onEsdb())
  const columns = await inDatabase((db) =>
    db.query<{ place: string }>(
      `select table_name || '.' || column_name as place from information_schema.columns
       where table_schema = 'public' and column_name like '%position%'
         and not exists (select from projections where table_name = any (tables))
       order by place`,
    ),
  )
  await platform.end('SIGTERM')
  expect(columns.map(({ place }) => place)).toEqual([
    // The old log itself.
    'events.position',
    // Looked after by `services/event-log/positions.ts` and `projections/positions.ts`.
    'projection_skips.position',
    'projections.position',
    'projections.stopped_position',
    'rebuild_requests.failed_position',
    'relay_lanes.position',
  ])
}, 60_000)
