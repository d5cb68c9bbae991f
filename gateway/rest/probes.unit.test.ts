import { afterEach, expect, jest, test } from '@jest/globals'
import { readConfig } from '../../platform/config.ts'
import { Unavailable } from '../../platform/unavailable.ts'
import { ask, type Health } from './health.ts'
import { probesOf } from './probes.ts'

afterEach(() => {
  jest.useRealTimers()
})

const SILENT = new Promise<never>(() => {})

const CONFIG = readConfig({
  EVENT_STORE: 'esdb',
  EVENTSTOREDB_URL: 'esdb://admin:hunter2@store-1:2113,store-2:2113?tls=false',
  MESSAGE_LOG: 'kafka',
  KAFKA_BROKERS: 'kafka-1:9092,kafka-2:9092',
})

/** How the parts are of a relay whose event store and message log answer so. */
async function health(asked: { head: () => Promise<never>; reach: () => Promise<void> }) {
  const probes = probesOf({
    config: CONFIG,
    db: { reach: async () => {} } as never,
    store: { head: asked.head } as never,
    messages: { reach: asked.reach } as never,
    models: { status: () => SILENT },
    has: (role) => role === 'relay',
  })
  const parts = Object.entries(probes).map(async ([name, probe]): Promise<[string, Health]> => [name, await ask(probe)])
  return Object.fromEntries(await Promise.all(parts))
}

test('who gives no answer is named with its address, and without its password', async () => {
  jest.useFakeTimers()
  const asked = health({ head: () => SILENT, reach: () => SILENT })
  await jest.advanceTimersByTimeAsync(2_000)
  expect(await asked).toEqual({
    database: { ok: true },
    event_store: {
      ok: false,
      reason: 'EventStoreDB at store-1:2113,store-2:2113 is not available: no answer within 1800 ms',
    },
    message_log: {
      ok: false,
      reason: 'Kafka at kafka-1:9092, kafka-2:9092 is not available: no answer within 1800 ms',
    },
  })
})

test('who refuses says why in its own words', async () => {
  const refused = new Unavailable('Kafka at kafka-2:9092', new Error('refused'))
  const parts = await health({
    head: () => Promise.reject(new TypeError('hunter2')),
    reach: () => Promise.reject(refused),
  })
  expect(parts.event_store).toEqual({ ok: false, reason: 'TypeError' })
  expect(parts.message_log).toEqual({ ok: false, reason: 'Kafka at kafka-2:9092 is not available: refused' })
})
