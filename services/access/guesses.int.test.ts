import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createHmac } from 'node:crypto'
import { RateLimited } from '../../contracts/core.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createGuesses, type Guesses } from './guesses.ts'
import { createTries, failedLoginsMigration } from './tries.ts'

let database: TestDatabase
let db: Database
let guesses: Guesses
/** Checks that were made, in their order. */
let checked: string[] = []

const mac = (text: string): string => createHmac('sha256', 'key').update(text).digest('hex')

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [failedLoginsMigration])
  guesses = createGuesses({ tries: createTries(db), mac })
})
afterEach(async () => {
  checked = []
  await db.query('delete from failed_logins')
})
afterAll(async () => {
  await db.close()
  await database.drop()
})

/** What became of a guess: `in`, `out`, or the seconds for which nothing is looked at. */
async function guess(
  username: string,
  right: boolean,
  { address = '10.0.0.1', at = guesses }: { address?: string; at?: Guesses } = {},
): Promise<'in' | 'out' | number> {
  const check = async () => {
    checked.push(username)
    return (await Promise.resolve(right)) ? 'in' : undefined
  }
  try {
    return (await at.counted({ username, address }, check)) ?? 'out'
  } catch (error) {
    if (error instanceof RateLimited) return error.retryAfter
    throw error
  }
}

const wrong = (username: string, more?: { address?: string; at?: Guesses }) => guess(username, false, more)
const right = (username: string, more?: { address?: string; at?: Guesses }) => guess(username, true, more)

async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const outcomes: T[] = []
  for (let index = 0; index < count; index++) outcomes.push(await work(index))
  return outcomes
}

/** As if all that was counted had been counted so much earlier. */
const earlier = (seconds: number) =>
  db.query('update failed_logins set at = at - make_interval(secs => $1::integer)', [seconds])

describe('a name', () => {
  test('is locked after five wrong guesses, for the right password too, and nothing is looked at', async () => {
    expect(await times(5, () => wrong('torin'))).toEqual(Array(5).fill('out'))
    expect(await right('torin')).toEqual(expect.any(Number))
    expect(checked).toHaveLength(5)
    expect(await right('another')).toBe('in')
  })
  test('is the same in whichever case it is written, and from wherever it is tried', async () => {
    await times(5, (nth) => wrong(nth % 2 === 0 ? 'Torin' : 'TORIN', { address: `10.0.0.${nth}` }))
    expect(await right('torin', { address: '10.0.9.9' })).toEqual(expect.any(Number))
  })
  test('is open again when the oldest of the five is a minute old, and says when that is', async () => {
    await wrong('torin')
    await earlier(20)
    await times(4, () => wrong('torin'))
    const seconds = await right('torin')
    expect(seconds).toBeGreaterThan(10)
    expect(seconds).toBeLessThanOrEqual(40)
    await earlier(Number(seconds))
    expect(await right('torin')).toBe('in')
  })
  test('that is locked is not locked for longer by those who go on', async () => {
    await times(5, () => wrong('torin'))
    await earlier(50)
    for (const seconds of await times(20, () => wrong('torin'))) expect(Number(seconds)).toBeLessThanOrEqual(10)
    await earlier(10)
    expect(await right('torin')).toBe('in')
  })
  test('lets five guesses through of any number that come at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, nth) => wrong('torin', { address: `10.1.0.${nth}` })),
    )
    expect(outcomes.filter((outcome) => outcome === 'out')).toHaveLength(5)
    expect(checked).toHaveLength(5)
  })
  test('lets in all who know the password, however many come at once', async () => {
    await times(4, () => wrong('torin'))
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => right('torin')))
    expect(outcomes).toEqual(Array(40).fill('in'))
  })
})

describe('an address', () => {
  test('is locked after thirty wrong guesses at whatever names', async () => {
    expect(await times(30, (nth) => wrong(`user ${nth}`))).toEqual(Array(30).fill('out'))
    expect(await right('torin')).toEqual(expect.any(Number))
    expect(await right('torin', { address: '10.0.0.2' })).toBe('in')
  })
  test('lets thirty guesses through of any number that come at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, nth) => wrong(`user ${nth}`)))
    expect(outcomes.filter((outcome) => outcome === 'out')).toHaveLength(30)
  })
  test('of IPv6 stands for its network, and one of IPv4 for itself in whichever form', async () => {
    await times(15, (nth) => wrong(`user ${nth}`, { address: `2001:db8:1:2:${nth}::1` }))
    await times(15, (nth) => wrong(`user ${nth}`, { address: `2001:DB8:1:2::${nth}` }))
    expect(await right('torin', { address: '2001:0db8:1:2:ffff::' })).toEqual(expect.any(Number))
    expect(await right('torin', { address: '2001:db8:1:3::1' })).toBe('in')
    await times(30, (nth) => wrong(`other ${nth}`, { address: nth % 2 === 0 ? '10.0.0.7' : '::ffff:10.0.0.7' }))
    expect(await right('torin', { address: '::ffff:10.0.0.7' })).toEqual(expect.any(Number))
    expect(await right('torin', { address: '::ffff:10.0.0.8' })).toBe('in')
  })
  test('with a locked name is told the longer of the two times', async () => {
    await times(25, (nth) => wrong(`user ${nth}`))
    await earlier(30)
    await times(5, () => wrong('torin'))
    const seconds = await right('torin')
    expect(seconds).toBeGreaterThan(30)
    await earlier(31)
    expect(await right('somebody')).toBe('in')
  })
})

test('what one process has counted another one knows, and so does the next', async () => {
  const other = await openDatabase({ connection: database.url, log: quiet })
  try {
    await times(5, () => wrong('torin'))
    expect(await right('torin', { at: createGuesses({ tries: createTries(other), mac }) })).toEqual(expect.any(Number))
  } finally {
    await other.close()
  }
})

test('a guess that could not be checked is not counted', async () => {
  const fails = () => Promise.reject(new Error('no answer'))
  for (let nth = 0; nth < 10; nth++) {
    await expect(guesses.counted({ username: 'torin', address: 'a' }, fails)).rejects.toThrow('no answer')
  }
  expect(await right('torin')).toBe('in')
})

test('what is older than a minute is not kept, and names and addresses stand nowhere in clear', async () => {
  await times(3, () => wrong('torin-s3cret'))
  const rows = await db.query('select * from failed_logins')
  expect(rows).toHaveLength(6)
  expect(JSON.stringify(rows)).not.toMatch(/torin|10\.0\.0\.1/)
  await earlier(61)
  await right('another')
  expect(await db.query('select * from failed_logins')).toEqual([])
})
