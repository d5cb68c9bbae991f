import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Position, START } from '../../contracts/core.ts'
import { beginLog, belongingOf, nameOfLog, takeEventStore } from '../../platform/event-store/belongs.ts'
import { digestLog } from '../../platform/event-store/copy.ts'
import { eventsUpTo } from '../../platform/event-store/extent.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { migrate } from '../../platform/migrations.ts'
import { projections } from '../../projections/all.ts'
import { createProjectionEngine } from '../../projections/engine.ts'
import { dumpRows } from '../../projections/rebuild.ts'
import { quiet } from '../../test/support/quiet.ts'
import { restore, storedEvents } from '../../test/support/stored-events.ts'
import { fact, openLog, type OwnLog } from '../../test/support/two-logs.ts'
import { relayMigrations } from '../relay.ts'
import { claimEventStore } from './claim.ts'
import { moveEvents, type Progress } from './move.ts'

/** A database with its own events, and the log that stands for an EventStoreDB: what an adapter is has the contract suite to say. */
let mine: OwnLog
let esdb: OwnLog
let db: OwnLog['db']
let from: EventStore
beforeEach(async () => {
  ;[mine, esdb] = await Promise.all([openLog(), openLog()])
  ;({ db, store: from } = mine)
  await migrate(db, relayMigrations)
  await restore(db, storedEvents())
})
afterEach(async () => {
  await Promise.all([mine.close(), esdb.close()])
})

const move = (to = esdb.store, progress: Partial<Progress> = {}) =>
  moveEvents({
    db,
    from,
    to,
    progress: { copied() {}, compared() {}, ...progress },
    signal: new AbortController().signal,
  })

async function rows(store: EventStore): Promise<Record<string, string[]>> {
  const engine = createProjectionEngine({ db, store, projections, log: quiet })
  await engine.start()
  try {
    while (!(await engine.passed(await store.head())));
    return await dumpRows(engine, projections)
  } finally {
    await engine.stop()
  }
}

async function eventAt(store: EventStore, position: Position): Promise<string | undefined> {
  for await (const batch of eventsUpTo(store, await store.head())) {
    const found = batch.find((event) => event.position === position)
    if (found) return found.id
  }
  return undefined
}

const unmoved = async () => {
  expect(await belongingOf(db, 'postgres')).toMatchObject({ kind: 'postgres' })
  await claimEventStore(db, from, 'postgres')
}

describe('events that were moved', () => {
  test('are those of EventStoreDB, give the same rows, and nothing else is taken for the log', async () => {
    const before = await rows(from)
    const moved = await move()
    const signal = new AbortController().signal
    expect(moved).toMatchObject({ events: storedEvents().length, sha256: (await digestLog(from, { signal })).sha256 })
    const { store } = esdb!
    await claimEventStore(db, store, 'esdb')
    await expect(claimEventStore(db, from, 'postgres')).rejects.toThrow('EVENT_STORE=esdb')
    expect(await db.query('select 1 from projections')).toEqual([])
    expect(await rows(store)).toEqual(before)
    await claimEventStore(db, store, 'esdb')
    expect(await move()).toBeUndefined()
  })

  test('are gone on with where the relay was, and skipped where they were', async () => {
    const all = storedEvents().map(({ position }) => String(position).padStart(19, '0'))
    const [published = '', skipped = ''] = [all[20], all[40]]
    const lanes = [['fresh', START], ['behind', published], ['at the head', await from.head()]] // prettier-ignore
    for (const lane of lanes) await db.query('insert into relay_lanes (name, position) values ($1, $2)', lane)
    await rows(from)
    await db.query(`insert into projection_skips (name, version, position) values ('projects', 1, '${skipped}')`)
    await move()
    const { store } = esdb!
    const now = new Map(
      (await db.query<{ name: string; position: string }>('select name, position from relay_lanes')).map((row) => [
        row.name,
        row.position,
      ]),
    )
    expect(now.get('fresh')).toBe(START)
    expect(now.get('at the head')).toBe(await store.head())
    expect(now.get('behind')).not.toBe(published)
    expect(await eventAt(store, now.get('behind') ?? '')).toBe(await eventAt(from, published))
    const [skip] = await db.query<{ position: string }>('select position from projection_skips')
    expect(await eventAt(store, skip?.position ?? '')).toBe(await eventAt(from, skipped))
  })

  test('of an empty database are none', async () => {
    await db.query('truncate events')
    expect(await move()).toMatchObject({ events: 0 })
    await claimEventStore(db, esdb.store, 'esdb')
  })
})

