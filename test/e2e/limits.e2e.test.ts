import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { ADMIN, login, type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Wrong passwords and floods of writes: 429, and when to come again. */

// Passwords are slow on purpose, and some tests send many.
jest.setTimeout(90_000)

/** Writes a second. */
const RATE = 20

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform({
    RATE_LIMIT: String(RATE),
    TRUSTED_PROXIES: '127.0.0.1,::1',
    REGISTRATION: 'open',
  })
}, 60_000)
afterAll(() => platform.stop())

let addresses = 0
/** An address that nobody has called from. */
const newAddress = (): string => `198.51.100.${++addresses}`

function logIn(username: string, password: string, address: string): Promise<Reply> {
  const headers = { 'x-forwarded-for': address }
  return platform.call('POST', '/api/users/login/', { username, password }, { token: '', headers })
}

let names = 0

/** A new user, made as slowly as writes may come. */
async function newUser(): Promise<{ username: string; password: string; id: number }> {
  const credentials = { username: `limited ${++names}`, password: 'a password' }
  const answer = await unlimited(() => platform.call('POST', '/api/users/', { ...credentials, role: 'tester' }))
  return { ...credentials, id: answer.body.id as number }
}

/** Comes again when it is told to. */
async function unlimited(call: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const answer = await call()
    if (answer.status !== 429) return answer
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get('retry-after'))))
  }
}

const earlier = (seconds: number) =>
  platform.db.query('update failed_logins set at = at - make_interval(secs => $1::integer)', [seconds])

function expectLocked({ status, body, headers }: Reply, words = '用户名或密码错误次数过多'): void {
  expect([status, body.code]).toEqual([429, 'rate_limited'])
  const seconds = Number(headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(60)
  expect(body).toEqual({ error: `${words}，请 ${seconds} 秒后重试`, code: 'rate_limited' })
}

describe('wrong passwords', () => {
  test('five for a name lock it for the right one too, and for an unknown name alike; a restart opens nothing', async () => {
    const { username, password } = await newUser()
    for (const name of [username, 'nobody of that name']) {
      for (let nth = 0; nth < 5; nth++) {
        const { status, body } = await logIn(name, 'wrong password', newAddress())
        expect([status, body.code]).toEqual([401, 'no_active_account'])
      }
      expectLocked(await logIn(name, password, newAddress()))
      expectLocked(await logIn(name.toUpperCase(), 'wrong password', newAddress()))
    }
    await platform.restart()
    expectLocked(await logIn(username, password, newAddress()))
    await earlier(61)
    expect((await logIn(username, password, newAddress())).status).toBe(200)
  })

  test('thirty from an address lock it, and no other: a proxy that is trusted is no address', async () => {
    const [mine, other] = [newAddress(), newAddress()]
    for (const name of ['guessed', 'another']) expect((await logIn(name, 'wrong password', mine)).status).toBe(401)
    // As if twenty-eight more had been guessed, which takes its time.
    await platform.db.query(
      `insert into failed_logins (subject, at) select subject, at
       from (select subject, at from failed_logins order by id desc limit 2) last, generate_series(1, 28)`,
    )
    expectLocked(await logIn(ADMIN.username, ADMIN.password, mine))
    // What the client writes before it is not believed.
    expectLocked(await logIn(ADMIN.username, ADMIN.password, `203.0.113.9, ${mine}`))
    expect((await logIn(ADMIN.username, ADMIN.password, other)).status).toBe(200)
    await earlier(61)
    expect((await logIn(ADMIN.username, ADMIN.password, mine)).status).toBe(200)
  })

  test('that come at once are counted before more than five are looked at', async () => {
    const { username, password } = await newUser()
    const address = newAddress()
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, (_, nth) => logIn(username, `guess ${nth}`, address)),
      logIn(username, password, address),
    ])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([
      ...Array<number>(5).fill(401),
      ...Array<number>(16).fill(429),
    ])
  })

  test('are never counted against those who know the right one, though ten of them come at once', async () => {
    const { username, password } = await newUser()
    const address = newAddress()
    for (let nth = 0; nth < 4; nth++) await logIn(username, 'wrong password', address)
    const answers = await Promise.all(Array.from({ length: 10 }, () => logIn(username, password, address)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  })

  test('in place of the old one, when the password is changed, count as well', async () => {
    const user = await newUser()
    const token = await login(platform.call, user)
    const change = (old_password: string) =>
      platform.call('PATCH', '/api/users/me/', { old_password, password: 'another password' }, { token })
    for (let nth = 0; nth < 5; nth++) {
      const { status, body } = await change('wrong password')
      expect([status, Object.keys(body.fields as object)]).toEqual([422, ['old_password']])
    }
    expectLocked(await change(user.password))
    expectLocked(await logIn(user.username, user.password, newAddress()))
    await earlier(61)
    expect((await change(user.password)).status).toBe(200)
  })

  test('a change that was refused for them is not remembered under its key', async () => {
    const user = await newUser()
    const token = await login(platform.call, user)
    const headers = { 'idempotency-key': `change-${names}` }
    const change = (old_password: string) =>
      platform.call('PATCH', '/api/users/me/', { old_password, password: 'another password' }, { token, headers })
    for (let nth = 0; nth < 5; nth++) expect((await change('wrong password')).status).toBe(422)
    expectLocked(await change('wrong password'))
    await earlier(61)
    expect((await change(user.password)).status).toBe(200)
    await login(platform.call, { ...user, password: 'another password' })
  })
})

