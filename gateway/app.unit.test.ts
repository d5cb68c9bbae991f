import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { Rejected } from '../contracts/core.ts'
import { RawJson } from '../contracts/json.ts'
import { createLogger } from '../platform/logger.ts'
import { DatabaseUnavailable } from '../platform/sql.ts'
import { createTokens } from '../services/access/tokens.ts'
import { createApp } from './app.ts'
import { type HttpServer, serveHttp } from './http.ts'
import { MAX_BODY_BYTES } from './rest/body.ts'
import { listAnswer, PAGING } from './rest/list.ts'
import { type Call, type Route, route, type User } from './rest/route.ts'
import { id, jsonObject, text } from './rest/schema.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const tokens = createTokens(SECRET)
const USERS = new Map<number, User>([
  [1, { id: 1, username: 'torin', role: 'tester', via: 'login' }],
  [2, { id: 2, username: 'guest', role: 'viewer', via: 'login' }],
])
const MACHINE: User = { id: 1, username: 'torin', role: 'tester', via: 'token' }

let seen: Call | undefined
let waitedFor: string[] = []
let gate = Promise.withResolvers<void>()
let entered = Promise.withResolvers<Call>()

const thing = z.object({ name: text(), project: id(), headers: jsonObject().optional() })

const routes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/things/',
    summary: '',
    tag: '',
    access: 'content.read',
    query: z.object({ ...PAGING, project: id().optional() }),
    answers: [],
    async handle(call) {
      seen = call as Call
      return listAnswer(call.query, 3, [{ id: call.query.project ?? 0 }])
    },
  }),
  route({
    method: 'POST',
    path: '/api/things/',
    summary: '',
    tag: '',
    access: 'content.write',
    body: thing,
    answers: [],
    async handle(call) {
      seen = call as Call
      const { name, project, headers } = call.body
      const body = { name, project, headers: headers && new RawJson(headers.text) }
      return { status: 201, body, revision: 4n, position: '0000000000000000007' }
    },
  }),
  route({
    method: 'PATCH',
    path: '/api/things/:id/',
    summary: '',
    tag: '',
    access: 'content.write',
    body: thing,
    answers: [],
    exists: async ({ id }) => id === 1,
    async handle(call) {
      seen = call as Call
      return { status: 200, body: {} }
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/things/:id/',
    summary: '',
    tag: '',
    access: 'content.write',
    answers: [],
    async handle(call) {
      seen = call as Call
      return { status: 204 }
    },
  }),
  failing('/api/failures/conflict/', () => new Rejected('conflict', '任务正在运行')),
  failing('/api/failures/reference/', () => new Rejected('unknown_reference', 'project 不存在', 'project')),
  failing('/api/failures/busy/', () => new Rejected('busy', '请稍后重试')),
  failing('/api/failures/bug/', () => new Error('password=hunter2 was in a variable')),
  failing('/api/failures/outage/', () => new DatabaseUnavailable('db.internal', new Error('refused'))),
  route({
    method: 'GET',
    path: '/api/things/:id/',
    summary: '',
    tag: '',
    access: 'public',
    answers: [],
    handle: async ({ params }) => ({ status: 200, body: params }),
  }),
  route({
    method: 'GET',
    path: '/api/things/special/',
    summary: '',
    tag: '',
    access: 'public',
    answers: [],
    handle: async () => ({ status: 200, body: 'special' }),
  }),
  route({
    method: 'POST',
    path: '/api/slow/',
    summary: '',
    tag: '',
    access: 'public',
    answers: [],
    async handle(call) {
      entered.resolve(call as Call)
      await gate.promise
      return { status: 200 }
    },
  }),
]

function failing(path: string, error: () => Error): Route {
  return route({
    method: 'GET',
    path,
    summary: '',
    tag: '',
    access: 'public',
    answers: [],
    handle: () => Promise.reject(error()),
  })
}

const written: string[] = []
const log = createLogger('info', { write: (line) => void written.push(line) })

function start(): Promise<HttpServer> {
  const app = createApp({
    routes,
    jwtSecret: SECRET,
    authenticate: {
      login: async ({ user_id, epoch }) => (epoch === 'now' ? USERS.get(user_id) : undefined),
      apiToken: async (text) => (text === 'tl_1_secret' ? MACHINE : undefined),
    },
    mac: (bytes) => `mac-${Buffer.from(bytes).toString('latin1')}`,
    readAfter: async (position) => waitedFor.push(position),
    log,
    corsOrigins: ['https://tests.example.com'],
    trustedProxies: ['127.0.0.0/8'],
    rateLimit: 0,
  })
  // Koa's callback answers a promise that never fails.
  const handler = app.callback()
  return serveHttp({ handler: (request, response) => void handler(request, response), host: '127.0.0.1', port: 0 })
}

