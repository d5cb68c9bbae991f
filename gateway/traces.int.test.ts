import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createLogger } from '../platform/logger.ts'
import type { Tracing } from '../platform/tracing.ts'
import { openTracing } from '../platform/tracing/open.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../test/support/otlp-receiver.ts'
import { quiet } from '../test/support/quiet.ts'
import { createApp } from './app.ts'
import { type HttpServer, serveHttp } from './http.ts'
import { healthRoutes } from './rest/health.ts'
import { type Route, route } from './rest/route.ts'

let receiver: OtlpReceiver
let tracing: Tracing
let http: HttpServer

beforeEach(async () => {
  receiver = await startOtlpReceiver()
  tracing = await openTracing({ tracing: { endpoint: receiver.endpoint, service: 'tests' }, roles: ['gateway'] }, quiet)
  const app = createApp({
    routes: [
      answering('/things/:id/', () => tracing.span('inside', {}, async () => ({ status: 200, body: {} }))),
      answering('/failing/', () => Promise.reject(new Error('password=hunter2'))),
      ...healthRoutes({}),
    ],
    jwtSecret: 'a secret of at least thirty-two bytes',
    authenticate: { login: async () => undefined, apiToken: async () => undefined },
    mac: () => '',
    readAfter: async () => {},
    log: createLogger('silent'),
    corsOrigins: [],
    trustedProxies: [],
    rateLimit: 0,
    tracing,
  })
  const answer = app.callback()
  http = await serveHttp({ handler: (request, response) => void answer(request, response), host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  await http.stop(0)
  await receiver.stop()
})

function answering(path: string, handle: Route['handle']): Route {
  return route({ method: 'GET', path, summary: '', tag: '', access: 'public', answers: [], handle })
}

async function get(path: string, headers: Record<string, string> = {}): Promise<void> {
  await (await fetch(`${http.url}${path}`, { headers })).text()
}

test('a request is a span of its pattern, in the trace of who sent it; what it leads to is part of it', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`
  await get('/things/7?token=hunter2', { traceparent, 'x-request-id': 'build-17' })
  await tracing.stop()
  const [inside, request] = receiver.spans
  expect(request).toMatchObject({
    traceId: trace,
    parentSpanId: '00f067aa0ba902b7',
    name: 'GET /things/:id/',
    kind: 'server',
    failed: false,
    attributes: {
      'http.request.method': 'GET',
      'http.route': '/things/:id/',
      'http.response.status_code': 200,
      'testledger.correlation_id': 'build-17',
    },
  })
  expect(inside).toMatchObject({ name: 'inside', traceId: trace, parentSpanId: request?.spanId })
  expect(receiver.bodies.join()).not.toContain('hunter2')
})

test('what the client did wrong is no failure, what went wrong here is one, without its words', async () => {
  await get('/things/x')
  await get('/failing')
  await get('/nowhere')
  await tracing.stop()
  const told = receiver.spans.map(({ name, failed, attributes, parentSpanId }) => [
    name,
    attributes['http.response.status_code'],
    failed,
    parentSpanId,
  ])
  expect(told).toEqual([
    ['GET /things/:id/', 404, false, undefined],
    ['GET /failing/', 500, true, undefined],
    ['GET', 404, false, undefined],
  ])
  expect(receiver.bodies.join()).not.toContain('hunter2')
})

test('whoever watches over the platform leaves no trace', async () => {
  await get('/healthz')
  await get('/READYZ/')
  await get('/things/7')
  await tracing.stop()
  expect(receiver.spans.map(({ name }) => name)).toEqual(['inside', 'GET /things/:id/'])
})
