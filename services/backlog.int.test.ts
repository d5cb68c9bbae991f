import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createMetrics, type Metrics } from '../platform/metrics.ts'
import { finished, type RunDesk, startRunDesk } from '../test/support/run-desk.ts'
import { showBacklog } from './backlog.ts'

let desk: RunDesk

beforeAll(async () => {
  desk = await startRunDesk()
})
afterAll(() => desk.stop())

/** What is shown, by name and labels. */
async function shown(metrics: Metrics): Promise<Readonly<Record<string, number>>> {
  const { text } = await metrics.text()
  const lines = [...text.matchAll(/^(testledger_\S+) (\S+)$/gm)]
  return Object.fromEntries(lines.map(([, name = '', value]) => [name, Number(value)]))
}

test('runs that wait and runs that are under way are told, and how long the first of them has waited', async () => {
  const metrics = createMetrics()
  const { store, models } = desk
  showBacklog({ metrics, store, models, relayed: async () => [] })
  expect(await shown(metrics)).toMatchObject({
    'testledger_runs{state="accepted"}': 0,
    'testledger_runs{state="running"}': 0,
    testledger_runs_waiting_seconds: 0,
  })
  const [first, second, third] = [await desk.ask(1), await desk.ask(1), await desk.ask(1)]
  await desk.decide(second, { type: 'ClaimRun', worker: 'w', after: 0 })
  await desk.decide(third, { type: 'ClaimRun', worker: 'w', after: 0 })
  await desk.decide(third, { type: 'RecordResults', attempt: 1, results: [finished(0)], end: {} })
  const waiting = await shown(metrics)
  expect(waiting).toMatchObject({
    'testledger_runs{state="accepted"}': 1,
    'testledger_runs{state="running"}': 1,
  })
  expect(waiting.testledger_runs_waiting_seconds).toBeGreaterThan(0)
  for (const id of [first, second]) await desk.decide(id, { type: 'EndRun', reason: 'the test is over' })
})

test('who follows the log is told how far he is behind: in events, and since when', async () => {
  const metrics = createMetrics()
  const { store, models, db } = desk
  const before = await store.head()
  const id = await desk.ask(1)
  await desk.decide(id, { type: 'EndRun', reason: 'the test is over' })
  const head = await store.head()
  const lanes = [
    { name: 'work', position: head },
    { name: 'events', position: before },
  ]
  showBacklog({ metrics, store, models, relayed: async () => lanes })
  const done = await shown(metrics)
  expect(done).toMatchObject({
    'testledger_projection_lag{projection="runs"}': 0,
    'testledger_projection_lag_seconds{projection="runs"}': 0,
    'testledger_projection_stopped{projection="runs"}': 0,
    'testledger_relay_lag{lane="work"}': 0,
    'testledger_relay_lag_seconds{lane="work"}': 0,
    'testledger_relay_lag{lane="events"}': Number(BigInt(head) - BigInt(before)),
  })
  expect(done['testledger_relay_lag_seconds{lane="events"}']).toBeGreaterThan(0)
  expect(done).not.toHaveProperty('testledger_projection_rebuild_lag{projection="runs"}')

  // As it would stand had nobody fed it since.
  const { head: at, projections } = await models.status()
  const behind = projections.map((each) => ({ ...each, position: before, lag: 2, state: 'stopped' as const }))
  const rebuilt = { ...behind[0]!, state: 'building' as const, lag: 7 }
  const later = createMetrics()
  const status = async () => ({ leads: false, caughtUp: true, head: at, projections: [...behind, rebuilt] })
  const asked = { query: models.query, table: (name: string) => models.table(name), passed: async () => true, status }
  showBacklog({ metrics: later, store, models: asked, relayed: async () => [] })
  const stuck = await shown(later)
  expect(stuck).toMatchObject({
    'testledger_projection_lag{projection="runs"}': Number(BigInt(head) - BigInt(before)),
    'testledger_projection_stopped{projection="runs"}': 1,
    'testledger_projection_rebuild_lag{projection="runs"}': 7,
  })
  expect(stuck['testledger_projection_lag_seconds{projection="runs"}']).toBeGreaterThan(0)
  const [oldest] = await db.query<{ at: string }>(
    'select at from events where position > $1 order by position limit 1',
    [before],
  )
  const sinceThen = (Date.now() - Date.parse(oldest?.at ?? '')) / 1000
  expect(stuck['testledger_projection_lag_seconds{projection="runs"}']).toBeLessThanOrEqual(sinceThen)
})

test('what cannot be read hides nothing else', async () => {
  const metrics = createMetrics()
  const { store, models } = desk
  showBacklog({ metrics, store, models, relayed: () => Promise.reject(new Error('away')) })
  const left = await shown(metrics)
  expect(left['testledger_readings_failed_total{gauge="testledger_relay_lag"}']).toBe(1)
  expect(left['testledger_projection_lag{projection="runs"}']).toBe(0)
  expect(Object.keys(left).filter((name) => name.startsWith('testledger_relay'))).toEqual([])
})
