/** A server that says nothing more, or takes no writes: what TCP and the driver would wait for, or pass for an error of ours. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Client } from 'pg'
import { freshDatabase, query, type TestDatabase } from '../../test/support/postgres.ts'
import { createDoor, type Door } from '../../test/support/proxy.ts'
import { quiet } from '../../test/support/quiet.ts'
import { lastingSession } from '../lasting-session.ts'
import { type Limits, openDatabase } from '../postgres.ts'
import { type Database, DatabaseUnavailable } from '../sql.ts'
import { Line } from './line.ts'

const LIMIT = 1_000
const SHORT: Limits = {
  statementMs: LIMIT,
  longMs: 60_000,
  sessionMs: LIMIT,
  beatMs: 50,
  beatAnsweredMs: LIMIT,
  endMs: 200,
}

let database: TestDatabase
let door: Door
let url: string
let db: Database
const opened: Database[] = []

beforeAll(async () => {
  database = await freshDatabase()
  await query(database.url, 'create table things (id int)')
  const { searchParams } = new URL(database.url.replace('@/', '@localhost/'))
  door = await createDoor({ path: `${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}` })
  const behind = new URL(database.url.replace('@/', `@127.0.0.1:${door.port}/`))
  behind.search = ''
  url = behind.href
})
beforeEach(async () => {
  await door.open()
  db = await open(SHORT)
})
afterEach(async () => {
  await door.shut()
  await Promise.all(opened.splice(0).map((each) => each.close()))
})
afterAll(() => database.drop())

async function open(limits: Limits): Promise<Database> {
  const made = await openDatabase({ connection: url, max: 4, log: quiet, limits })
  opened.push(made)
  return made
}

/** As many connections of the pool as this are idle afterwards. */
async function warm(connections: number): Promise<void> {
  await Promise.all(Array.from({ length: connections }, () => db.query('select pg_sleep(0.1)')))
}

const outage = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => 'answered',
    (error: unknown) => error,
  )

describe('connections that fall silent while new ones pass', () => {
  test('cost the pool one failure, which names the address, and all of them are made anew', async () => {
    await warm(4)
    door.silence()
    const error = await outage(db.query('select 1'))
    expect(error).toBeInstanceOf(DatabaseUnavailable)
    expect(String(error)).toContain(`Postgres at 127.0.0.1:${door.port}/`)
    expect(String(error)).toContain(`no answer within ${LIMIT} ms`)
    const again = await Promise.all([1, 2, 3, 4].map((one) => db.query('select $1::int as one', [one])))
    expect(again.flat()).toEqual([{ one: 1 }, { one: 2 }, { one: 3 }, { one: 4 }])
  })

  test('fail a transaction in the middle', async () => {
    const work = db.transaction(async (sql) => {
      await sql.query('insert into things values (1)')
      door.silence()
      await sql.query('select 1')
    })
    expect(await outage(work)).toBeInstanceOf(DatabaseUnavailable)
    expect(await db.query('select id from things')).toEqual([])
  })

  test.each([{ pipeline: false }, { pipeline: true }])(
    'end a session that asks, %j, and the next works',
    async (kind) => {
      const lasting = lastingSession(() => db.session({ name: 'asks', ...kind }))
      const lost = await lasting.use(async (session) => session.lost.then.bind(session.lost))
      door.silence()
      const work = lasting.use((session) => session.transaction((sql) => sql.query('select 1')))
      expect(await outage(work)).toBeInstanceOf(DatabaseUnavailable)
      expect(await lost((reason) => String(reason))).toContain('no answer within')
      expect(await lasting.use((session) => session.query('select 1 as one'))).toEqual([{ one: 1 }])
      await lasting.close()
    },
  )

  test('end a session with a heartbeat that asks nothing, and let the pool make its own anew', async () => {
    await warm(4)
    const session = await db.session({ name: 'leads', heartbeat: true })
    door.silence()
    expect(String(await session.lost)).toContain('no answer within')
    const again = await Promise.all([1, 2, 3, 4].map((one) => db.query('select $1::int as one', [one])))
    expect(again).toHaveLength(4)
  })

  test('are noticed by a listener', async () => {
    const woken = Promise.withResolvers<number | undefined>()
    const stop = await db.listen('words', woken.resolve)
    door.silence()
    expect(await woken.promise).toBeUndefined()
    await stop()
  })

  test('hold nobody back who ends them', async () => {
    const slow = await open({ ...SHORT, statementMs: 600_000, sessionMs: 600_000, beatMs: 600_000 })
    const session = await slow.session({ name: 'ends' })
    const asking = await slow.session({ name: 'asks', pipeline: true })
    const stop = await slow.listen('words', () => {})
    await Promise.all([slow.query('select pg_sleep(0.1)'), slow.query('select pg_sleep(0.1)')])
    door.silence()
    const underWay = [slow.query('select 1'), asking.query('select 1')].map(outage)
    await Promise.all([session.close(), asking.close(), stop()])
    opened.pop()
    await slow.close()
    for (const answer of underWay) expect(await answer).toBeInstanceOf(DatabaseUnavailable)
  })
})

