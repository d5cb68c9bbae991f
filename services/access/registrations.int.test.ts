import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { createHmac } from 'node:crypto'
import { RateLimited, Rejected } from '../../contracts/core.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createGuesses } from './guesses.ts'
import { createRegistrations, type Registrations } from './registrations.ts'
import { createTries, failedLoginsMigration } from './tries.ts'

let database: TestDatabase
let db: Database
let registrations: Registrations
let done = 0

const mac = (text: string): string => createHmac('sha256', 'key').update(text).digest('hex')

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [failedLoginsMigration])
  registrations = createRegistrations({ tries: createTries(db), mac })
})
afterEach(async () => {
  done = 0
  await db.query('delete from failed_logins')
})
afterAll(async () => {
  await db.close()
  await database.drop()
})

/** What became of a registration: `made`, `taken`, or the seconds for which nothing is done. */
async function register(address = '10.0.0.1', { taken = false, at = registrations } = {}) {
  try {
    return await at.counted(address, () => {
      done++
      return taken ? Promise.reject(new Rejected('conflict', '用户名已存在')) : Promise.resolve('made')
    })
  } catch (error) {
    if (error instanceof RateLimited) return error.retryAfter
    if (error instanceof Rejected) return 'taken'
    throw error
  }
}

const isLocked = async (address?: string): Promise<boolean> => typeof (await register(address)) === 'number'
const earlier = (seconds: number) =>
  db.query('update failed_logins set at = at - make_interval(secs => $1::integer)', [seconds])

test('ten from an address get through, made or not, and no more is done until the oldest is a minute old', async () => {
  for (let nth = 0; nth < 5; nth++) expect(await register()).toBe('made')
  await earlier(20)
  for (let nth = 0; nth < 5; nth++) expect(await register(undefined, { taken: true })).toBe('taken')
  const seconds = await register()
  expect(seconds).toBeGreaterThan(10)
  expect(seconds).toBeLessThanOrEqual(40)
  expect(done).toBe(10)
  expect(await register('10.0.0.2')).toBe('made')
  // Those that were refused count for nothing.
  await earlier(Number(seconds))
  for (let nth = 0; nth < 5; nth++) expect(await register()).toBe('made')
  expect(await isLocked()).toBe(true)
})

test('ten get through of any number that come at once, one after the other', async () => {
  let under = 0
  let most = 0
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, () =>
      registrations.counted('10.0.0.1', async () => {
        most = Math.max(most, ++under)
        await new Promise(setImmediate)
        under--
      }),
    ),
  )
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
  expect(most).toBe(1)
})

test('a network of IPv6 counts as one address', async () => {
  for (let nth = 0; nth < 10; nth++) await register(`2001:db8:1:2:${nth}::1`)
  expect([await isLocked('2001:db8:1:2::ffff'), await isLocked('2001:db8:1:3::1')]).toEqual([true, false])
})

test('what one process has counted another one knows', async () => {
  const other = await openDatabase({ connection: database.url, log: quiet })
  try {
    for (let nth = 0; nth < 10; nth++) await register()
    const elsewhere = createRegistrations({ tries: createTries(other), mac })
    expect(await register(undefined, { at: elsewhere })).toEqual(expect.any(Number))
  } finally {
    await other.close()
  }
})

test('they are no wrong passwords, nor are those registrations', async () => {
  const guesses = createGuesses({ tries: createTries(db), mac })
  for (let nth = 0; nth < 10; nth++) await register()
  const wrong = () =>
    guesses.counted({ username: `user ${done++}`, address: '10.0.0.1' }, () => Promise.resolve(undefined))
  for (let nth = 0; nth < 30; nth++) expect(await wrong()).toBeUndefined()
  await expect(wrong()).rejects.toThrow(RateLimited)
  await db.query('delete from failed_logins where subject = $1', [mac('registrations 10.0.0.1')])
  expect(await register()).toBe('made')
})
