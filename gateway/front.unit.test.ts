import { afterEach, expect, test } from '@jest/globals'
import { createMetrics } from '../platform/metrics.ts'
import { type Front, openFront } from './front.ts'

const HERE = { host: '127.0.0.1', port: 0 }

let front: Front
let openTo = false
const open = (): Promise<Front> => openFront(HERE, { text: createMetrics().text, openTo: () => openTo })
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
  })
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
  front.serve(() => begun.resolve())
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
