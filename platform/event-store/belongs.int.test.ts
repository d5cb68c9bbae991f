import { afterEach, describe, expect, test } from '@jest/globals'
import { START } from '../../contracts/core.ts'
import { fact, openLog, type OwnLog } from '../../test/support/two-logs.ts'
import { belongingOf, LOG_STREAM, takeEventStore, WrongEventStore } from './belongs.ts'

const opened: OwnLog[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()))
})

/** A database of the platform's. Its own log stands for a Postgres store, that of another one for EventStoreDB. */
async function open(): Promise<OwnLog> {
  const log = await openLog()
  opened.push(log)
  return log
}

const refused = (words: string) => ({ name: 'WrongEventStore', message: expect.stringContaining(words) })

describe('a database that has said nothing yet', () => {
  test('takes its own events, and is not given to EventStoreDB afterwards', async () => {
    const { db, store } = await open()
    const esdb = await open()
    await takeEventStore(db, store, 'postgres')
    await takeEventStore(db, store, 'postgres')
    expect(await store.head()).toBe(START)
    const taken = takeEventStore(db, esdb.store, 'esdb')
    await expect(taken).rejects.toBeInstanceOf(WrongEventStore)
    await expect(taken).rejects.toMatchObject(refused('npm run migrate-store'))
    expect(await esdb.store.head()).toBe(START)
  })

  test('goes on with the events that it holds, as databases do that are older than what says so', async () => {
    const { db, store } = await open()
    const esdb = await open()
    await store.append('s', 'none', [fact()])
    await expect(takeEventStore(db, esdb.store, 'esdb')).rejects.toMatchObject(refused('npm run migrate-store'))
    expect(await takeEventStore(db, store, 'postgres')).toMatchObject({ kind: 'postgres' })
  })

  test('takes an empty EventStoreDB, whose first event then is its name, and no other store afterwards', async () => {
    const { db, store } = await open()
    const esdb = await open()
    const { log } = await takeEventStore(db, esdb.store, 'esdb')
    expect(await esdb.store.load(LOG_STREAM)).toEqual([
      {
        id: log,
        type: 'LogBegun',
        data: {},
        stream: 'event-log',
        revision: 0n,
        position: await esdb.store.head(),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/),
        meta: { commandId: log, actor: 0, correlationId: log, schemaVersion: 1 },
      },
    ])
    await esdb.store.append('s', 'none', [fact()])
    expect(await takeEventStore(db, esdb.store, 'esdb')).toMatchObject({ log })
    expect(await esdb.store.load(LOG_STREAM)).toHaveLength(1)
    await expect(takeEventStore(db, store, 'postgres')).rejects.toMatchObject(refused('EVENT_STORE=esdb'))
  })

  test('takes it once, with many processes that start at once', async () => {
    const { db } = await open()
    const esdb = await open()
    const all = await Promise.all(Array.from({ length: 8 }, () => takeEventStore(db, esdb.store, 'esdb')))
    expect(new Set(all.map(({ log }) => log)).size).toBe(1)
    expect(await esdb.store.load(LOG_STREAM)).toHaveLength(1)
  })

  test('takes it when the first start was killed before the log had its name, or before it was known to have it', async () => {
    const { db } = await open()
    const esdb = await open()
    const { log } = await belongingOf(db, 'esdb')
    await expect(takeEventStore(db, esdb.store, 'esdb')).resolves.toMatchObject({ log })
    await db.query('update event_store set begun = false')
    await expect(takeEventStore(db, esdb.store, 'esdb')).resolves.toMatchObject({ log, begun: true })
    expect(await esdb.store.load(LOG_STREAM)).toHaveLength(1)
  })

  test('does not take the log of another database', async () => {
    const [one, other, esdb] = [await open(), await open(), await open()]
    await takeEventStore(one.db, esdb.store, 'esdb')
    await expect(takeEventStore(other.db, esdb.store, 'esdb')).rejects.toMatchObject(refused('another database'))
    await takeEventStore(one.db, esdb.store, 'esdb')
  })

  test('does not take a log with events of ours and without a name', async () => {
    const { db } = await open()
    const esdb = await open()
    await esdb.store.append('orders-1', 'none', [fact()])
    await expect(takeEventStore(db, esdb.store, 'esdb')).rejects.toMatchObject(
      refused('not the name that its logs begin with'),
    )
    expect(await esdb.store.load(LOG_STREAM)).toEqual([])
  })
})

describe('a database whose events are in EventStoreDB', () => {
  test('notices that the log came back empty', async () => {
    const { db } = await open()
    const [before, after] = [await open(), await open()]
    await takeEventStore(db, before.store, 'esdb')
    await expect(takeEventStore(db, after.store, 'esdb')).rejects.toMatchObject(refused('restore EventStoreDB'))
    expect(await after.store.head()).toBe(START)
    await takeEventStore(db, before.store, 'esdb')
  })

  test('notices the log of another one', async () => {
    const [one, other, its, others] = [await open(), await open(), await open(), await open()]
    await takeEventStore(one.db, its.store, 'esdb')
    await takeEventStore(other.db, others.store, 'esdb')
    await expect(takeEventStore(one.db, others.store, 'esdb')).rejects.toMatchObject(refused('another database'))
  })
})
