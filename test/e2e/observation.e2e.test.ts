import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { RUNS_TOPIC } from '../../contracts/topics.ts'
import { eventsThere } from '../support/event-log.ts'
import { keptLog, type Line } from '../support/kept-log.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** What the platform tells of itself: its log, its traces and its metrics, over one and the same run. */

const REQUEST_ID = 'build-17'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'
const SECRET = 'hunter2-of-the-tests'

let receiver: OtlpReceiver
let target: Awaited<ReturnType<typeof startTarget>>
let platform: TestPlatform
const { log, lines } = keptLog()
let record: number
let scene: number
let metrics: string

beforeAll(async () => {
  receiver = await startOtlpReceiver()
  target = await startTarget()
  platform = await startTestPlatform(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_SERVICE_NAME: 'ledger-of-tests' },
    log,
  )
  const project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  const env = await platform.made('/api/testPro/envs/', {
    name: 'e',
    host: target.url,
    project,
    global_variable: { token: SECRET },
    secrets: ['global_variable.token'],
  })
  scene = await platform.made('/api/testFlow/scenes/', { name: 's', project })
  const cases = [
    ['first', { headers: { 'X-Token': '${{token}}' }, request: { params: { password: SECRET } } }],
    ['second', { teardown_script: "test.assertion('相等', 404, response.status_code)" }],
    ['third', { setup_script: 'import os\nos._exit(0)' }],
  ] as const
  for (const [sort, [title, content]] of cases.entries()) {
    const of = { name: title, url: `/${title}`, method: 'post', type: '1', project }
    const owner = await platform.made('/api/TestInterFace/interfaces/', of)
    const icase = await platform.made('/api/TestInterFace/cases/', { title, interface: owner, ...content })
    await platform.made('/api/testFlow/icases/', { icase, scene, sort })
  }
  const ran = await platform.call(
    'POST',
    '/api/testFlow/scenes/run/',
    { env, scene },
    { headers: { 'X-Request-Id': REQUEST_ID, traceparent: `00-${TRACE}-${CALLER}-01` } },
  )
  expect([ran.status, ran.headers.get('X-Request-Id')]).toEqual([200, REQUEST_ID])
  record = ran.body.record
  // Who waits for the run is told of its end a moment before its runner tells of it.
  while (!told('run', { run: record })) await new Promise(setImmediate)
  metrics = (await platform.call('GET', '/metrics', undefined, { token: '' })).text
}, 120_000)
afterAll(async () => {
  await platform.stop()
  await target.stop()
  await receiver.stop()
})

const told = (msg: string, fits: Readonly<Record<string, unknown>> = {}): Line | undefined =>
  lines.find((line) => line.msg === msg && Object.entries(fits).every(([name, value]) => line[name] === value))

test('one correlation id goes from the request through the log, the events and the message to the runner', async () => {
  expect(told('request', { route: '/api/testFlow/scenes/run/' })).toMatchObject({ id: REQUEST_ID })
  expect(told('published', { topic: RUNS_TOPIC, key: `run-${record}` })).toMatchObject({ id: REQUEST_ID })
  expect(told('a run was claimed', { run: record })).toMatchObject({ id: REQUEST_ID })
  expect(told('run', { run: record })).toMatchObject({ id: REQUEST_ID })
  const events = await platform.store.load(`run-${record}`)
  expect(events.map(({ type }) => type)).toEqual([
    'RunRequested',
    'RunClaimed',
    'CaseFinished',
    'CaseFinished',
    'CaseFinished',
    'RunFinished',
  ])
  for (const { meta } of events) {
    expect(meta).toMatchObject({
      correlationId: REQUEST_ID,
      traceparent: expect.stringMatching(`^00-${TRACE}-[\\da-f]{16}-01$`),
    })
  }
})

