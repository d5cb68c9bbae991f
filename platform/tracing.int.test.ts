import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Rejected } from '../contracts/core.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../test/support/otlp-receiver.ts'
import { quiet } from '../test/support/quiet.ts'
import { type Tracing, untraced } from './tracing.ts'
import { openTracing } from './tracing/open.ts'

const REMOTE = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' }
const sampled = `00-${REMOTE.trace}-${REMOTE.span}-01`

test('where no collector is named nothing is traced: work is done as it is', async () => {
  const tracing = await openTracing({ tracing: undefined, roles: ['gateway'] }, quiet)
  expect(tracing).toBe(untraced)
  expect(await tracing.span('work', { parent: sampled }, async (span) => (span.fail(), tracing.traceparent()))).toBe(
    undefined,
  )
  expect(tracing.begin('work', {})).toBe(undefined)
  await tracing.stop()
})

describe('with a collector', () => {
  let receiver: OtlpReceiver
  let tracing: Tracing
  beforeEach(async () => {
    receiver = await startOtlpReceiver()
    tracing = await open(receiver.endpoint)
  })
  afterEach(async () => {
    await tracing.stop()
    await receiver.stop()
  })

  const open = (endpoint: string, log = quiet): Promise<Tracing> =>
    openTracing({ tracing: { endpoint, service: 'tests' }, roles: ['gateway', 'runner'] }, log)
  const named = (name: string) => receiver.spans.find((span) => span.name === name)

  test('spans stand in each other as their work does, whatever runs beside it', async () => {
    const branch = (name: string) =>
      tracing.span(name, {}, async () => {
        await new Promise(setImmediate)
        await tracing.span(`in ${name}`, {}, async () => {})
      })
    await tracing.span('request', { kind: 'server', parent: sampled }, async (span) => {
      await Promise.all([branch('left'), branch('right')])
      span.rename('GET /things/')
      span.set({ status: 200 })
    })
    await branch('other')
    await tracing.stop()

    expect(receiver.requests[0]).toMatchObject({ path: '/v1/traces' })
    expect(named('GET /things/')).toMatchObject({
      traceId: REMOTE.trace,
      parentSpanId: REMOTE.span,
      kind: 'server',
      failed: false,
      attributes: { status: 200 },
      resource: { 'service.name': 'tests', 'testledger.roles': ['gateway', 'runner'] },
    })
    for (const name of ['left', 'right']) {
      expect(named(name)).toMatchObject({ parentSpanId: named('GET /things/')?.spanId, kind: 'internal' })
      expect(named(`in ${name}`)).toMatchObject({ traceId: REMOTE.trace, parentSpanId: named(name)?.spanId })
    }
    expect(named('other')?.traceId).not.toBe(REMOTE.trace)
    expect(named('other')?.parentSpanId).toBe(undefined)
  })

  test('a trace goes on elsewhere by its traceparent', async () => {
    let header: string | undefined
    await tracing.span('here', {}, async () => {
      const sending = tracing.begin('send', { kind: 'producer' })
      header = sending?.traceparent
      sending?.end()
      expect(tracing.traceparent()).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/)
    })
    expect(tracing.traceparent()).toBe(undefined)
    const elsewhere = await open(receiver.endpoint)
    await elsewhere.span('there', { kind: 'consumer', parent: header }, async () => {})
    await Promise.all([tracing.stop(), elsewhere.stop()])
    expect(named('send')).toMatchObject({ kind: 'producer', parentSpanId: named('here')?.spanId })
    expect(named('there')).toMatchObject({
      kind: 'consumer',
      traceId: named('here')?.traceId,
      parentSpanId: named('send')?.spanId,
    })
  })

  test('who began the trace decides whether it is told; what cannot be read begins one of its own', async () => {
    const unreadable = [
      '',
      'x',
      `00-${'0'.repeat(32)}-${REMOTE.span}-01`,
      `00-${REMOTE.trace}-${'0'.repeat(16)}-01`,
      `ff-${REMOTE.trace}-${REMOTE.span}-01`,
      `${sampled}-more`,
      sampled.toUpperCase(),
    ]
    await tracing.span('silent', { parent: sampled.replace(/1$/, '0') }, async () => {
      expect(tracing.traceparent()).toMatch(new RegExp(`^00-${REMOTE.trace}-[\\da-f]{16}-00$`))
    })
    // One of a version to come is read as far as this one knows.
    await tracing.span('later', { parent: `01${sampled.slice(2)}-more` }, async () => {})
    for (const [nth, parent] of unreadable.entries()) await tracing.span(`own ${nth}`, { parent }, async () => {})
    await tracing.span('outer', {}, () => tracing.span('own', { parent: undefined }, async () => {}))
    await tracing.stop()
    expect(named('silent')).toBe(undefined)
    expect(named('later')).toMatchObject({ traceId: REMOTE.trace, parentSpanId: REMOTE.span })
    for (const nth of unreadable.keys()) {
      expect(named(`own ${nth}`)?.parentSpanId).toBe(undefined)
      expect(named(`own ${nth}`)?.traceId).not.toBe(REMOTE.trace)
    }
    expect(named('own')?.parentSpanId).toBe(undefined)
  })

  test('work that throws has failed, without its words; a refusal is no failure', async () => {
    const secret = new TypeError('the password is hunter2')
    await expect(tracing.span('broken', {}, () => Promise.reject(secret))).rejects.toBe(secret)
    const refusal = new Rejected('conflict', '运行已结束')
    await expect(tracing.span('refused', {}, () => Promise.reject(refusal))).rejects.toBe(refusal)
    await tracing.stop()
    expect(named('broken')).toMatchObject({ failed: true, attributes: { 'error.type': 'TypeError' } })
    expect(named('refused')).toMatchObject({ failed: false, attributes: { 'testledger.refused': 'conflict' } })
    expect(receiver.bodies.join()).not.toContain('hunter2')
  })

  test('a collector that refuses is complained of once in a while, and holds up nobody', async () => {
    const warnings: object[] = []
    const failing = await open(receiver.endpoint, { ...quiet, warn: (fields) => void warnings.push(fields) })
    receiver.answer(400)
    for (let nth = 0; nth < 1_100; nth++) await failing.span('lost', {}, async () => {})
    await failing.stop()
    expect(receiver.requests.length).toBeGreaterThan(1)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({
      reason: expect.stringMatching(/^The trace collector at 127\.0\.0\.1:\d+ is not available: /),
      lost: 512,
    })
  })

  test('one that is away does not keep the platform from stopping', async () => {
    const away = receiver.endpoint
    await receiver.stop()
    const failing = await open(away)
    await failing.span('lost', {}, async () => {})
    const began = performance.now()
    await failing.stop()
    expect(performance.now() - began).toBeLessThan(10_000)
    receiver = await startOtlpReceiver()
  })
})
