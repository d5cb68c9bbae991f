import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { freshDatabase, query, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { migrate } from './migrations.ts'
import { build, openDatabase, run } from './postgres.ts'
import { type Database, DatabaseUnavailable, HEARTBEAT, sqlState } from './sql.ts'

describe('a Postgres database', () => {
  let database: TestDatabase
  let db: Database
  beforeAll(async () => {
    database = await freshDatabase()
    db = await openDatabase({ connection: database.url, max: 4, log: quiet })
    await db.query('create table things (id int primary key, name text unique)')
  })
  afterAll(async () => {
    await db.close()
    await database.drop()
  })

  /** Ends every connection to the test's database, as a restart of the server does. */
  const cut = () =>
    query(
      database.url,
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
  const names = async () =>
    (await db.query<{ name: string }>('select name from things order by id')).map(({ name }) => name)

  test('answers json, jsonb and bigint as text, and what else there is as the driver does', async () => {
    const text = '{"b":1.0, "a": 12345678901234567890}'
    const columns = `select $1::json as json, '{"a": 1.0}'::jsonb as jsonb, 9007199254740993 as big, array[$1::json] as jsons,
      array[9007199254740993] as bigs, 1.10 as exact, 7 as small, true as yes, '\\x00ff'::bytea as bytes, null as nothing`
    expect(await db.query(columns, [text])).toEqual([
      {
        json: text,
        jsonb: '{"a": 1.0}',
        big: '9007199254740993',
        jsons: [text],
        bigs: ['9007199254740993'],
        exact: '1.10',
        small: 7,
        yes: true,
        bytes: Buffer.from([0, 255]),
        nothing: null,
      },
    ])
  })

  test('prepares statements that come with values once for each connection, and no more than it can keep', async () => {
    const session = await db.session({ name: 'prepared' })
    const prepared = async (like: string) =>
      (
        await session.query<{ count: number }>(
          `select count(*)::int from pg_prepared_statements where statement like '${like}'`,
        )
      )[0]?.count
    for (let n = 0; n < 3; n++) expect(await session.query('select $1::int + 41 as n', [n])).toEqual([{ n: n + 41 }])
    expect(await prepared('select $1::int + 41%')).toBe(1)
    await session.query('select 1 as once; select 2 as more')
    for (let n = 0; n < 600; n++) await session.query(`select $1::int + ${1000 + n} as many`, [n])
    expect(await prepared('select $1::int + 1%as many')).toBeLessThanOrEqual(500)
    await session.close()
  })

  test('runs what the builder built', async () => {
    await run(db, build('things').insert([{ id: 100, name: "O'Hara; ?" }]))
    const found = await run(db, build('things').where({ id: 100 }).whereIn('name', ["O'Hara; ?"]).select('name'))
    expect(found).toEqual([{ name: "O'Hara; ?" }])
    await db.query('delete from things')
  })

  test('commits a transaction, and rolls it back when its work throws', async () => {
    const error = new Error('no')
    expect(await db.transaction(async (sql) => (await sql.query("insert into things values (1, 'one')"), 'done'))).toBe(
      'done',
    )
    await expect(
      db.transaction(async (sql) => {
        await sql.query("insert into things values (2, 'two')")
        throw error
      }),
    ).rejects.toBe(error)
    expect(await names()).toEqual(['one'])
  })

  test('fails a transaction in which a statement failed, even when its work does not say so', async () => {
    const work = db.transaction(async (sql) => {
      await sql.query("insert into things values (3, 'three')")
      await sql.query("insert into things values (1, 'again')").catch(() => {})
    })
    await expect(work).rejects.toThrow(/rolled back/)
    expect(await names()).toEqual(['one'])
  })

  test('refuses statements of a transaction that is over', async () => {
    const late = await db.transaction(async (sql) => () => sql.query('select 1'))
    await expect(late()).rejects.toThrow(/over/)
  })

  test('tells what the server refused by its code, and keeps the connection', async () => {
    const pid = async () => (await db.query<{ pid: number }>('select pg_backend_pid() as pid', []))[0]?.pid
    const before = await pid()
    const refused = await db.query("insert into things values (1, 'one')").catch((error: unknown) => error)
    expect(sqlState(refused)).toBe('23505')
    expect(await pid()).toBe(before)
    expect(sqlState(new Error('other'))).toBeUndefined()
  })

  test('names the host and never the password when it cannot be reached', async () => {
    const opening = openDatabase({ connection: 'postgres://me:geheim@127.0.0.1:1/tests', log: quiet })
    const error: unknown = await opening.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DatabaseUnavailable)
    expect(String(error)).toMatch(/127\.0\.0\.1:1\/tests.*ECONNREFUSED/)
    expect(String(error)).not.toContain('geheim')
    const nowhere = openDatabase({ connection: database.url.replace('/test_', '/missing_'), log: quiet })
    await expect(nowhere).rejects.toThrow(/missing_\w+ is not available: database .* does not exist/)
  })

  test('throws for what was under way when its connections are cut, and works on', async () => {
    const lost = Promise.all([
      db.query('select pg_sleep(60)'),
      db.transaction((sql) => sql.query('select pg_sleep(60)')),
    ])
    // This query sees itself beside the two.
    while (
      (
        await query(
          database.url,
          "select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active'",
        )
      ).length < 3
    );
    await cut()
    await expect(lost).rejects.toBeInstanceOf(DatabaseUnavailable)
    const again = await Promise.allSettled(Array.from({ length: 20 }, () => db.query('select 1')))
    // A connection may be found broken only when it is used; no more can be than there were.
    expect(again.filter(({ status }) => status === 'rejected').length).toBeLessThanOrEqual(4)
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  describe('a session', () => {
    test('is a connection of its own, which commits without waiting for the disk when asked to', async () => {
      const [slow, quick] = [await db.session({ name: 'a' }), await db.session({ name: 'b', synchronousCommit: false })]
      expect(await slow.query('show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }])
      expect(await quick.query('show synchronous_commit')).toEqual([{ synchronous_commit: 'off' }])
      await slow.query('select pg_advisory_lock(5)')
      expect(await quick.query('select pg_try_advisory_lock(5) as mine')).toEqual([{ mine: false }])
      await slow.close()
      await quick.query('select pg_advisory_lock(5)')
      expect(await quick.transaction((sql) => sql.query('select 1 as one'))).toEqual([{ one: 1 }])
      await quick.close()
    })

    test('that hangs in the middle of a transaction loses it soon', async () => {
      const session = await db.session({ name: 'hangs' })
      const [row] = await session.query<{ limit: string }>(
        `select current_setting('idle_in_transaction_session_timeout') as limit`,
      )
      expect(row).toEqual({ limit: `${HEARTBEAT.lostMs / 1_000}s` })
      await session.close()
    })

    test('says when it was lost', async () => {
      const session = await db.session({ name: 'lost' })
      await cut()
      expect(await session.lost).toBeInstanceOf(DatabaseUnavailable)
      await expect(session.query('select 1')).rejects.toBeInstanceOf(DatabaseUnavailable)
      await session.close()
    })
  })

  test('wakes a listener at each word, tells who sent it, and goes on listening after its connection was cut', async () => {
    const heard: (number | undefined)[] = []
    let wake = Promise.withResolvers<void>()
    const stop = await db.listen('Some "channel"', (sender) => {
      heard.push(sender)
      wake.resolve()
    })
    const next = async () => {
      await wake.promise
      wake = Promise.withResolvers()
    }
    const session = await db.session({ name: 'sender' })
    const [own] = await session.query<{ pid: number }>(
      `select pg_backend_pid() as pid, pg_notify('Some "channel"', '')`,
    )
    await next()
    await cut()
    await next()
    await query(database.url, `select pg_notify('Some "channel"', '')`)
    await next()
    expect(heard).toEqual([own?.pid, undefined, expect.any(Number)])
    await stop()
    await session.close()
    // The server needs a moment to see that a connection is gone; other tests listen in databases of their own.
    const listening = `select 1 from pg_stat_activity where application_name like '%listens%' and datname = current_database()`
    while ((await query(database.url, listening)).length > 0) await pause(10)
  })

  describe('migrations', () => {
    const first = { name: 'first', statements: ['create table migrated (n int)', 'insert into migrated values (1)'] }
    const second = { name: 'second', statements: ['insert into migrated values (2)'] }

    test('are each applied once, in order, by however many start at once', async () => {
      await Promise.all([migrate(db, [first]), migrate(db, [first]), migrate(db, [first, second])])
      await migrate(db, [first, second])
      expect(await migrated(db)).toEqual([1, 2])
    })

    test('that fail leave nothing of themselves, and what came before them', async () => {
      const third = { name: 'third', statements: ['insert into migrated values (3)'] }
      const broken = { name: 'broken', statements: ['insert into migrated values (4)', 'select 1/0'] }
      await expect(migrate(db, [third, broken])).rejects.toThrow(/division by zero/)
      expect(await migrated(db)).toEqual([1, 2, 3])
      await migrate(db, [third, { ...broken, statements: ['insert into migrated values (4)'] }])
      expect(await migrated(db)).toEqual([1, 2, 3, 4])
    })
  })
})

async function migrated(db: Database): Promise<number[]> {
  return (await db.query<{ n: number }>('select n from migrated order by n')).map(({ n }) => n)
}
