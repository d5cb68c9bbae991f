import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { eventsThere } from '../support/event-log.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** Secrets of an environment: read by those who may, used by runs, and nowhere in clear. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let viewer: string
let path: string
let env: { id: number; project: number }

const ENVS = '/api/testPro/envs/'
const AUTHORIZATION = 'Token s3cr3t-of-header'
const TOKEN = 's3cr3t-of-variable'
const PASSWORD = 's3cr3t-of-database'
const SENT = {
  name: '本地',
  headers: { Authorization: AUTHORIZATION, 'X-Open': 'open' },
  global_variable: { token: TOKEN, pin: 987654321, open: 'open' },
  db: [{ name: 'db1', type: 'mysql', config: { user: 'u', password: PASSWORD, host: 'h', port: 3306 } }],
  secrets: ['headers.authorization', 'global_variable.token', 'global_variable.pin'],
}

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget()
  viewer = await platform.userToken('viewer')
}, 60_000)
afterAll(async () => {
  await target.stop()
  await platform.stop()
})
beforeEach(async () => {
  const project = (await platform.call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id as number
  env = (await platform.call('POST', ENVS, { ...SENT, host: target.url, project })).body
  path = `${ENVS}${env.id}/`
})

async function allEvents(): Promise<string> {
  return (await eventsThere(platform.store)).map(({ data, meta }) => JSON.stringify([data, meta])).join('\n')
}

/** Everything that is stored, as text. */
async function stored(): Promise<string> {
  const [rest] = await platform.db.query<{ all: string }>(
    `select (select coalesce(string_agg(encode(bytes, 'escape'), ''), '') from blobs)
       || (select coalesce(string_agg(e::text, ''), '') from ${platform.models.table('environments')} e)
       || (select coalesce(string_agg(r::text, ''), '') from ${platform.models.table('run_results')} r)
       || (select coalesce(string_agg(c::text, ''), '') from commands c) as all`,
  )
  return `${await allEvents()}${rest?.all}`
}

test('are read by testers and admins, and masked for viewers', async () => {
  const tester = await platform.userToken('tester')
  for (const token of [platform.token, tester]) {
    const { body } = await platform.call('GET', path, undefined, { token })
    expect(body).toMatchObject(SENT)
  }
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  expect(masked.headers).toEqual({ Authorization: '******', 'X-Open': 'open' })
  expect(masked.global_variable).toEqual({ token: '******', pin: '******', open: 'open' })
  expect(masked.db[0].config).toEqual({ user: 'u', password: '******', host: 'h', port: 3306 })
  const { body: list } = await platform.call('GET', `${ENVS}?project=${env.project}`, undefined, { token: viewer })
  expect(list).toEqual([masked])
})

test('are nowhere in clear, and are used all the same', async () => {
  const run = await platform.call('POST', '/api/TestInterFace/cases/run/', {
    env: env.id,
    cases: {
      title: '带密钥',
      interface: { url: '/pay?key=${{token}}', method: 'post', name: '支付' },
      request: { json: { token: '${{token}}', text: 'a${{token}}b', pin: '${{pin}}' }, params: { t: '${{token}}' } },
      teardown_script: "print(ENV['token'], response.text)\ntest.save_env_variable('copied', ENV['token'] + '!')",
    },
  })
  expect(run.body.state).toBe('成功')
  const { headers = {}, url = '', body = '' } = target.seen.at(-1) ?? {}
  expect(headers.authorization).toBe(AUTHORIZATION)
  expect(url).toContain(TOKEN)
  expect(JSON.parse(body)).toEqual({ token: TOKEN, text: `a${TOKEN}b`, pin: 987654321 })

  const report = await platform.call('GET', `/api/testTask/report/${run.body.record}/`)
  const everything = `${run.text}${report.text}${await stored()}`
  for (const secret of [AUTHORIZATION, TOKEN, PASSWORD, '987654321']) expect(everything).not.toContain(secret)
  expect(run.text).toContain('******')
}, 60_000)

test('the mask written back changes nothing, and neither does the value', async () => {
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  const events = await platform.eventsOf(async () => {
    expect((await platform.call('PUT', path, masked)).body).toMatchObject(SENT)
    expect((await platform.call('PUT', path, { ...SENT, host: target.url, project: env.project })).body).toMatchObject(
      SENT,
    )
  })
  expect(events).toEqual([])
  expect((await platform.call('PATCH', path, { headers: { Authorization: '******', a: 'b' } })).body.headers).toEqual({
    Authorization: AUTHORIZATION,
    a: 'b',
  })
  const db = [{ name: 'db1', type: 'mysql', config: { user: 'other', password: '******' } }]
  expect((await platform.call('PATCH', path, { db })).body.db[0].config).toEqual({ user: 'other', password: PASSWORD })
})

test('what becomes a secret is sealed, what is one no longer stands in clear again', async () => {
  const secrets = ['global_variable.open']
  expect((await platform.call('PATCH', path, { secrets })).body).toMatchObject({ ...SENT, secrets })
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  expect(masked.global_variable).toEqual({ token: TOKEN, pin: 987654321, open: '******' })
  expect(masked.headers.Authorization).toBe(AUTHORIZATION)
})

test('a mask finds its secret again under a header of another case and among entries of one name, or is refused', async () => {
  const renamed = await platform.call('PATCH', path, { headers: { authorization: '******' } })
  expect(renamed.body.headers).toEqual({ authorization: AUTHORIZATION })
  for (const name of [{ name: 'd' }, {}, { name: 7 }]) {
    const db = ['first', 'second'].map((password) => ({ ...name, config: { password } }))
    expect((await platform.call('PATCH', path, { db })).body.db).toEqual(db)
    const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
    expect((await platform.call('PUT', path, masked)).body.db).toEqual(db)
  }
  const lost = [
    [{ db: [{ name: 'unknown', config: { password: '******' } }] }, 'db'],
    [{ headers: { Other: '******' }, secrets: ['headers.Other'] }, 'headers'],
    [{ global_variable: { a: { b: '******' } }, secrets: ['global_variable.a.b'] }, 'global_variable'],
  ] as const
  const events = await platform.eventsOf(async () => {
    for (const [changes, field] of lost) {
      const { status, text } = await platform.call('PATCH', path, changes)
      expect(status).toBe(422)
      expect(text).toContain(field)
    }
  })
  expect(events).toEqual([])
  const open = { global_variable: { open: '******' } }
  expect((await platform.call('PATCH', path, open)).body).toMatchObject(open)
})

test('naming other members changes no password, whatever the entries are called', async () => {
  for (const name of [{ name: 'd' }, {}, { name: 7 }]) {
    const db = ['first', 'second'].map((password) => ({ ...name, config: { password } }))
    await platform.call('PATCH', path, { db, secrets: [] })
    expect((await platform.call('PATCH', path, { secrets: ['headers.a'] })).body.db).toEqual(db)
  }
})

test('the names are compared one by one', async () => {
  const headers = { a: 'x', b: 'y' }
  await platform.call('PATCH', path, { headers, secrets: ['headers.a,headers.b'] })
  await platform.call('PATCH', path, { secrets: ['headers.a', 'headers.b'] })
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  expect(masked.headers).toEqual({ a: '******', b: '******' })
})

test('a secret may lie inside a variable', async () => {
  const variables = { a: { b: 'nested-s3cr3t', c: 'open' }, list: [{ k: 'listed-s3cr3t' }] }
  const secrets = ['global_variable.a.b', 'global_variable.list.0.k', 'global_variable.absent.b']
  await platform.call('PATCH', path, { global_variable: variables, secrets })
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  expect(masked.global_variable).toEqual({ a: { b: '******', c: 'open' }, list: [{ k: '******' }] })
  for (const written of [masked.global_variable, variables]) {
    const events = await platform.eventsOf(async () => {
      const { body } = await platform.call('PATCH', path, { global_variable: written })
      expect(body.global_variable).toEqual(variables)
    })
    expect(events).toEqual([])
  }
  const run = await platform.call('POST', '/api/TestInterFace/cases/run/', {
    env: env.id,
    cases: {
      title: '嵌套密钥',
      interface: { url: '/pay', method: 'post', name: '支付' },
      setup_script: "print(ENV['a']['b'], ENV['list'][0]['k'], ENV['a']['c'])",
    },
  })
  expect(run.text).toContain('****** ****** open')
  const everything = `${run.text}${await stored()}`
  for (const secret of ['nested-s3cr3t', 'listed-s3cr3t']) expect(everything).not.toContain(secret)
  await platform.call('PATCH', path, { secrets: [] })
  const { body: shown } = await platform.call('GET', path, undefined, { token: viewer })
  expect(shown.global_variable).toEqual(variables)
}, 60_000)

test('the token that a login saves under the name of a secret is nowhere in clear, and is used', async () => {
  await platform.call('PATCH', path, { secrets: ['global_variable.fresh'] })
  const saved = 'fresh/"s3cr3t"'
  // The scripts themselves are stored in clear: they put it together.
  const made = `'/'.join(['fresh', '"s3cr3t"'])`
  const run = await platform.call('POST', '/api/TestInterFace/cases/run/', {
    env: env.id,
    cases: {
      title: '登录',
      interface: { url: '/login?key=${{fresh}}', method: 'post', name: '登录' },
      request: { json: { token: '${{fresh}}' } },
      setup_script: `ENV.fresh = 'overwritten-' + 's3cr3t'\nprint(ENV.fresh)\ntest.save_global_variable('fresh', ${made})`,
      teardown_script: `test.assertion('相等', ${made}, json.loads(response.json()['body'])['token'])`,
    },
  })
  expect(run.body.state).toBe('成功')
  expect(JSON.parse(target.seen.at(-1)?.body ?? '')).toEqual({ token: saved })
  const report = await platform.call('GET', `/api/testTask/report/${run.body.record}/`)
  const everything = `${run.text}${report.text}${await stored()}`
  for (const part of ['fresh/', 'fresh%2F', 'overwritten-s3cr3t']) expect(everything).not.toContain(part)
}, 60_000)

test('what merely looks sealed is answered as it was sent, to viewers too', async () => {
  const { host, name } = { host: target.url, name: 'e' }
  const sent = {
    headers: { $sealed: 'abc' },
    global_variable: { $sealed: 'x', deep: [{ $sealed: 'y' }, { $$sealed: 'z' }] },
    db: [{ $sealed: 'x' }, { name: 'd', config: { $sealed: 'y' } }],
  }
  for (const secrets of [[], ['headers.other', 'global_variable.other']]) {
    const written = await platform.call('POST', ENVS, { ...sent, secrets, host, name, project: env.project })
    expect(written.status).toBe(201)
    expect(written.body).toMatchObject(sent)
    const { body } = await platform.call('GET', `${ENVS}${written.body.id}/`, undefined, { token: viewer })
    expect(body).toMatchObject(sent)
  }
})

test('what a debug run saves is sealed, and masked for viewers', async () => {
  await platform.call('POST', '/api/TestInterFace/cases/run/', {
    env: env.id,
    cases: {
      title: '登录',
      interface: { url: '/login', method: 'get', name: '' },
      setup_script: "test.save_global_variable('session', 'fresh-session-token')",
    },
  })
  expect((await platform.call('GET', path)).body.debug_global_variable).toEqual({ session: 'fresh-session-token' })
  const { body: masked } = await platform.call('GET', path, undefined, { token: viewer })
  expect(masked.debug_global_variable).toEqual({ session: '******' })
  const saved = (await platform.store.load(`environment-${env.id}`)).find(({ type }) => type === 'DebugVariablesSaved')
  expect(JSON.stringify(saved?.data)).toContain('$sealed')
  expect(JSON.stringify(saved?.data)).not.toContain('fresh-session-token')
}, 60_000)
