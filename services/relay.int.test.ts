import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Position, Recorded } from '../contracts/core.ts'
import { createPostgresEventStore, eventStoreMigration } from '../platform/event-store/postgres.ts'
import type { Draft, EventStore } from '../platform/event-store/port.ts'
import type { Candidate } from '../platform/leader.ts'
import { createMemoryMessageLog } from '../platform/message-log/memory.ts'
import type { Message, MessageLog } from '../platform/message-log/port.ts'
import { migrate } from '../platform/migrations.ts'
import { openDatabase } from '../platform/postgres.ts'
import type { Database } from '../platform/sql.ts'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { type Lane, relayMigrations, startRelay } from './relay.ts'

let database: TestDatabase
let db: Database
let store: EventStore & { stop(): Promise<void> }
const relays: Candidate[] = []

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [eventStoreMigration, ...relayMigrations])
  store = createPostgresEventStore({ db, log: quiet })
})
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()))
  await db.query('delete from relay_lanes')
})
afterAll(async () => {
  await store.stop()
  await db.close()
  await database.drop()
})

/** A message log that keeps what it has accepted, and may refuse for a while. */
function keptLog(): MessageLog & { accepted: string[]; refuse: boolean } {
  const log = {
    ...createMemoryMessageLog({ log: quiet }),
    durable: true,
    accepted: [] as string[],
    refuse: false,
    async publish(_topic: string, messages: readonly Message[]) {
      if (log.refuse) throw new Error('the broker is away')
      log.accepted.push(...messages.map(({ value }) => value))
    },
  }
  return log
}

const lane = (name: string, begin?: Lane['begin']): Lane => ({
  name,
  ...(begin && { begin }),
  messagesOf: async (events: readonly Recorded[]) =>
    events.map(({ stream }) => ({ topic: name, message: { key: stream, value: stream } })),
})

function relay(messages: MessageLog, lanes: readonly Lane[]): Candidate {
  const one = startRelay({ store, messages, db, lanes, log: quiet })
  relays.push(one)
  return one
}

async function appended(count: number): Promise<string[]> {
  const streams = Array.from({ length: count }, () => `tested-${randomUUID()}`)
  for (const stream of streams) await store.append(stream, 'none', [draft()])
  return streams
}

function draft(): Draft {
  const meta = { commandId: randomUUID(), actor: 0, correlationId: 'relay', schemaVersion: 1 }
  return { id: randomUUID(), type: 'Tested', data: {}, at: '2026-11-21T10:00:00.000000+08:00', meta }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function checkpoint(name: string): Promise<Position | undefined> {
  return (await db.query<{ position: Position }>('select position from relay_lanes where name = $1', [name]))[0]
    ?.position
}

test('each lane publishes the whole log in its order, from its own beginning', async () => {
  const before = await appended(3)
  const head = await store.head()
  const messages = keptLog()
  relay(messages, [lane('whole'), lane('new', async () => head)])
  const after = await appended(3)
  await until(() => messages.accepted.filter((value) => value === after.at(-1)).length === 2)
  const published = messages.accepted.filter((value) => [...before, ...after].includes(value))
  for (const stream of before) expect(published.filter((value) => value === stream)).toHaveLength(1)
  for (const stream of after) expect(published.filter((value) => value === stream)).toHaveLength(2)
})

test('what the message log refuses is published when it accepts again, and the checkpoint waits for it', async () => {
  const messages = keptLog()
  const head = await store.head()
  relay(messages, [lane('kept', async () => head)])
  await until(async () => (await checkpoint('kept')) === head)
  messages.refuse = true
  const streams = await appended(2)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await checkpoint('kept')).toBe(head)
  messages.refuse = false
  await until(() => messages.accepted.length >= 2)
  expect([...new Set(messages.accepted)]).toEqual(streams)
  await until(async () => (await checkpoint('kept')) === (await store.head()))
})

test('while one publication is under way a few more are made ready, and go together after it, in order', async () => {
  const head = await store.head()
  const gate = Promise.withResolvers<void>()
  const publications: (readonly string[])[] = []
  const messages: MessageLog = {
    ...keptLog(),
    async publish(_topic, batch) {
      publications.push(batch.map(({ value }) => value))
      await gate.promise
    },
  }
  const streams = await appended(1)
  const made: string[] = []
  const following = lane('ahead', async () => head)
  relay(messages, [
    {
      ...following,
      async messagesOf(events) {
        made.push(...events.map(({ stream }) => stream))
        return following.messagesOf(events)
      },
    },
  ])
  await until(() => publications.length === 1)
  for (let batches = 1; batches <= 4; batches++) {
    streams.push(...(await appended(1)))
    await until(() => made.length === 1 + batches)
  }
  // The fifth waits its turn: what lies ready is bounded.
  streams.push(...(await appended(1)))
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(made).toEqual(streams.slice(0, 5))
  expect(await checkpoint('ahead')).toBe(head)
  gate.resolve()
  await until(() => publications.flat().length === 6)
  expect(publications[0]).toEqual(streams.slice(0, 1))
  expect(publications[1]).toEqual(expect.arrayContaining(streams.slice(1, 5)))
  expect(publications.flat()).toEqual(streams)
  await until(async () => (await checkpoint('ahead')) === (await store.head()))
})

test('the next relay goes on where the last one stopped', async () => {
  const messages = keptLog()
  const head = await store.head()
  const first = relay(messages, [lane('handed', async () => head)])
  const early = await appended(2)
  await until(() => messages.accepted.length === 2)
  await first.stop()
  expect(await checkpoint('handed')).toBe(await store.head())
  const late = await appended(2)
  relay(messages, [lane('handed', () => Promise.reject(new Error('it has begun before')))])
  await until(() => messages.accepted.length === 4)
  expect(messages.accepted).toEqual([...early, ...late])
})

test('of two one publishes; the other when the first has lost its connection', async () => {
  const [one, other] = [keptLog(), keptLog()]
  const head = await store.head()
  const begin = async (): Promise<Position> => head
  const first = relay(one, [lane('shared', begin)])
  await until(() => first.leads)
  const second = relay(other, [lane('shared', begin)])
  await appended(2)
  await until(() => one.accepted.length === 2)
  expect(other.accepted).toEqual([])
  await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'testledger relay'`)
  const streams = await appended(1)
  await until(() => [...one.accepted, ...other.accepted].includes(streams[0] ?? ''))
  await until(() => first.leads !== second.leads)
})

test('a relay that does not know that another has taken its lane over does not move the checkpoint back', async () => {
  const messages = keptLog()
  const head = await store.head()
  relay(messages, [lane('taken', async () => head)])
  await until(async () => (await checkpoint('taken')) !== undefined)
  const far = '9'.repeat(19)
  await db.query('update relay_lanes set position = $1 where name = $2', [far, 'taken'])
  await appended(1)
  await until(() => messages.accepted.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await checkpoint('taken')).toBe(far)
})

test('beside a message log that forgets a lane begins anew each time and keeps nothing', async () => {
  const messages = { ...keptLog(), durable: false }
  let begun = 0
  const begin = async (): Promise<Position> => (begun++, store.head())
  await relay(messages, [lane('volatile', begin)]).stop()
  const again = relay(messages, [lane('volatile', begin)])
  await until(() => again.leads && begun > 0)
  expect(await checkpoint('volatile')).toBeUndefined()
})