test('a server that is silent to new connections too is named by whoever looks, at once', async () => {
  const patient = await open({ ...SHORT, statementMs: 600_000 })
  door.silence({ forNew: true })
  const looks = Array.from({ length: 6 }, () => outage(patient.reach(LIMIT)))
  for (const error of await Promise.all(looks)) {
    expect(error).toBeInstanceOf(DatabaseUnavailable)
    expect(String(error)).toContain(`127.0.0.1:${door.port}/`)
  }
})

test('what may be long is waited for', async () => {
  const sleeps = (long: boolean): Promise<unknown> =>
    outage(db.transaction((sql) => sql.query(`select pg_sleep(${(2 * LIMIT) / 1_000})`), { long }))
  const [waited, gaveUp] = await Promise.all([sleeps(true), sleeps(false)])
  expect(waited).toBe('answered')
  expect(gaveUp).toBeInstanceOf(DatabaseUnavailable)
})

describe('an outage of which the server itself tells', () => {
  const readOnly = (set: string) =>
    query(
      database.url,
      `begin read write; alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = ${set}; commit`,
    )

  test('a database that is read-only is one, and is said to be so', async () => {
    await readOnly('on')
    try {
      const standby = await open(SHORT)
      expect(await outage(standby.query('insert into things values (2)'))).toBeInstanceOf(DatabaseUnavailable)
      const error = await outage(standby.reach(10_000))
      expect(error).toBeInstanceOf(DatabaseUnavailable)
      expect(String(error)).toMatch(/127\.0\.0\.1:\d+\/.*read-only/)
    } finally {
      await readOnly('off')
    }
    const primary = await open(SHORT)
    await primary.reach(10_000)
  })

  test.each(['53000', '53100', '53200', '53300', '53400'])(
    '%s ends the connection on which it was told',
    async (state) => {
      const full = `do $$ begin raise exception 'no room' using errcode = '${state}'; end $$`
      expect(await outage(db.query(full))).toBeInstanceOf(DatabaseUnavailable)
      const session = await db.session({ name: 'full' })
      expect(await outage(session.transaction((sql) => sql.query(full)))).toBeInstanceOf(DatabaseUnavailable)
      expect(String(await session.lost)).toContain('no room')
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    },
  )
})

test('a heart does not beat beside a statement that is under way, and beats again after it', async () => {
  const client = new Client(url)
  await client.connect()
  const line = new Line(client, { where: 'here', mostMs: 60_000 }).watch()
  const asked = jest.spyOn(client, 'query')
  line.beat(10, 60_000)
  const answer = line.ask({ text: 'select pg_sleep(0.3)' })
  // What was asked before it is answered: itself, and nothing that waits behind it.
  const beside = answer.then(() => asked.mock.calls.length)
  expect(await beside).toBe(1)
  while (asked.mock.calls.length < 3) await new Promise(setImmediate)
  await client.end()
})
