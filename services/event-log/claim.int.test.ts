import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Position } from '../../contracts/core.ts'
import { takeEventStore } from '../../platform/event-store/belongs.ts'
import { eventsUpTo } from '../../platform/event-store/extent.ts'
import { migrate } from '../../platform/migrations.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { projections } from '../../projections/all.ts'
import { createProjectionEngine } from '../../projections/engine.ts'
import { dumpRows } from '../../projections/rebuild.ts'
import { projectCreated, type GivenEvent } from '../../test/given-events.ts'
import { quiet } from '../../test/support/quiet.ts'
import { fact, openLog, type OwnLog } from '../../test/support/two-logs.ts'
import { relayMigrations } from '../relay.ts'
import { claimEventStore, claimRestoredEventStore } from './claim.ts'

/** A database of the platform's, the log of an EventStoreDB, and that log as a backup of it has it. */
let mine: OwnLog
let log: OwnLog
let backup: OwnLog
let db: OwnLog['db']
beforeEach(async () => {
  ;[mine, log, backup] = await Promise.all([openLog(), openLog(), openLog()])
  db = mine.db
  await migrate(db, relayMigrations)
})
afterEach(async () => {
  await Promise.all([mine, log, backup].map((one) => one.close()))
})

const state = (event: GivenEvent) => ({ ...fact(event.data, event.type) })

async function addProjects(store: EventStore, ...ids: number[]): Promise<void> {
  for (const id of ids) await store.append(`project-${id}`, 'none', [state(projectCreated(id))])
}

/** The rows of every read model when all that `store` holds was applied. */
async function rowsFrom(store: EventStore): Promise<Record<string, string[]>> {
  const engine = createProjectionEngine({ db, store, projections, log: quiet })
  await engine.start()
  try {
    while (!(await engine.passed(await store.head())));
    return await dumpRows(engine, projections)
  } finally {
    await engine.stop()
  }
}

/** The log as it was after so many events. */
async function backUp(events: number): Promise<void> {
  let left = events
  for await (const batch of eventsUpTo(log.store, await log.store.head())) {
    for (const { stream, ...event } of batch) {
      if (left-- > 0) await backup.store.append(stream, 'none', [event])
    }
  }
}

const stored = async (table: string): Promise<readonly Position[]> =>
  (await db.query<{ position: Position }>(`select position from ${table} order by position`)).map(
    ({ position }) => position,
  )

describe('an EventStoreDB that was restored', () => {
  test('to before what was read from it is refused, until a rebuild takes what there is', async () => {
    const { store } = log!
    await claimEventStore(db, store, 'esdb')
    await addProjects(store, 1, 2, 3)
    const [early = '', , late = ''] = await positions(store)
    await rowsFrom(store)
    await db.query(`insert into relay_lanes (name, position) values ('behind', '${early}'), ('ahead', '${late}')`)
    await db.query(
      `insert into projection_skips (name, version, position)
       select 'projects', 1, unnest(array['${early}', '${late}'])`,
    )
    await backUp(3)
    const restored = backup.store
    const head = await restored.head()
    const refused = claimEventStore(db, restored, 'esdb')
    await expect(refused).rejects.toMatchObject({ name: 'WrongEventStore' })
    await expect(refused).rejects.toThrow(/restored from a backup.*npm run rebuild/)

    expect(await claimRestoredEventStore(db, restored, 'esdb')).toBe(true)
    await claimEventStore(db, restored, 'esdb')
    expect(await claimRestoredEventStore(db, restored, 'esdb')).toBe(false)
    expect(await stored('relay_lanes')).toEqual([early, head])
    expect(await stored('projection_skips')).toEqual([early])

    // What is appended at positions that were read before is read.
    await addProjects(restored, 7)
    await db.query('delete from projection_skips')
    const rows = await rowsFrom(restored)
    expect(rows['projects']?.map((row) => /\d+/.exec(row)?.[0])).toEqual(['1', '2', '7'])
  })

  test('is told from one whose new leader shows its last events a moment later', async () => {
    const { store } = log!
    await claimEventStore(db, store, 'esdb')
    await addProjects(store, 1, 2)
    const [first = ''] = await positions(store)
    await rowsFrom(store)
    let looks = 0
    await claimEventStore(db, { ...store, head: async () => (++looks < 3 ? first : store.head()) }, 'esdb')
    expect(looks).toBe(3)
  })

  test('is noticed by what was published from it, too', async () => {
    const { store } = log!
    await claimEventStore(db, store, 'esdb')
    await addProjects(store, 1, 2)
    await db.query('insert into relay_lanes (name, position) values ($1, $2)', ['work', await store.head()])
    await backUp(2)
    await expect(claimEventStore(db, backup.store, 'esdb')).rejects.toThrow('restored')
  })

  test('to exactly what was read from it is taken, and so is one that goes on', async () => {
    const { store } = log!
    await claimEventStore(db, store, 'esdb')
    await addProjects(store, 1)
    await rowsFrom(store)
    await backUp(2)
    await claimEventStore(db, backup.store, 'esdb')
    await addProjects(backup.store, 2)
    await claimEventStore(db, backup.store, 'esdb')
    expect(await claimRestoredEventStore(db, backup.store, 'esdb')).toBe(false)
  })

  test('of another database is refused in a rebuild as well', async () => {
    await claimEventStore(db, log.store, 'esdb')
    const other = await openLog()
    try {
      await takeEventStore(other.db, backup.store, 'esdb')
      await expect(claimRestoredEventStore(db, backup.store, 'esdb')).rejects.toThrow('another database')
    } finally {
      await other.close()
    }
  })
})

test('what holds events in Postgres is taken at every start', async () => {
  await claimEventStore(db, mine.store, 'postgres')
  await addProjects(mine.store, 1)
  await rowsFrom(mine.store)
  await claimEventStore(db, mine.store, 'postgres')
})

/** Of all events but the log's name. */
async function positions(store: EventStore): Promise<readonly Position[]> {
  const all: Position[] = []
  for await (const batch of eventsUpTo(store, await store.head())) all.push(...batch.map(({ position }) => position))
  return all.slice(1)
}
