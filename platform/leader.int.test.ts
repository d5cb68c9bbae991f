import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { until } from '../test/support/until.ts'
import { type Candidate, lead } from './leader.ts'
import { aborted } from './pause.ts'
import { openDatabase } from './postgres.ts'
import type { Database } from './sql.ts'

const LOCK = { name: 'tested', key: 9_001 }

let database: TestDatabase
let db: Database
const candidates: Candidate[] = []

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
})
afterEach(async () => {
  await Promise.all(candidates.splice(0).map((candidate) => candidate.stop()))
})
afterAll(async () => {
  await db.close()
  await database.drop()
})

/** A candidate that tells when it begins and ends to lead. */
function candidate(name: string, told: string[], work: (signal: AbortSignal) => Promise<unknown> = aborted): Candidate {
  const one = lead(
    db,
    LOCK,
    async (signal) => {
      told.push(`${name} leads`)
      await work(signal)
      told.push(`${name} is over`)
    },
    quiet,
  )
  candidates.push(one)
  return one
}

test('one leads, and another when it stops', async () => {
  const told: string[] = []
  const first = candidate('first', told)
  await until('it leads', () => first.leads)
  const second = candidate('second', told)
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect([first.leads, second.leads]).toEqual([true, false])
  await first.stop()
  await until('the other leads', () => second.leads)
  expect(told).toEqual(['first leads', 'first is over', 'second leads'])
})

test('a lead whose connection is cut is over, and one of the two has it again', async () => {
  const told: string[] = []
  const first = candidate('first', told)
  await until('it leads', () => first.leads)
  const second = candidate('second', told)
  await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'testledger tested'
    and pid in (select pid from pg_locks where locktype = 'advisory' and objid = ${LOCK.key} and granted)`)
  await until('one leads again', () => told.length >= 3)
  expect(told.slice(0, 2)).toEqual(['first leads', 'first is over'])
  await until('one leads', () => first.leads !== second.leads)
})

test('work that fails is taken up again', async () => {
  const told: string[] = []
  let failed = false
  candidate('one', told, async (signal) => {
    if (!failed) {
      failed = true
      throw new Error('for a moment')
    }
    await aborted(signal)
  })
  await until('it has begun again', () => told.length >= 2)
  expect(told).toEqual(['one leads', 'one leads'])
})

test('the server ends the session of one that gives no sign of life', async () => {
  const session = await db.session({ name: 'silent', heartbeat: true })
  const [row] = await session.query<{ idle_session_timeout: string }>('show idle_session_timeout')
  expect(row?.idle_session_timeout).toBe('15s')
  // As a frozen process is seen by the server, in less time: it hears nothing of this one before its first heartbeat.
  await session.query('set idle_session_timeout = 200')
  await session.lost
})
