import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, jest, test } from '@jest/globals'
import { createMetrics } from './metrics.ts'

afterEach(() => {
  jest.useRealTimers()
})

// Before all others: a process begins to watch itself once.
test('what is shown of the process first was measured since it began', async () => {
  const { text } = createMetrics()
  await setTimeout(100)
  const shown = (await text()).text
  const [, shortest] = /^nodejs_eventloop_lag_min_seconds (\S+)$/m.exec(shown) ?? []
  expect(Number(shortest)).toBeLessThan(60)
  expect(shown).not.toMatch(/^nodejs_eventloop_\S+ nan$/im)
})

test('counts and durations are shown with their labels and meanings', async () => {
  const metrics = createMetrics()
  const made = metrics.count('testledger_made_total', 'What was made', ['kind'])
  const took = metrics.durations('testledger_took_seconds', 'How long', [0.1, 1])
  made.add(2, { kind: 'chair' })
  made.add(1, { kind: 'chair' })
  took.observe(0.5, {})
  const { type, text } = await metrics.text()
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text).toContain('# HELP testledger_made_total What was made\n# TYPE testledger_made_total counter\n')
  expect(text).toContain('testledger_made_total{kind="chair"} 3\n')
  expect(text).toContain('testledger_took_seconds_bucket{le="0.1"} 0\ntestledger_took_seconds_bucket{le="1"} 1\n')
})

test('gauges are read at each collection: what is there no longer is shown no longer', async () => {
  const metrics = createMetrics()
  const values = [
    [
      { value: 1, labels: { of: 'a' } },
      { value: 2, labels: { of: 'b' } },
    ], //
    [{ value: 3, labels: { of: 'b' } }],
    [],
  ]
  metrics.gauges({ testledger_waiting: 'What waits' }, async () => ({ testledger_waiting: values.shift() ?? [] }))
  expect(await lines(metrics)).toEqual(['testledger_waiting{of="a"} 1', 'testledger_waiting{of="b"} 2'])
  expect(await lines(metrics)).toEqual(['testledger_waiting{of="b"} 3'])
  expect(await lines(metrics)).toEqual([])
})

test('a gauge that cannot be read, or not in time, is left out, counted, and hides no other', async () => {
  const metrics = createMetrics()
  let late = false
  metrics.gauges({ testledger_gone: 'Of a server that is away' }, () =>
    late ? new Promise(() => {}) : Promise.reject(new Error('password=hunter2')),
  )
  metrics.gauges({ testledger_here: 'Of one that is not' }, async () => ({ testledger_here: [{ value: 7 }] }))
  const failed = (count: number) => `testledger_readings_failed_total{gauge="testledger_gone"} ${count}`
  expect(await lines(metrics)).toEqual([failed(1), 'testledger_here 7'])
  expect((await metrics.text()).text).not.toContain('hunter2')
  late = true
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
  const asked = lines(metrics)
  await jest.advanceTimersByTimeAsync(3_000)
  expect(await asked).toEqual([failed(3), 'testledger_here 7'])
})

test('who asks while others do makes nobody read twice', async () => {
  const metrics = createMetrics()
  let read = 0
  metrics.gauges({ testledger_read: 'How often it was read' }, async () => ({
    testledger_read: [{ value: ++read }],
  }))
  await Promise.all([metrics.text(), metrics.text(), metrics.text()])
  expect(read).toBe(1)
  await metrics.text()
  expect(read).toBe(2)
})

test('two platforms of a process share its own metrics, and nothing else', async () => {
  const [one, other] = [createMetrics(), createMetrics()]
  one.count('testledger_made_total', 'What was made').add(1, {})
  other.count('testledger_made_total', 'What was made').add(5, {})
  const [first, second] = await Promise.all([one.text(), other.text()])
  expect(first.text).toContain('testledger_made_total 1\n')
  expect(second.text).toContain('testledger_made_total 5\n')
  for (const { text } of [first, second]) {
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
    expect(text.match(/^# TYPE /gm)?.length).toBe(new Set(text.match(/^# TYPE \S+/gm)).size)
  }
})

/** The lines of the platform's own metrics that show a value. */
async function lines(metrics: { text(): Promise<{ text: string }> }): Promise<readonly string[]> {
  const { text } = await metrics.text()
  return text.split('\n').filter((line) => line.startsWith('testledger_'))
}
