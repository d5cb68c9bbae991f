import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { START } from '../../contracts/core.ts'
import { draft, eventStoreContract, newStream } from '../../test/contract/event-store.ts'
import { freshDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { migrate } from '../migrations.ts'
import { openDatabase } from '../postgres.ts'
import type { Database } from '../sql.ts'
import { createPostgresEventStore, eventStoreMigration } from './postgres.ts'

const ALL_BUT_TIMEOUTS = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
] as const

async function openStores() {
  const database = await freshDatabase()
  const open = () => openDatabase({ connection: database.url, log: quiet })
  const [db, elsewhere] = await Promise.all([open(), open()])
  await migrate(db, [eventStoreMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  const other = createPostgresEventStore({ db: elsewhere, log: quiet })
  return {
    db,
    store,
    other,
    another: () => other,
    async close() {
      await Promise.all([store.stop(), other.stop()])
      await Promise.all([db.close(), elsewhere.close()])
      await database.drop()
    },
  }
}

eventStoreContract('Postgres', openStores)

describe('the Postgres event store', () => {
  let opened: Awaited<ReturnType<typeof openStores>>
  beforeAll(async () => {
    opened = await openStores()
  })
  afterAll(() => opened.close())

  test('gives the positions 1, 2, 3, … of 19 digits, whatever was refused between', async () => {
    const { store, other, db } = opened
    expect(await store.head()).toBe(START)
    const taken = newStream()
    await store.append(taken, 'none', [draft(0)])
    await Promise.allSettled(
      Array.from({ length: 300 }, (_, n) => {
        const from = n % 3 === 0 ? other : store
        return n % 2 === 0
          ? from.append(newStream(), 'none', [draft(n), draft(n)])
          : from.append(taken, 'none', [draft(n)])
      }),
    )
    expect(await positions(db)).toEqual(Array.from({ length: 301 }, (_, n) => n + 1))
    expect(await store.head()).toBe('0000000000000000301')
  })

  test('answers the positions that are stored, among refused and repeated neighbours of one call', async () => {
    const { store } = opened
    const [taken, repeated] = [newStream(), newStream()]
    const first = [draft(1), draft(2)]
    await store.append(taken, 'none', [draft(0)])
    await store.append(repeated, 'none', first)
    const streams = Array.from({ length: 5 }, newStream)
    const answers = await Promise.all([
      store.append(taken, 'none', [draft(1)]).catch(() => undefined),
      ...streams.flatMap((stream) => [
        store.append(stream, 'none', [draft(1), draft(2), draft(3)]),
        store.append(repeated, 'none', first),
      ]),
    ])
    for (const answer of answers.slice(1)) {
      expect(await store.load(answer?.recorded[0]?.stream ?? '')).toEqual(answer?.recorded)
    }
  })

  test('sends appends to one stream in the order in which they were asked for', async () => {
    const { store } = opened
    const stream = newStream()
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.append(stream, n === 0 ? 'none' : BigInt(n - 1), [draft(n)])),
    )
    expect((await store.load(stream)).map(({ data }) => data)).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })))
  })

  test('throws at once what would fail a whole call', async () => {
    const { store } = opened
    const stream = newStream()
    const good = store.append(newStream(), 'none', [draft(1)])
    await expect(store.append(stream, 'none', [])).rejects.toThrow(TypeError)
    await expect(store.append(stream, 'none', [{ ...draft(1), id: 'x' }])).rejects.toThrow(/no.* uuid/)
    for (const at of [
      '2026-11-21',
      '2026-02-30T10:00:00.000000+08:00',
      '2026-11-21T25:00:00.000000Z',
      '0000-01-01T00:00:00.000000Z',
    ]) {
      await expect(store.append(stream, 'none', [{ ...draft(1), at }])).rejects.toThrow(/is not a time/)
    }
    await expect(store.append(stream, -1n, [draft(1)])).rejects.toThrow(/is not at -1/)
    await expect(store.append(`${stream}\0`, 'none', [draft(1)])).rejects.toMatchObject({ code: 'invalid' })
    await expect(good).resolves.toMatchObject({ revision: 0n })
  })

  test('leaves the outcome of an append open when its connection is lost, and goes on with the next', async () => {
    const { store, db } = opened
    const stream = newStream()
    await store.append(newStream(), 'none', [draft(0)])
    const appender = `select pid from pg_stat_activity where application_name = 'testledger appends' and datname = current_database()`
    const lost = await db.transaction(async (sql) => {
      // The append waits behind this lock when its connection is cut.
      await sql.query('lock table events')
      const outcome = store.append(stream, 'none', [draft(1)]).then(
        () => 'stored',
        (error: unknown) => error,
      )
      for (;;) {
        const waiting = await db.query(`${appender} and wait_event_type = 'Lock'`)
        if (waiting.length > 0) break
      }
      await db.query(`select pg_terminate_backend(pid) from (${appender}) as appenders`)
      return outcome
    })

    expect(lost).toMatchObject({ name: 'DatabaseUnavailable' })
    expect(await store.append(stream, 'none', [draft(1)])).toMatchObject({ revision: 0n })
  })

  test('hands a follower near the tip what this process appends without reading it back', async () => {
    const { store } = opened
    const abort = new AbortController()
    const stream = newStream()
    const following = store.follow(await store.head(), abort.signal)[Symbol.asyncIterator]()
    await store.append(stream, 'none', [draft(1)])
    expect((await following.next()).value).toMatchObject([{ stream, revision: 0n }])
    const { recorded } = await store.append(stream, 0n, [draft(2), draft(3)])
    const { value } = await following.next()
    // The very objects of the append: nothing was parsed twice.
    expect(value?.[0]).toBe(recorded[0])
    expect(value?.[1]).toBe(recorded[1])
    abort.abort()
    expect(await following.next()).toMatchObject({ done: true })
  })

  test('wakes the followers of every process at once: none has to wait for its poll', async () => {
    const { store, other } = opened
    const stream = newStream()
    const after = await store.head()
    // The poll is the only timer here, and this one never fires.
    jest.useFakeTimers({ doNotFake: [...ALL_BUT_TIMEOUTS] })
    try {
      const abort = new AbortController()
      const followers = [store, other].map((from) => from.follow(after, abort.signal)[Symbol.asyncIterator]())
      for (const [n, from] of [store, other, store].entries()) {
        const next = Promise.all(followers.map((follower) => follower.next()))
        await from.append(stream, n === 0 ? 'none' : BigInt(n - 1), [draft(n)])
        for (const { value } of await next) expect(value).toMatchObject([{ stream, data: { n } }])
      }
      abort.abort()
    } finally {
      jest.useRealTimers()
    }
  })

  test('finds by its poll what nobody told of', async () => {
    const { store, db } = opened
    const following = store.follow(await store.head(), new AbortController().signal)[Symbol.asyncIterator]()
    const next = following.next()
    await db.query(`insert into events select position + 1, 'untold', 0, id, type, data, meta, at
      from events order by position desc limit 1`)
    expect((await next).value).toMatchObject([{ stream: 'untold' }])
    await following.return?.()
  })

  test('refuses appends once it is stopped', async () => {
    const database = await freshDatabase()
    const db = await openDatabase({ connection: database.url, log: quiet })
    await migrate(db, [eventStoreMigration])
    const store = createPostgresEventStore({ db, log: quiet })
    const underWay = store.append(newStream(), 'none', [draft(1)])
    const following = store.follow(START, new AbortController().signal)[Symbol.asyncIterator]()
    await store.stop()
    await expect(underWay).resolves.toMatchObject({ revision: 0n })
    await expect(store.append(randomUUID(), 'none', [draft(1)])).rejects.toThrow(/stopped/)
    expect(await following.next()).toMatchObject({ done: true })
    await db.close()
    await database.drop()
  })
})

async function positions(db: Database): Promise<number[]> {
  const rows = await db.query<{ position: string }>('select position from events order by position')
  return rows.map(({ position }) => Number(position))
}
