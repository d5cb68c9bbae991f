import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Recorded } from '../../contracts/core.ts'
import { draft, newStream } from '../../test/contract/event-store.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../../test/support/otlp-receiver.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { migrate } from '../migrations.ts'
import { openDatabase } from '../postgres.ts'
import type { Database } from '../sql.ts'
import type { Tracing } from '../tracing.ts'
import { openTracing } from '../tracing/open.ts'
import { observedEventStore } from './observed.ts'
import type { EventStore } from './port.ts'
import { createPostgresEventStore, eventStoreMigration } from './postgres.ts'

let database: TestDatabase
let db: Database
let bare: ReturnType<typeof createPostgresEventStore>
let receiver: OtlpReceiver
let metrics: Metrics
let tracing: Tracing
let store: EventStore
let told: Recorded[]

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [eventStoreMigration])
  bare = createPostgresEventStore({ db, log: quiet })
  receiver = await startOtlpReceiver()
})
beforeEach(async () => {
  metrics = createMetrics()
  tracing = await openTracing({ tracing: { endpoint: receiver.endpoint, service: 'tests' }, roles: [] }, quiet)
  told = []
  store = observedEventStore(bare, { metrics, tracing, appended: (recorded) => void told.push(...recorded) })
})
afterEach(() => tracing.stop())
afterAll(async () => {
  await bare.stop()
  await db.close()
  await database.drop()
  await receiver.stop()
})

async function value(name: string): Promise<number> {
  const { text } = await metrics.text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

test('appends are counted as they end: stored, refused for another writer, refused for what they hold, or unknown', async () => {
  const stream = newStream()
  await store.append(stream, 'none', [draft(1), draft(2)])
  await store.append(stream, 1n, [draft(3)])
  await expect(store.append(stream, 0n, [draft(4)])).rejects.toThrow(/is not at 0/)
  const large = { ...draft(5), data: { text: 'x'.repeat(300_000) } }
  await expect(store.append(stream, 2n, [large])).rejects.toMatchObject({ code: 'too_large' })
  await expect(store.append(stream, 2n, [{ ...draft(6), id: 'no uuid' }])).rejects.toThrow(TypeError)
  expect(await value('testledger_appends_total')).toBe(2)
  expect(await value('testledger_events_appended_total')).toBe(3)
  expect(await value('testledger_append_conflicts_total')).toBe(1)
  expect(await value('testledger_append_failures_total')).toBe(1)
  expect(await value('testledger_append_seconds_count')).toBe(5)
})

test('who is told of what was appended hears of each event once, and of nothing that was refused', async () => {
  const stream = newStream()
  await store.append(stream, 'none', [draft(1), draft(2)])
  await store.append(stream, 0n, [draft(3)]).catch(() => {})
  expect(told.map(({ stream: of, revision }) => [of, revision])).toEqual([
    [stream, 0n],
    [stream, 1n],
  ])
})

test('all else is as it was', async () => {
  const stream = newStream()
  const { position } = await store.append(stream, 'none', [draft(1)])
  expect(await store.head()).toBe(position)
  expect((await store.load(stream)).map(({ revision }) => revision)).toEqual([0n])
  expect(await store.loadMany([{ stream }, { stream: newStream() }])).toMatchObject([[{ stream }], []])
  const controller = new AbortController()
  const before = String(BigInt(position) - 1n).padStart(19, '0')
  for await (const [first] of store.follow(before, controller.signal)) {
    expect(first?.position).toBe(position)
    break
  }
  controller.abort()
})

test('an append is a span of what is under way, and says where it met another writer', async () => {
  const stream = `secret-${randomUUID()}`
  await tracing.span('work', {}, async () => {
    await store.append(stream, 'none', [draft(1)])
    await store.append(stream, 'none', [draft(2)]).catch(() => {})
  })
  await tracing.stop()
  const work = receiver.spans.find(({ name }) => name === 'work')
  const appends = receiver.spans.filter(({ attributes }) => attributes['testledger.stream'] === stream)
  expect(appends).toMatchObject([
    { name: 'append', parentSpanId: work?.spanId, failed: false, attributes: { 'testledger.events': 1 } },
    { name: 'append', parentSpanId: work?.spanId, failed: true, attributes: { 'testledger.conflict': true } },
  ])
})
