import { afterEach, expect, test } from '@jest/globals'
import { createMetrics, type Metrics } from '../platform/metrics.ts'
import { keptLog } from '../test/support/kept-log.ts'
import { countAnswers } from './answers.ts'
import { type Front, openFront } from './front.ts'

const HERE = { host: '127.0.0.1', port: 0 }

let front: Front
let openTo = false
let metrics: Metrics
const { log, lines } = keptLog()
function open(): Promise<Front> {
  metrics = createMetrics()
  return openFront(HERE, { metrics, openTo: () => openTo, log, answered: countAnswers(metrics) })
}
afterEach(() => front.stop(0))

// eslint-disable-next-line typescript/no-explicit-any -- tests look into bodies freely
type Body = any

async function ask(path: string, method = 'GET'): Promise<{ status: number; body: Body; retry: string | null }> {
  const answer = await fetch(`${front.url}${path}`, { method })
  const text = await answer.text()
  return { status: answer.status, body: text && JSON.parse(text), retry: answer.headers.get('Retry-After') }
}

test('a process that starts lives, is not ready and says why, and asks to be tried again', async () => {
  front = await open()
  expect(await ask('/healthz')).toEqual({ status: 200, body: { status: 'ok' }, retry: null })
  expect((await ask('/readyz/')).body).toEqual({
    status: 'not_ready',
    checks: { start: { ok: false, reason: 'starting' } },
  })
  front.waits('Postgres at db:5432 is not available: refused')
  expect(await ask('/readyz')).toEqual({
    status: 503,
    body: {
      status: 'not_ready',
      checks: { start: { ok: false, reason: 'Postgres at db:5432 is not available: refused' } },
    },
    retry: '1',
  })
  const refused = await ask('/api/testPro/projects/?a=1', 'POST')
  expect(refused).toMatchObject({ status: 503, body: { code: 'not_serving' } })
  expect(Number(refused.retry)).toBeGreaterThan(0)
  expect((await ask('/healthz', 'HEAD')).status).toBe(200)
})

test('then its own handler answers; when it goes down what is under way ends, and what comes is refused', async () => {
  front = await open()
  const held = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  front.serve((_, response) => {
    begun.resolve()
    void held.promise.then(() => response.end('"done"'))
  }, {})
  const underWay = ask('/api/x/')
  await begun.promise
  let left = false
  const leaving = front.leave(10_000).then(() => (left = true))
  expect(await ask('/api/x/')).toMatchObject({ status: 503, body: { code: 'not_serving' } })
  expect(await ask('/readyz')).toMatchObject({
    status: 503,
    body: { checks: { stop: { ok: false, reason: 'going down' } } },
  })
  expect((await ask('/healthz')).status).toBe(200)
  expect(left).toBe(false)
  held.resolve()
  await leaving
  expect(await underWay).toMatchObject({ status: 200, body: 'done' })
})

test('who has not ended in time is not waited for', async () => {
  front = await open()
  const begun = Promise.withResolvers<void>()
  front.serve(() => begun.resolve(), {})
  const cut = ask('/api/x/').catch(() => 'cut')
  await begun.promise
  await front.leave(50)
  await front.stop(0)
  expect(await cut).toBe('cut')
})

test('metrics are shown from the first moment to the last, to whom they are open', async () => {
  front = await open()
  const status = async (): Promise<number> => (await fetch(`${front.url}/metrics`)).status
  expect(await status()).toBe(503)
  openTo = true
  const answer = await fetch(`${front.url}/metrics/`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  expect(await answer.text()).toContain('process_cpu_seconds_total')
  await front.leave(0)
  expect(await status()).toBe(200)
})

test('testledger_up shows what /readyz does, from the first moment to the last', async () => {
  front = await open()
  const up = async (): Promise<readonly string[]> =>
    (await metrics.text()).text.split('\n').filter((line) => line.startsWith('testledger_up'))
  expect(await up()).toEqual(['testledger_up{part="start"} 0'])
  front.serve(() => {}, { database: async () => ({ ok: true }), message_log: async () => ({ ok: false }) })
  expect(await up()).toEqual(['testledger_up{part="database"} 1', 'testledger_up{part="message_log"} 0'])
  await front.leave(0)
  expect(await up()).toEqual(['testledger_up{part="stop"} 0'])
})

test('what is refused meanwhile is counted, and found in the log by what the client calls it', async () => {
  front = await open()
  const headers = async (id: string, path = '/api/users/7/?token=hunter2'): Promise<(string | null)[]> => {
    const answer = await fetch(`${front.url}${path}`, { headers: { 'X-Request-Id': id } })
    await answer.text()
    return [answer.headers.get('X-Request-Id'), answer.headers.get('X-Content-Type-Options')]
  }
  expect(await headers('build-17')).toEqual(['build-17', 'nosniff'])
  expect(await headers('not one')).toEqual([expect.stringMatching(/^[\da-f-]{36}$/), 'nosniff'])
  await front.leave(0)
  expect(await headers('build-18')).toEqual(['build-18', 'nosniff'])
  expect(await headers('probe-1', '/readyz')).toEqual(['probe-1', 'nosniff'])
  const { text } = await metrics.text()
  expect(text).toContain('testledger_http_requests_total{method="GET",route="none",status="503"} 3\n')
  expect(text).toContain('testledger_http_requests_total{method="GET",route="/readyz/",status="503"} 1\n')
  for (const id of ['build-17', 'build-18']) {
    expect(lines.find((line) => line.id === id)).toMatchObject({
      level: 'info',
      msg: 'request',
      method: 'GET',
      route: 'none',
      status: 503,
    })
  }
  expect(lines.find(({ id }) => id === 'probe-1')?.level).not.toBe('info')
  expect(JSON.stringify(lines) + text).not.toContain('hunter2')
})