describe('the trace of a run', () => {
  let spans: readonly ReceivedSpan[]

  beforeAll(async () => {
    // The span of the request encloses all that is waited for; what is told last is the runner's.
    await receiver.until(({ name, traceId }) => name === 'run scene' && traceId === TRACE)
    await receiver.until(({ name, traceId }) => name === 'POST /api/testFlow/scenes/run/' && traceId === TRACE)
    spans = receiver.spans.filter(({ traceId }) => traceId === TRACE)
  })

  const named = (name: string): ReceivedSpan[] => spans.filter((span) => span.name === name)
  const one = (name: string): ReceivedSpan => {
    const [span, ...others] = named(name)
    if (!span || others.length > 0) throw new Error(`there are ${others.length + (span ? 1 : 0)} spans ${name}`)
    return span
  }
  /** From a span to the caller. */
  function way({ name, parentSpanId }: ReceivedSpan): readonly string[] {
    const parent = spans.find(({ spanId }) => spanId === parentSpanId)
    return parent ? [name, ...way(parent)] : [name, parentSpanId ?? 'nobody']
  }

  test('is one, from the request to each case, over the message', () => {
    const request = ['POST /api/testFlow/scenes/run/', CALLER]
    const asked = named('command run').find((span) => way(span).length === 3)
    expect(asked && way(asked)).toEqual(['command run', ...request])
    const handled = ['process runs', 'publish runs', 'command run', ...request]
    expect(way(one('run scene'))).toEqual(['run scene', ...handled])
    expect(named('case').map(way)).toEqual(Array.from({ length: 3 }, () => ['case', 'run scene', ...handled]))
    for (const append of named('append')) expect(way(append)[1]).toBe('command run')
    expect(named('append').length).toBeGreaterThanOrEqual(3)
  })

  test('says what each was', () => {
    expect(one('POST /api/testFlow/scenes/run/')).toMatchObject({
      kind: 'server',
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/testFlow/scenes/run/',
        'http.response.status_code': 200,
        'testledger.correlation_id': REQUEST_ID,
      },
      resource: { 'service.name': 'ledger-of-tests', 'testledger.roles': ['gateway', 'relay', 'projector', 'runner'] },
    })
    expect([one('publish runs').kind, one('process runs').kind]).toEqual(['producer', 'consumer'])
    expect(one('run scene').attributes).toMatchObject({
      'testledger.run': record,
      'testledger.attempt': 1,
      'testledger.outcome': 'ended',
      'testledger.correlation_id': REQUEST_ID,
    })
    const verdicts = named('case').map(({ attributes }) => [
      attributes['testledger.case'],
      attributes['testledger.verdict'],
    ])
    expect(verdicts).toEqual([
      ['first', '成功'],
      ['second', '失败'],
      ['third', '错误'],
    ])
  })

  test('holds no secret, no URL and no body', () => {
    const sent = receiver.bodies.join('\n')
    for (const text of [SECRET, target.url, '/second', 'X-Token', 'os._exit']) expect(sent).not.toContain(text)
  })
})

describe('metrics', () => {
  /** Name, type and meaning of each, as they are shown. */
  const shown = (): Map<string, { type: string; meaning: string }> =>
    new Map(
      [...metrics.matchAll(/^# HELP (testledger_\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(
        ([, name = '', meaning = '', type = '']) => [name, { type, meaning }],
      ),
    )

  test.each([
    'testledger_http_requests_total{method="POST",route="/api/testFlow/scenes/run/",status="200"} 1',
    'testledger_messages_published_total{topic="runs"} 1',
    'testledger_messages_handled_total{topic="runs",outcome="done"} 1',
    'testledger_run_queue_seconds_count 1',
    'testledger_runs_finished_total{state="error"} 1',
    'testledger_runs{state="accepted"} 0',
    'testledger_runs{state="running"} 0',
    'testledger_projection_lag{projection="runs"} 0',
    'testledger_projection_stopped{projection="cases"} 0',
    'testledger_append_conflicts_total 0',
    'testledger_append_failures_total 0',
    'testledger_up{part="database"} 1',
    'testledger_up{part="event_store"} 1',
    'testledger_up{part="projections"} 1',
  ])('tell of the run: %s', (line) => {
    expect(metrics.split('\n')).toContain(line)
  })

  test('tell of every append and every script that took its interpreter down', async () => {
    const counted = Number(/^testledger_events_appended_total (\d+)$/m.exec(metrics)?.[1])
    expect(counted).toBe((await eventsThere(platform.store)).length)
    expect(metrics).toMatch(/^testledger_sandbox_restarts_total \d+$/m)
  })

  test('stand in docs/metrics.md, each with its kind and meaning, and nothing else does', () => {
    const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
    const rows = [...text.matchAll(/^\| `(testledger_\w+)` +\| (\w+) +\|[^|]*\| (.*?) +\|$/gm)]
    const documented = new Map(rows.map(([, name = '', type = '', meaning = '']) => [name, { type, meaning }]))
    for (const [name, what] of shown()) expect({ name, ...documented.get(name) }).toEqual({ name, ...what })
    // What there is nothing to show of now.
    const absent = ['testledger_projection_rebuild_lag', 'testledger_relay_lag', 'testledger_relay_lag_seconds']
    expect(documented.keys().toArray().toSorted()).toEqual([...shown().keys(), ...absent].toSorted())
  })

  test('are well formed, and hold no secret and nothing of what users wrote', () => {
    for (const line of metrics.split('\n')) {
      expect(line).toMatch(
        /^(|# (HELP|TYPE) .+|[a-z\d_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? ([-+\d.e]+|Nan|[-+]Inf))$/,
      )
    }
    for (const text of [SECRET, target.url, REQUEST_ID, 'admin']) expect(metrics).not.toContain(text)
  })
})