let server: HttpServer
beforeAll(async () => {
  server = await start()
})
afterAll(() => server.stop(0))
beforeEach(() => {
  seen = undefined
  waitedFor = []
  gate = Promise.withResolvers<void>()
  entered = Promise.withResolvers<Call>()
})

const access = (user = 1): string => `Bearer ${tokens.issue('access', { id: user, epoch: 'now', session: 's' })}`

type Sent = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; json?: unknown }

async function send(method: string, path: string, { json, headers = {}, ...init }: Sent = {}) {
  const body = json === undefined ? init.body : JSON.stringify(json)
  const response = await fetch(`${server.url}${path}`, {
    ...init,
    method,
    headers: { authorization: access(), ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body }),
  })
  const answered = await response.text()
  return { status: response.status, headers: response.headers, text: answered, json: parsed(answered) }
}

function parsed(answered: string): Record<string, unknown> {
  return (answered === '' ? {} : JSON.parse(answered)) as Record<string, unknown>
}

/** Writes bytes as they are, and reads until the server closes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.once('close', () => resolve(answer)).once('error', reject)
  })
}

/** The log line of the request that was sent with this id. */
async function lineOf(requestId: string): Promise<Record<string, unknown>> {
  for (;;) {
    const line = written.find((one) => one.includes(`"${requestId}"`))
    if (line !== undefined) return JSON.parse(line) as Record<string, unknown>
    await new Promise(setImmediate)
  }
}

const valid = { name: 'a', project: 1 }

describe('tokens', () => {
  test('every route that is not public refuses without a token, before anything else', async () => {
    for (const { method, path, access: needed } of routes) {
      if (needed === 'public') continue
      const answer = await send(method, path.replace(':id', 'x'), { headers: { authorization: '' } })
      expect({ method, path, status: answer.status, code: answer.json.code }).toMatchObject({ status: 401 })
      expect(answer.json).toMatchObject({
        error: expect.any(String),
        detail: expect.any(String),
        code: expect.any(String),
      })
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
    const response = await fetch(`${server.url}/api/things/`)
    expect(await response.json()).toMatchObject({ code: 'not_authenticated' })
  })

  const claims = { token_type: 'access', user_id: 1, jti: 'j', epoch: 'now' }
  const later = { expiresIn: 60, noTimestamp: true } as const
  const INVALID: [name: string, header: string][] = [
    ['another secret', `Bearer ${createTokens(`${SECRET}!`).issue('access', { id: 1, epoch: 'now', session: 's' })}`],
    ['a refresh token', `Bearer ${tokens.issue('refresh', { id: 1, epoch: 'now', session: 's' })}`],
    ['an unknown user', access(99)],
    ['a revoked token', `Bearer ${tokens.issue('access', { id: 1, epoch: 'before', session: 's' })}`],
    ['another algorithm', `Bearer ${jwt.sign(claims, SECRET, { ...later, algorithm: 'HS512' })}`],
    ['no algorithm', `Bearer ${jwt.sign(claims, '', { ...later, algorithm: 'none' })}`],
    ['an expired token', `Bearer ${jwt.sign(claims, SECRET, { algorithm: 'HS256', expiresIn: -1 })}`],
    ['no expiry', `Bearer ${jwt.sign(claims, SECRET, { algorithm: 'HS256' })}`],
    ['no token at all', 'Bearer'],
    ['another scheme', `Basic ${Buffer.from('a:b').toString('base64')}`],
    ['rubbish', 'Bearer x.y.z'],
  ]
  test.each(INVALID)('%s is refused with the documented words', async (_, authorization) => {
    const answer = await send('GET', '/api/things/', { headers: { authorization } })
    expect(answer.status).toBe(401)
    expect(answer.json).toEqual({ error: '令牌无效或已过期', detail: '令牌无效或已过期', code: 'token_not_valid' })
  })

  test('a token that was good a moment ago is refused once its user is gone, or its time is over', async () => {
    const authorization = access()
    const ask = async () => (await send('GET', '/api/things/', { headers: { authorization } })).status
    expect(await ask()).toBe(200)
    const user = USERS.get(1)!
    USERS.delete(1)
    expect(await ask()).toBe(401)
    USERS.set(1, user)
    expect(await ask()).toBe(200)
    const later = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60 * 60 * 1000 + 1000)
    expect(await ask()).toBe(401)
    later.mockRestore()
    expect(await ask()).toBe(200)
  })

  test('an API token is taken by whoever knows it, and nothing else is asked of it', async () => {
    const ask = async (authorization: string) =>
      (await send('PATCH', '/api/things/1/', { headers: { authorization }, json: valid })).status
    expect(await ask('Bearer tl_1_secret')).toBe(200)
    expect(seen?.user).toEqual(MACHINE)
    expect(await ask('bearer  tl_1_secret')).toBe(200)
    for (const other of [
      'Bearer tl_1_secre',
      'Bearer tl_1_secret2',
      'Bearer x.tl_1_secret',
      'tl_1_secret',
      'Basic tl_1_secret',
    ]) {
      expect([other, await ask(other)]).toEqual([other, 401])
    }
  })

  test('a role that may not is 403, before 404 and the body', async () => {
    const answer = await send('PATCH', '/api/things/99/', { headers: { authorization: access(2) }, body: '{' })
    expect(answer.status).toBe(403)
    expect(answer.json.code).toBe('forbidden')
  })
})