test('ten registrations from an address get through in a minute, whatever becomes of them, and no more', async () => {
  const register = (username: string, address: string, password = 'a password') => {
    const headers = { 'x-forwarded-for': address }
    return platform.call('POST', '/api/users/register/', { username, password }, { token: '', headers })
  }
  const mine = newAddress()
  // What cannot be a registration is none.
  for (let nth = 0; nth < 3; nth++) expect((await register('short', mine, '12345')).status).toBe(422)
  const events = await platform.eventsOf(async () => {
    for (let nth = 0; nth < 5; nth++) expect((await register(`stranger ${nth}`, mine)).status).toBe(201)
    for (let nth = 0; nth < 5; nth++) expect((await register(`stranger ${nth}`, mine)).status).toBe(400)
    // Another port is no other address.
    for (const from of [mine, `${mine}:4711`]) expectLocked(await register('stranger 5', from), '注册次数过多')
    await platform.restart()
    expectLocked(await register('stranger 0', mine), '注册次数过多')
  })
  expect(events).toHaveLength(10)
  expect((await logIn('stranger 0', 'a password', mine)).status).toBe(200)
  expect((await register('stranger 5', newAddress())).status).toBe(201)
  await earlier(61)
  expect((await register('stranger 6', mine)).status).toBe(201)
  const { body } = await platform.call('GET', '/openapi.json')
  expect(body.paths['/api/users/register/'].post.responses).toHaveProperty('429')
})

describe('writes over the limit', () => {
  const projects = '/api/testPro/projects/'
  const fresh = { name: '小小电商', leader: 'torin' }

  test('are refused, for a user and the machines of that user together, and come through later', async () => {
    const user = await newUser()
    const token = await login(platform.call, user)
    const machine = (await platform.call('POST', '/api/users/tokens/', { name: 'ci' }, { token })).body.token as string
    const begun = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 5 * RATE }, (_, nth) =>
        platform.call('POST', projects, fresh, { token: nth % 2 === 0 ? token : machine }),
      ),
    )
    const refused = answers.filter(({ status }) => status === 429)
    const passed = answers.filter(({ status }) => status === 201)
    expect(passed.length + refused.length).toBe(answers.length)
    // One bucketful, and what has flowed in meanwhile.
    expect(passed.length).toBeLessThanOrEqual(RATE + Math.ceil((RATE * (performance.now() - begun)) / 1000))
    expect(passed.length).toBeGreaterThanOrEqual(RATE - 1)
    for (const { body, headers } of refused) {
      expect(body).toEqual({ error: `写入过于频繁：每个用户每秒最多 ${RATE} 次`, code: 'rate_limited' })
      expect(headers.get('retry-after')).toBe('1')
    }
    expect((await unlimited(() => platform.call('POST', projects, fresh, { token }))).status).toBe(201)
  })

  test('hold up neither reads nor other users', async () => {
    const [busy, calm] = [await login(platform.call, await newUser()), await login(platform.call, await newUser())]
    await flood(busy)
    const reads = await Promise.all(
      Array.from({ length: 3 * RATE }, () => platform.call('GET', projects, undefined, { token: busy })),
    )
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await platform.call('POST', projects, fresh, { token: calm })).status).toBe(201)
  })

  test('are refused before anything of the body is read', async () => {
    const token = await login(platform.call, await newUser())
    const head = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': 10_000_000 }
    // Of ten million bytes none is ever sent: whatever is not refused waits for them.
    const asked = Array.from({ length: 3 * RATE }, () =>
      request(`${platform.url}${projects}`, { method: 'POST', headers: head }),
    )
    const answered = asked.map(async (one) => ((await once(one, 'response')) as [{ statusCode: number }])[0].statusCode)
    for (const one of asked) one.flushHeaders()
    expect(await Promise.any(answered)).toBe(429)
    for (const one of asked) one.on('error', () => {}).destroy()
    await Promise.allSettled(answered)
  })

  /** Writes until one is refused. */
  async function flood(token: string): Promise<void> {
    const write = () => platform.call('PATCH', `${projects}2147483000/`, {}, { token })
    for (let refused = false; !refused;) {
      const answers = await Promise.all(Array.from({ length: 3 * RATE }, write))
      refused = answers.some(({ status }) => status === 429)
    }
  }
})
