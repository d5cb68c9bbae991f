import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { type Database, DatabaseUnavailable } from '../../platform/sql.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { apiTokenUsesMigration, type ApiTokenUses, createApiTokenUses } from './api-token-uses.ts'

const START = Date.parse('2026-11-21T18:00:00.250+08:00')
const at = (seconds: number): string => new Date(START + seconds * 1000 + 8 * 3_600_000).toISOString().slice(0, 23)

let database: TestDatabase
let db: Database
let statements = 0
let broken = false
let now = START

const counting: Pick<Database, 'query'> = {
  query: (...asked) => {
    statements++
    return broken ? Promise.reject(new DatabaseUnavailable('here', new Error('gone'))) : db.query(...asked)
  },
}

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [apiTokenUsesMigration])
})
beforeEach(async () => {
  await db.query('delete from api_token_uses')
  now = START
  statements = 0
})
afterAll(async () => {
  await db.close()
  await database.drop()
})

const process = (): ApiTokenUses =>
  createApiTokenUses({ db: counting, timeZone: 'Asia/Shanghai', log: quiet, now: () => now })

async function used(): Promise<(string | undefined)[]> {
  const found = await createApiTokenUses({ db, timeZone: 'Asia/Shanghai', log: quiet }).of([1, 2, 3])
  return [1, 2, 3].map((token) => found.get(token))
}

const written = (seconds: number): string => `${at(seconds)}000+08:00`

test('a token is noted at its first use, and then once a minute at most', async () => {
  const uses = process()
  for (let seconds = 0; seconds <= 130; seconds += 10) {
    now = START + seconds * 1000
    uses.note(1)
  }
  uses.note(3)
  await uses.stop()
  expect(statements).toBe(4)
  expect(await used()).toEqual([written(120), undefined, written(130)])
})

test('two processes together write it once a minute', async () => {
  const [one, other] = [process(), process()]
  one.note(1)
  await one.stop()
  now += 30_000
  other.note(1)
  await other.stop()
  expect(await used()).toEqual([written(0), undefined, undefined])
  now += 30_000
  one.note(1)
  await one.stop()
  expect(await used()).toEqual([written(60), undefined, undefined])
})

test('a note that fails is made at the next use, and nobody hears of it', async () => {
  const uses = process()
  broken = true
  uses.note(1)
  await uses.stop()
  broken = false
  now += 1_000
  uses.note(1)
  await uses.stop()
  expect(await used()).toEqual([written(1), undefined, undefined])
})