describe('paths', () => {
  test('are served with and without the slash at their end', async () => {
    expect((await send('GET', '/api/things')).status).toBe(200)
    expect((await send('GET', '/api/things/')).status).toBe(200)
    expect((await send('GET', '/api/things/7')).json).toEqual({ id: 7 })
  })

  test('a fixed name goes before a parameter, whichever was declared first', async () => {
    expect((await send('GET', '/api/things/special/')).text).toBe('"special"')
  })

  test.each(['x', '0', '-1', '1.0', '2147483648', '99999999999999999999', '%00', '%ff'])(
    '%s is no id: 404',
    async (name) => {
      const answer = await send('GET', `/api/things/${name}/`)
      expect(answer.status).toBe(404)
      expect(answer.json.code).toBe('not_found')
    },
  )

  test('404 goes before the body', async () => {
    expect((await send('PATCH', '/api/things/2/', { body: '{' })).status).toBe(404)
    expect((await send('PATCH', '/api/things/1/', { json: {} })).status).toBe(422)
  })

  test('an unknown path is 404, another method 405 with Allow, both as JSON', async () => {
    const unknown = await send('GET', '/api/nothing')
    expect([unknown.status, unknown.json.code]).toEqual([404, 'not_found'])
    const other = await send('PUT', '/api/things/')
    expect([other.status, other.json.code]).toEqual([405, 'method_not_allowed'])
    expect(other.headers.get('allow')?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'OPTIONS', 'POST'])
  })

  test('OPTIONS answers the methods, HEAD the head of GET', async () => {
    const options = await send('OPTIONS', '/api/things/1/')
    expect(options.status).toBe(204)
    expect(options.headers.get('allow')).toContain('DELETE')
    const head = await send('HEAD', '/api/things/')
    expect([head.status, head.text, head.headers.get('x-total-count')]).toEqual([200, '', '3'])
  })
})

