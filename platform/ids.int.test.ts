import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { createIds } from './ids.ts'
import { openDatabase } from './postgres.ts'
import type { Database } from './sql.ts'

describe('ids', () => {
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

  test('are counted from 1 for each kind, and go on after a restart', async () => {
    const ids = createIds(db)
    expect([await ids.nextId('case'), await ids.nextId('case'), await ids.nextId('load_plan')]).toEqual([1, 2, 1])
    expect(await createIds(db).nextId('case')).toBeGreaterThan(2)
  })

  test('are never given twice: many at once, of a new kind, in several processes', async () => {
    const processes = [createIds(db), createIds(db), createIds(db)]
    const draws = Array.from({ length: 200 }, () => processes.map((ids) => ids.nextId('bug')))
    const drawn = await Promise.all(draws.flat())
    expect(drawn.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, n) => n + 1))
  })

  test('end below 2^31 with an error, not with another id', async () => {
    const ids = createIds(db)
    await ids.nextId('scene')
    await db.query("select setval('id_of_scene', 2147483646)")
    expect(await ids.nextId('scene')).toBe(2_147_483_647)
    await expect(ids.nextId('scene')).rejects.toThrow(/maximum value/)
  })

  test('are of kinds that are plain words', async () => {
    await expect(createIds(db).nextId('a; drop table events')).rejects.toThrow(TypeError)
  })
})
