import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { messageLogContract } from '../../test/contract/message-log.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../../test/support/otlp-receiver.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { type Tracing, untraced } from '../tracing.ts'
import { openTracing } from '../tracing/open.ts'
import { createMemoryMessageLog } from './memory.ts'
import { observedMessageLog } from './observed.ts'
import type { Handled, Message, MessageLog } from './port.ts'

messageLogContract('The memory, observed,', async () => {
  const log = createMemoryMessageLog({ log: quiet })
  const observed = observedMessageLog(log, { metrics: createMetrics(), tracing: untraced, log: quiet })
  return { log: observed, close: async () => log.stop() }
})

describe('an observed message log', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`

  let receiver: OtlpReceiver
  let tracing: Tracing
  let metrics: Metrics
  let bare: ReturnType<typeof createMemoryMessageLog>
  let messages: MessageLog
  let lines: object[]

  beforeAll(async () => {
    receiver = await startOtlpReceiver()
  })
  beforeEach(async () => {
    tracing = await openTracing({ tracing: { endpoint: receiver.endpoint, service: 'tests' }, roles: [] }, quiet)
    metrics = createMetrics()
    lines = []
    bare = createMemoryMessageLog({ log: quiet })
    const log = { ...quiet, debug: (fields: object) => void lines.push(fields) }
    messages = observedMessageLog(bare, { metrics, tracing, log })
  })
  afterEach(() => tracing.stop())
  afterAll(() => receiver.stop())

  /** Handles so many messages, and answers them. */
  async function handled(topic: string, count: number, handler: (message: Message) => Promise<Handled>) {
    const seen: Message[] = []
    const done = new AbortController()
    await messages.consume(
      { topic, group: 'g', from: 'start' },
      async (message) => {
        seen.push(message)
        if (seen.length >= count) done.abort()
        return handler(message)
      },
      done.signal,
    )
    return seen
  }

  test('counts what is published and how it was handled, by topic, and tells of each by its correlation id', async () => {
    const headers = { 'correlation-id': 'build-17' }
    const published = ['done', 'park', 'fail'].map((value, nth) => ({ key: `run-${nth}`, value, headers }))
    await messages.publish('runs', published)
    let failures = 0
    await handled('runs', 4, async ({ value }) => {
      if (value === 'fail' && failures++ === 0) throw new Error('not yet')
      return value === 'park' ? { park: 'why' } : 'done'
    })
    const { text } = await metrics.text()
    expect(text).toContain('testledger_messages_published_total{topic="runs"} 3\n')
    expect(text).toContain('testledger_messages_handled_total{topic="runs",outcome="done"} 2\n')
    expect(text).toContain('testledger_messages_handled_total{topic="runs",outcome="parked"} 1\n')
    expect(text).toContain('testledger_messages_handled_total{topic="runs",outcome="failed"} 1\n')
    expect(lines).toEqual(published.map(({ key }) => ({ topic: 'runs', key, id: 'build-17' })))
  })

  test('what was not accepted is not counted', async () => {
    bare.stop()
    await expect(messages.publish('runs', [{ key: 'k', value: '' }])).rejects.toThrow(/stopped/)
    expect((await metrics.text()).text).not.toContain('testledger_messages_published_total{')
    expect(lines).toEqual([])
  })

  test('a trace goes on: what led to the message, its publishing, its handling', async () => {
    await messages.publish('runs', [
      { key: 'a', value: '1', headers: { traceparent } },
      { key: 'b', value: '2', headers: { traceparent, 'correlation-id': 'c' } },
    ])
    const seen = await handled('runs', 2, () => tracing.span('inside', {}, async () => 'done' as const))
    await tracing.stop()
    const ours = receiver.spans.filter(({ traceId }) => traceId === TRACE)
    const publishing = ours.filter(({ name }) => name === 'publish runs')
    const handlings = ours.filter(({ name }) => name === 'process runs')
    // What led to both is one, so is what tells of their way.
    expect(publishing).toMatchObject([
      {
        kind: 'producer',
        parentSpanId: '00f067aa0ba902b7',
        failed: false,
        attributes: { 'messaging.destination.name': 'runs' },
      },
    ])
    const [sent] = publishing
    expect(handlings).toMatchObject([1, 2].map(() => ({ kind: 'consumer', parentSpanId: sent?.spanId })))
    const inside = ours.filter(({ name }) => name === 'inside').map(({ parentSpanId }) => parentSpanId)
    expect(inside.toSorted()).toEqual(handlings.map(({ spanId }) => spanId).toSorted())
    expect(seen.map(({ headers }) => headers)).toEqual([
      { traceparent: `00-${TRACE}-${sent?.spanId}-01` },
      { traceparent: `00-${TRACE}-${sent?.spanId}-01`, 'correlation-id': 'c' },
    ])
  })

  test('a message without one begins its own, whatever is under way where it is handed over', async () => {
    const handling = handled('runs', 1, async () => 'done')
    // The consumer is there: the message is handed over from where it is published.
    await new Promise(setImmediate)
    await tracing.span('a request', {}, () => messages.publish('runs', [{ key: 'a', value: '1' }]))
    const [message] = await handling
    await tracing.stop()
    expect(message?.headers).toBe(undefined)
    const process = receiver.spans.findLast(({ name }) => name === 'process runs')
    const request = receiver.spans.find(({ name }) => name === 'a request')
    expect(process?.parentSpanId).toBe(undefined)
    expect(process?.traceId).not.toBe(request?.traceId)
  })

  test('publishing that fails is a span that has failed', async () => {
    bare.stop()
    const parent = traceparent.replace(TRACE, TRACE.replaceAll('4', '5'))
    const message = { key: 'a', value: '1', headers: { traceparent: parent } }
    await expect(messages.publish('runs', [message])).rejects.toThrow(/stopped/)
    await tracing.stop()
    expect(receiver.spans.find(({ traceId }) => parent.includes(traceId))).toMatchObject({ failed: true })
  })
})
