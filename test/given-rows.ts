/**
 * Specifications of read models: given events, then these rows. Each is tried in several ways that must make the same rows: in one
 * batch, one event at a time, each event twice in a row, and all events twice.
 */
import { afterAll, beforeAll, expect } from '@jest/globals'
import type { Recorded } from '../contracts/core.ts'
import { openDatabase } from '../platform/postgres.ts'
import type { Database } from '../platform/sql.ts'
import { projections } from '../projections/all.ts'
import type { ReadModels, TableNames } from '../projections/port.ts'
import { dumpRows } from '../projections/rebuild.ts'
import type { GivenEvent } from './given-events.ts'
import { recorded } from './given.ts'
import { freshDatabase, type TestDatabase } from './support/postgres.ts'
import { quiet } from './support/quiet.ts'

const WAYS: Readonly<Record<string, (events: readonly Recorded[]) => readonly (readonly Recorded[])[]>> = {
  'in one batch': (events) => [events],
  'one at a time': (events) => events.map((event) => [event]),
  'each twice': (events) => [events.flatMap((event) => [event, event])],
  'all twice': (events) => [events, events],
}

/** For the tests of one file: `given(…events)` answers the read models that these events make, in tables of their own. */
export function givenRows(): (...events: readonly GivenEvent[]) => Promise<ReadModels> {
  let database: TestDatabase
  let db: Database
  let generation = 0

  beforeAll(async () => {
    database = await freshDatabase()
    db = await openDatabase({ connection: database.url, log: quiet })
  })
  afterAll(async () => {
    await db.close()
    await database.drop()
  })

  async function applied(batches: readonly (readonly Recorded[])[]): Promise<ReadModels> {
    const suffix = ++generation
    const table: TableNames = (name) => `${name}_g${suffix}`
    for (const projection of projections) {
      await projection.migrate(db, table)
      for (const events of batches) await projection.apply(db, table, events)
    }
    return { query: db.query.bind(db), table, passed: () => Promise.resolve(true) }
  }

  return async (...events) => {
    const log = recorded(events)
    const models = await applied([log])
    const rows = await dumpRows(models, projections)
    for (const [way, batches] of Object.entries(WAYS)) {
      expect([way, await dumpRows(await applied(batches(log)), projections)]).toEqual([way, rows])
    }
    return models
  }
}

/** All rows of a list. */
export const ALL = { limit: null, offset: 0 } as const