describe('moving that did not come to its end leaves the database to Postgres', () => {
  test('and goes on, with what was written there meanwhile, when it is begun again', async () => {
    const { store } = esdb!
    let appends = 0
    const dying: EventStore = {
      ...store,
      append: (...args) => (++appends === 10 ? Promise.reject(new Error('killed')) : store.append(...args)),
    }
    await expect(move(dying)).rejects.toThrow('killed')
    await unmoved()
    const name = await nameOfLog(store)
    await from.append('late', 'none', [fact()])
    const there = await store.head()
    await move()
    expect(await nameOfLog(store)).toBe(name)
    expect(Number(there)).toBeGreaterThan(5)
    expect(Number(await store.head())).toBe(storedEvents().length + 2)
    await claimEventStore(db, store, 'esdb')
  })

  test('killed before the target had its name it goes on, too', async () => {
    const { store } = esdb!
    const dying: EventStore = { ...store, append: () => Promise.reject(new Error('killed')) }
    await expect(move(dying)).rejects.toThrow('killed')
    await unmoved()
    await move()
    await claimEventStore(db, store, 'esdb')
  })

  test('when the target does not answer what it was given', async () => {
    const { store } = esdb!
    const forgetful: EventStore = {
      ...store,
      async *follow(after, signal) {
        for await (const batch of store.follow(after, signal)) {
          yield batch.map((event) => ({ ...event, meta: { ...event.meta, actor: 99 } }))
        }
      },
    }
    await expect(move(forgetful)).rejects.toThrow('are not the same')
    await unmoved()
    await move()
    await claimEventStore(db, store, 'esdb')
  })

  test('when somebody has written to the source meanwhile', async () => {
    const { store } = esdb!
    let readings = 0
    const slow: EventStore = {
      ...store,
      async *follow(after, signal) {
        // Before it is compared: the source's hash is known by then.
        if (++readings === 2) await from.append('meanwhile', 'none', [fact()])
        yield* store.follow(after, signal)
      },
    }
    await expect(move(slow)).rejects.toThrow('somebody has written to the source meanwhile')
    await unmoved()
    expect(await move()).toMatchObject({ events: storedEvents().length + 1 })
    await claimEventStore(db, store, 'esdb')
  })
})

describe('a target is refused', () => {
  test('that is the log of another database', async () => {
    const other = await openLog()
    await takeEventStore(other.db, esdb.store, 'esdb')
    await other.close()
    await expect(move()).rejects.toThrow('belongs to another database')
    await unmoved()
  })

  test('that holds events without a name', async () => {
    await esdb.store.append('theirs', 'none', [fact()])
    await expect(move()).rejects.toThrow('not the name that its logs begin with')
    await unmoved()
  })

  test('that is another one than the database belongs to already', async () => {
    await move()
    const other = await openLog()
    await expect(move(other.store)).rejects.toThrow('another EventStoreDB already')
    await other.close()
  })

  test('with what was copied there and changed', async () => {
    await expect(
      move({ ...esdb.store, follow: () => { throw new Error('killed') } }), // prettier-ignore
    ).rejects.toThrow('killed')
    await esdb.store.append('theirs', 'none', [fact()])
    await expect(move()).rejects.toThrow('the target is no copy')
    await unmoved()
  })

  test('no more when an empty one is given instead', async () => {
    await db.query(`insert into event_store (kind) values ('postgres') on conflict do nothing`)
    await beginLog(esdb.store, '3b241101-e2bb-4255-8caf-4136c566a962')
    await expect(move()).rejects.toThrow('belongs to another database')
    const empty = await openLog()
    expect(await move(empty.store)).toMatchObject({ events: storedEvents().length })
    await empty.close()
  })
})