describe('bodies', () => {
  test('a form is taken like JSON, JSON inside a form too', async () => {
    const body = new URLSearchParams({ name: '1', project: '7', headers: '{"b": 1e3, "1": 1}' })
    const answer = await send('POST', '/api/things/', { body })
    expect(answer.status).toBe(201)
    expect(answer.text).toBe('{"name":"1","project":7,"headers":{"b": 1e3, "1": 1}}')
    expect(answer.headers.get('etag')).toBe('"4"')
    expect(answer.headers.get('x-position')).toBe('0000000000000000007')
  })

  const headers = { 'content-type': 'application/json' }
  const REFUSED: [name: string, status: number, code: string, sent: Sent][] = [
    ['half an object', 400, 'not_json', { body: '{"name":', headers }],
    ['no UTF-8', 400, 'not_json', { body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), headers }],
    ['deep nesting', 400, 'not_json', { body: `{"name":${'['.repeat(100_000)}`, headers }],
    ['an array', 422, 'invalid', { body: '[]', headers }],
    ['another type', 415, 'unsupported_media_type', { body: 'a', headers: { 'content-type': 'text/plain' } }],
    [
      'another charset',
      415,
      'unsupported_media_type',
      { body: '{}', headers: { 'content-type': 'application/json; charset=gbk' } },
    ],
    ['nothing', 422, 'invalid', {}],
  ]
  test.each(REFUSED)('%s is %i', async (_, status, code, sent) => {
    const answer = await send('POST', '/api/things/', sent)
    expect([answer.status, answer.json.code]).toEqual([status, code])
    expect(answer.json.error).toEqual(expect.stringMatching(/\p{Script=Han}/u))
    expect(seen).toBeUndefined()
  })

  test('over 10 MiB is 413 with a length and without, and the connection lives on', async () => {
    const big = JSON.stringify({ ...valid, name: 'x'.repeat(MAX_BODY_BYTES) })
    expect((await send('POST', '/api/things/', { body: big, headers })).status).toBe(413)
    const stream = new Blob([big]).stream()
    const chunked: Sent & { duplex: 'half' } = { body: stream, headers, duplex: 'half' }
    expect((await send('POST', '/api/things/', chunked)).status).toBe(413)
    expect((await send('POST', '/api/things/', { json: valid })).status).toBe(201)
  })

  test('10 MiB exactly is taken', async () => {
    const frame = JSON.stringify({ ...valid, name: '' }).length
    const json = { ...valid, name: 'x'.repeat(MAX_BODY_BYTES - frame) }
    expect((await send('POST', '/api/things/', { json })).status).toBe(201)
  })

  test('a client that waits to send its body is refused before it sends', async () => {
    const head =
      'POST /api/things/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n'
    const answer = await raw(`${head}\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
    expect(answer).toMatch(/\r\nConnection: close\r\n/i)
    const big = head.replace('Length: 9', `Length: ${MAX_BODY_BYTES + 1}`)
    expect(await raw(`${big}Authorization: ${access()}\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /)
    const taken = await raw(`${head}Authorization: ${access()}\r\nConnection: close\r\n\r\n{"a": 1 }`)
    expect(taken).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 422 /)
  })

  test('422 names every wrong field', async () => {
    const answer = await send('POST', '/api/things/', { json: { name: ' ', project: 'x', headers: '{}', unknown: 1 } })
    expect(answer.status).toBe(422)
    expect(answer.json).toEqual({
      error: 'name 不能为空',
      code: 'invalid',
      fields: { name: ['不能为空'], project: ['必须是有效的正整数'], headers: ['必须是 JSON 对象'] },
    })
  })
})

describe('queries', () => {
  test('page and page_size make a page of a list', async () => {
    expect((await send('GET', '/api/things/?project=5')).json).toEqual([{ id: 5 }])
    const page = await send('GET', '/api/things/?page=2&page_size=1&project=')
    expect(page.json).toEqual({ count: 3, page: 2, page_size: 1, results: [{ id: 0 }] })
    expect(page.headers.get('x-total-count')).toBe('3')
  })

  test.each(['project=x', 'project=0', 'page=0', 'page_size=0', 'page=1.5', 'project=%00'])(
    '%s is 422',
    async (query) => {
      expect((await send('GET', `/api/things/?${query}`)).status).toBe(422)
    },
  )
})

