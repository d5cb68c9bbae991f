import { afterEach, describe, expect, test } from '@jest/globals'
import { createLogger } from '../../platform/logger.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { DatabaseUnavailable } from '../../platform/sql.ts'
import { countAnswers } from '../answers.ts'
import { createApp } from '../app.ts'
import { type HttpServer, serveHttp } from '../http.ts'
import type { Probes } from './health.ts'
import { metricsRoutes, showParts } from './metrics.ts'
import { route, type User } from './route.ts'

const MACHINE: User = { id: 1, username: 'prometheus', role: 'viewer', via: 'token' }
const TOKEN = `tl_1_${'a'.repeat(43)}`

let http: HttpServer | undefined
afterEach(async () => {
  await http?.stop(0)
})

async function serve({
  allow = ['127.0.0.0/8', '::1'],
  trustedProxies = [],
  probes = {},
}: { allow?: readonly string[]; trustedProxies?: readonly string[]; probes?: Probes } = {}) {
  const metrics = createMetrics()
  showParts(metrics, () => probes)
  const apiToken = async (text: string) => (text === TOKEN ? MACHINE : undefined)
  const thing = route({
    method: 'GET',
    path: '/things/:id/',
    summary: '',
    tag: '',
    access: 'public',
    answers: [],
    handle: async () => ({ status: 200, body: {} }),
  })
  const app = createApp({
    routes: [thing, ...metricsRoutes({ metrics, allow, authenticate: apiToken })],
    jwtSecret: 'a secret of at least thirty-two bytes',
    authenticate: { login: async () => undefined, apiToken },
    mac: () => '',
    readAfter: async () => {},
    log: createLogger('silent'),
    corsOrigins: [],
    trustedProxies,
    rateLimit: 0,
    answered: countAnswers(metrics),
  })
  const answer = app.callback()
  http = await serveHttp({ handler: (request, response) => void answer(request, response), host: '127.0.0.1', port: 0 })
  const { url } = http
  return async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, { headers })
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
  }
}

const FORBIDDEN = {
  status: 403,
  type: 'application/json; charset=utf-8',
  text: JSON.stringify({
    error: '不能读取指标：来源地址不在 METRICS_ALLOW 中，且请求头 Authorization 没有有效的 API 令牌',
    code: 'forbidden',
  }),
}
const GIVEN = { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' }

describe('who may read metrics', () => {
  test('an address that is allowed, and no other, but with an API token', async () => {
    const allowed = await serve()
    expect(await allowed('/metrics')).toMatchObject(GIVEN)
    await http?.stop(0)
    const elsewhere = await serve({ allow: ['10.0.0.0/8'] })
    expect(await elsewhere('/metrics')).toEqual(FORBIDDEN)
    for (const authorization of ['Bearer tl_1_wrong', 'Bearer eyJ0.e30.x', 'Basic dGxfMQ==', TOKEN]) {
      expect(await elsewhere('/metrics/', { authorization })).toEqual(FORBIDDEN)
    }
    expect(await elsewhere('/metrics/', { authorization: `Bearer ${TOKEN}` })).toMatchObject(GIVEN)
  })

  test('nobody by their address where none is allowed', async () => {
    const get = await serve({ allow: [] })
    expect(await get('/metrics')).toEqual(FORBIDDEN)
    expect(await get('/metrics', { authorization: `Bearer ${TOKEN}` })).toMatchObject(GIVEN)
  })

  test.each([
    ['10.1.2.3', GIVEN],
    // Whatever a client writes itself stands before what the proxy says of it.
    ['10.1.2.3, 5.5.5.5', FORBIDDEN],
    ['5.5.5.5', FORBIDDEN],
  ])('behind a proxy of ours the client counts: %s', async (forwardedFor, expected) => {
    const get = await serve({ allow: ['10.0.0.0/8'], trustedProxies: ['127.0.0.1'] })
    expect(await get('/metrics', { 'x-forwarded-for': forwardedFor })).toMatchObject(expected)
  })

  test.each([
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { via: '1.1 somebody' },
    { 'x-real-ip': '127.0.0.1' },
  ])('the address of a proxy that nobody trusts says nothing of its client: %j', async (headers) => {
    const get = await serve()
    expect(await get('/metrics', headers)).toEqual(FORBIDDEN)
    expect(await get('/metrics', { ...headers, authorization: `Bearer ${TOKEN}` })).toMatchObject(GIVEN)
  })
})

test('requests are counted by pattern, whatever their URLs hold', async () => {
  const get = await serve()
  await Promise.all([1, 2, 3].map((id) => get(`/things/${id}?token=hunter2`)))
  await get('/things/x')
  await get('/nowhere/hunter2')
  const { text } = await get('/metrics')
  expect(text).toContain('testledger_http_requests_total{method="GET",route="/things/:id/",status="200"} 3\n')
  expect(text).toContain('testledger_http_requests_total{method="GET",route="/things/:id/",status="404"} 1\n')
  expect(text).toContain('testledger_http_requests_total{method="GET",route="none",status="404"} 1\n')
  expect(text).toContain('testledger_http_request_seconds_count{method="GET",route="/things/:id/"} 4\n')
  expect(text).not.toContain('hunter2')
})

test('parts that are away are shown to be, and keep nothing else from being told', async () => {
  const get = await serve({
    probes: {
      database: () => Promise.reject(new DatabaseUnavailable('db:5432', new Error('refused'))),
      event_store: async () => ({ ok: true }),
    },
  })
  const { status, text } = await get('/metrics')
  expect(status).toBe(200)
  expect(text).toContain('testledger_up{part="database"} 0\ntestledger_up{part="event_store"} 1\n')
  expect(text).toContain('process_cpu_seconds_total')
})
