import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { ADVISORY_LOCKS } from './advisory-locks.ts'
import { openDatabase } from './postgres.ts'
import { claimDatabase, isDatabaseClaimed } from './single.ts'
import type { Database } from './sql.ts'

let database: TestDatabase
let db: Database
beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
})
afterAll(async () => {
  await db.close()
  await database.drop()
})

const alone = { alone: true, log: quiet, patienceMs: 300 }
const together = { alone: false, log: quiet, patienceMs: 300 }

async function cut(): Promise<void> {
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'testledger platform'`,
  )
}

test('who claims alone is alone', async () => {
  const claim = await claimDatabase(db, alone)
  expect(await isDatabaseClaimed(db)).toBe(true)
  await expect(claimDatabase(db, alone)).rejects.toThrow('another platform runs on this database')
  await expect(claimDatabase(db, together)).rejects.toThrow('MESSAGE_LOG=kafka')
  await claim.release()
  expect(await isDatabaseClaimed(db)).toBe(false)
})

test('those who claim together are many, and nobody is alone beside them', async () => {
  const claims = [await claimDatabase(db, together), await claimDatabase(db, together)]
  await expect(claimDatabase(db, alone)).rejects.toThrow('another platform runs on this database')
  for (const claim of claims) await claim.release()
  await (await claimDatabase(db, alone)).release()
})

test('a claim whose connection is cut is made again', async () => {
  const claim = await claimDatabase(db, alone)
  const [first] = await holders()
  await cut()
  // The server takes a moment to end the session that was cut.
  for (;;) {
    const [holder] = await holders()
    if (holder !== undefined && holder !== first) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await expect(claimDatabase(db, together)).rejects.toThrow('another platform runs')
  await claim.release()
})

test('who finds another platform there when its connection is back has lost', async () => {
  const claim = await claimDatabase(db, alone)
  const rival = await db.session({ name: 'rival' })
  // In line for the lock, it is next when the connection is cut.
  const taken = rival.query(`select pg_advisory_lock(${ADVISORY_LOCKS.platform})`)
  while (!(await isAwaited())) await new Promise((resolve) => setTimeout(resolve, 10))
  await cut()
  await taken
  expect((await claim.lost).name).toBe('DatabaseInUse')
  await claim.release()
  await rival.close()
})

/** The sessions that have the lock now. */
async function holders(): Promise<readonly number[]> {
  const rows = await db.query<{ pid: number }>(
    `select pid from pg_locks where locktype = 'advisory' and objid = ${ADVISORY_LOCKS.platform} and granted`,
  )
  return rows.map(({ pid }) => pid)
}

async function isAwaited(): Promise<boolean> {
  const rows = await db.query(
    `select 1 from pg_locks where locktype = 'advisory' and objid = ${ADVISORY_LOCKS.platform} and not granted`,
  )
  return rows.length > 0
}