describe('headers', () => {
  test('an idempotency key comes with its scope, the same with and without the slash, and the hash of the body', async () => {
    const key = { 'idempotency-key': 'k-1' }
    await send('PATCH', '/api/things/1', { json: valid, headers: key })
    expect(seen?.idempotency).toEqual({
      key: 'k-1',
      scope: '1 PATCH /api/things/1/',
      hash: `mac-${JSON.stringify(valid)}`,
    })
    await send('DELETE', '/api/things/1/', { headers: key })
    expect(seen?.idempotency).toEqual({ key: 'k-1', scope: '1 DELETE /api/things/1/', hash: 'mac-' })
    await send('GET', '/api/things/', { headers: key })
    expect(seen?.idempotency).toBeUndefined()
    expect((await send('DELETE', '/api/things/1/', { headers: { 'idempotency-key': 'k'.repeat(256) } })).status).toBe(
      422,
    )
  })

  const MATCHES: [header: string, revision: bigint | undefined][] = [
    ['"7"', 7n],
    ['*', undefined],
    ['"3", "12", "x"', 12n],
  ]
  test.each(MATCHES)('If-Match %s', async (header, revision) => {
    expect((await send('DELETE', '/api/things/1/', { headers: { 'if-match': header } })).status).toBe(204)
    expect(seen?.ifMatch).toBe(revision)
  })

  test.each(['W/"7"', '7', '"abc"'])('If-Match %s matches nothing', async (header) => {
    expect((await send('DELETE', '/api/things/1/', { headers: { 'if-match': header } })).status).toBe(412)
    expect(seen).toBeUndefined()
  })

  test('X-Read-After makes a GET wait, and what is no position is 400', async () => {
    await send('GET', '/api/things/', { headers: { 'x-read-after': '0000000000000000042' } })
    expect(waitedFor).toEqual(['0000000000000000042'])
    expect((await send('GET', '/api/things/', { headers: { 'x-read-after': '42' } })).status).toBe(400)
  })

  test('X-Request-Id is echoed when it is sane, else made', async () => {
    const sane = await send('GET', '/api/things/', { headers: { 'x-request-id': 'run-1.a:b' } })
    expect(sane.headers.get('x-request-id')).toBe('run-1.a:b')
    const made = await send('GET', '/api/things/', { headers: { 'x-request-id': 'a"b' } })
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('an allowed origin may call, refusals included; another may not', async () => {
    const origin = 'https://tests.example.com'
    const refused = await send('GET', '/api/nothing', { headers: { origin } })
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    const preflight = await send('OPTIONS', '/api/things/', {
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization')
    const other = await send('GET', '/api/nothing', { headers: { origin: 'https://evil.example.com' } })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('the address is the nearest that is no proxy of ours', async () => {
    await send('GET', '/api/things/', { headers: { 'x-forwarded-for': '9.9.9.9, 203.0.113.7, 127.0.0.9' } })
    expect(seen?.address).toBe('203.0.113.7')
  })
})

describe('failures', () => {
  const FAILURES: [name: string, status: number, body: object, retry: string | null][] = [
    ['conflict', 400, { error: '任务正在运行', code: 'conflict' }, null],
    [
      'reference',
      422,
      { error: 'project 不存在', code: 'unknown_reference', fields: { project: ['project 不存在'] } },
      null,
    ],
    ['busy', 503, { error: '请稍后重试', code: 'busy' }, '1'],
    ['bug', 500, { error: '服务器内部错误', code: 'internal_error' }, null],
    ['outage', 503, { error: '服务暂时不可用，请稍后重试', code: 'unavailable' }, '5'],
  ]
  test.each(FAILURES)('%s is %i', async (name, status, body, retry) => {
    const answer = await send('GET', `/api/failures/${name}/`)
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual(body)
    expect(answer.headers.get('retry-after')).toBe(retry)
  })

  test('a bug is logged with its stack', async () => {
    await send('GET', '/api/failures/bug/', { headers: { 'x-request-id': 'bug-1' } })
    const line = await lineOf('bug-1')
    expect(line).toMatchObject({
      level: 'error',
      status: 500,
      err: { stack: expect.stringContaining('app.unit.test') },
    })
  })
})

describe('the log', () => {
  test('has one line for a request, with neither token nor query nor body', async () => {
    const headers = { 'x-request-id': 'line-1', 'content-type': 'application/json' }
    await send('PATCH', '/api/things/1/?token=q-secret', {
      headers,
      body: JSON.stringify({ ...valid, name: 'b-secret' }),
    })
    const line = await lineOf('line-1')
    expect(line).toMatchObject({
      level: 'info',
      method: 'PATCH',
      route: '/api/things/:id/',
      status: 200,
      id: 'line-1',
      user: 1,
    })
    expect(line.ms).toEqual(expect.any(Number))
    const all = written.join('')
    expect(all).not.toMatch(/q-secret|b-secret|Bearer|eyJ/)
    expect(written.filter((one) => one.includes('"line-1"'))).toHaveLength(1)
  })

  test('says 499 when the client went away, whose signal is then aborted', async () => {
    const leaving = new AbortController()
    const answer = send('POST', '/api/slow/', { headers: { 'x-request-id': 'gone-1' }, signal: leaving.signal })
    const { signal } = await entered.promise
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
    leaving.abort()
    await expect(answer).rejects.toThrow()
    await aborted
    gate.resolve()
    expect(await lineOf('gone-1')).toMatchObject({ status: 499 })
  })
})
