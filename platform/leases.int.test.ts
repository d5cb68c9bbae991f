import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { createLeases, type Leases, leasesMigration } from './leases.ts'
import { migrate } from './migrations.ts'
import { openDatabase } from './postgres.ts'
import type { Database } from './sql.ts'

let database: TestDatabase
let db: Database
let leases: Leases

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, max: 8, log: quiet })
  await migrate(db, [leasesMigration])
  leases = createLeases(db)
})
beforeEach(() => leases.void())
afterAll(async () => {
  await db.close()
  await database.drop()
})

test('a counter goes up with each renewal, from 1, and others stand still', async () => {
  await leases.renew(['a', 'b'])
  await leases.renew(['a'])
  await leases.renew(['a'])
  expect(await leases.read()).toEqual(
    new Map([
      ['a', 3n],
      ['b', 1n],
    ]),
  )
})

test('a name that is given twice at once counts once', async () => {
  await leases.renew(['a', 'a'])
  expect(await leases.read()).toEqual(new Map([['a', 1n]]))
})

test('what is given back is not there, and begins anew; the others stay', async () => {
  await leases.renew(['a', 'b'])
  await leases.renew(['a', 'b'])
  await leases.give(['a', 'never held'])
  expect(await leases.read()).toEqual(new Map([['b', 2n]]))
  await leases.renew(['a'])
  expect((await leases.read()).get('a')).toBe(1n)
})

test('none is left when all are voided', async () => {
  await leases.renew(['a', 'b'])
  await leases.void()
  expect(await leases.read()).toEqual(new Map())
})

test('who has to wait for a name holds none that comes after it: two that renew the same never wait for each other', async () => {
  await leases.renew(['a', 'b'])
  await db.transaction(async (sql) => {
    const [holder] = await sql.query<{ pid: number }>(
      `select pg_backend_pid() as pid from leases where name = 'a' for update`,
    )
    const renewing = leases.renew(['b', 'a'])
    while (!(await isWaitedFor(holder)));
    // Another one who waited for this one's name would have to wait for ever.
    await sql.query(`select from leases where name = 'b' for update nowait`)
    renewing.catch(() => undefined)
  })
  while ((await leases.read()).get('b') !== 2n);
  expect((await leases.read()).get('a')).toBe(2n)
})

/** Asked outside of the transaction, which would see the same answer for ever. */
async function isWaitedFor(holder: { pid: number } | undefined): Promise<boolean> {
  const waiting = await db.query('select from pg_stat_activity where $1 = any (pg_blocking_pids(pid))', [holder?.pid])
  return waiting.length > 0
}

test('renewals at the same time all count', async () => {
  const names = Array.from({ length: 200 }, (_, n) => `run-${n}/1`)
  const times = 20
  await Promise.all(Array.from({ length: times }, (_, n) => leases.renew(n % 2 === 0 ? names : names.toReversed())))
  expect(await leases.read()).toEqual(new Map(names.toSorted().map((name) => [name, BigInt(times)])))
})

test('a heartbeat writes nothing that a crash would have to recover', async () => {
  const rows = await db.query(`select relpersistence from pg_class where relname = 'leases'`)
  expect(rows).toEqual([{ relpersistence: 'u' }])
})
