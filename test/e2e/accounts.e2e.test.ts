import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import jwt from 'jsonwebtoken'
import { KEYS, type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Logging out, and tokens for machines. */

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())

type Tokens = { token: string; refresh: string }
type Claims = { session?: string; exp: number; user_id: number; epoch: string; jti: string }

const claimsOf = (token: string): Claims => jwt.verify(token, KEYS.JWT_SECRET, { algorithms: ['HS256'] }) as Claims
const signed = (claims: object): string => jwt.sign(claims, KEYS.JWT_SECRET, { algorithm: 'HS256', noTimestamp: true })

let names = 0

/** A new user; each login of theirs is another one. */
async function user(role: 'admin' | 'tester' | 'viewer' = 'tester') {
  const credentials = { username: `user-${++names}`, password: 'a password' }
  const { body } = await platform.call('POST', '/api/users/', { ...credentials, role })
  const logIn = async (): Promise<Tokens> =>
    (await platform.call('POST', '/api/users/login/', credentials, { token: '' })).body as Tokens
  let first: Promise<Tokens> | undefined
  /** The first login's access token. */
  const own = async (): Promise<string> => (await (first ??= logIn())).token
  return { id: body.id as number, ...credentials, logIn, own, path: `/api/users/${body.id}/` }
}

const as = (token: string, method: string, path: string, body?: unknown, headers = {}): Promise<Reply> =>
  platform.call(method, path, body, { token, headers })
const statusOfMe = async (token: string): Promise<number> => (await as(token, 'GET', '/api/users/me/')).status
const refreshed = (refresh: string): Promise<Reply> =>
  platform.call('POST', '/api/users/token/refresh/', { refresh }, { token: '' })
const verified = async (token: string): Promise<number> =>
  (await platform.call('POST', '/api/users/token/verify/', { token }, { token: '' })).status

describe('logging out', () => {
  test('ends all tokens of that login and those of no other, after a restart too', async () => {
    const { logIn, id } = await user()
    const here = await logIn()
    const there = await logIn()
    const later = (await refreshed(here.refresh)).body.token as string
    const { session, exp } = claimsOf(here.refresh)
    expect(session).toMatch(/^[0-9a-f]{32}$/)
    expect([claimsOf(here.token).session, claimsOf(later).session]).toEqual([session, session])
    expect(claimsOf(there.token).session).not.toBe(session)

    let answer: Reply | undefined
    const events = await platform.eventsOf(async () => {
      answer = await as(here.token, 'POST', '/api/users/logout/', { refresh: here.refresh })
    })
    expect([answer?.status, answer?.text]).toEqual([204, ''])
    expect(answer?.headers.get('x-position')).toMatch(/^\d{19}$/)
    expect(events).toEqual([
      { stream: expect.stringMatching(/^user-/), type: 'LoggedOut', data: { session, expires: exp + 3600 } },
    ])

    const expectEnded = async () => {
      expect([await statusOfMe(here.token), await statusOfMe(later), await statusOfMe(there.token)]).toEqual([
        401, 401, 200,
      ])
      const refusal = await refreshed(here.refresh)
      expect([refusal.status, refusal.body.code]).toEqual([401, 'token_not_valid'])
      expect([await verified(here.refresh), await verified(here.token)]).toEqual([401, 401])
      expect([await verified(there.refresh), await verified(there.token)]).toEqual([200, 200])
    }
    await expectEnded()
    await platform.restart()
    await expectEnded()
    expect(claimsOf(there.token).user_id).toBe(id)
  })

  test('of a login that has ended already changes nothing, and a repeat is answered as the first', async () => {
    const { logIn } = await user()
    const [here, there] = [await logIn(), await logIn()]
    const key = { 'idempotency-key': `logout-${names}` }
    const logOut = (headers = {}) => as(there.token, 'POST', '/api/users/logout/', { refresh: here.refresh }, headers)
    const events = await platform.eventsOf(async () => {
      const statuses = [await logOut(key), await logOut(key), await logOut()].map(({ status }) => status)
      expect(statuses).toEqual([204, 204, 204])
    })
    expect(events).toHaveLength(1)
    const other = await as(there.token, 'POST', '/api/users/logout/', { refresh: there.refresh }, key)
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
    expect(await statusOfMe(there.token)).toBe(200)
  })

  test('takes a refresh token of the caller alone', async () => {
    const [mine, others] = [await (await user()).logIn(), await (await user()).logIn()]
    const expired = signed({ ...claimsOf(mine.refresh), exp: Math.floor(Date.now() / 1000) - 1 })
    const bodies: unknown[] = [others.refresh, mine.token, expired, 'nonsense', 7, ' '].map((refresh) => ({ refresh }))
    const events = await platform.eventsOf(async () => {
      for (const body of [...bodies, {}]) {
        const { status, body: refusal } = await as(mine.token, 'POST', '/api/users/logout/', body)
        expect([status, Object.keys(refusal.fields as object)]).toEqual([422, ['refresh']])
        expect(refusal.error).toContain('refresh')
      }
      expect((await as('', 'POST', '/api/users/logout/', { refresh: mine.refresh })).status).toBe(401)
    })
    expect(events).toEqual([])
    expect([await statusOfMe(mine.token), await statusOfMe(others.token)]).toEqual([200, 200])
  })

  test('ends a refresh token from before logins had names, and what is issued for it', async () => {
    const { logIn } = await user()
    const [refresh, token] = Object.values(await logIn()).map((text) => {
      const { session: _, ...claims } = claimsOf(text)
      return signed(claims)
    }) as [string, string]
    expect([await statusOfMe(token), await verified(refresh)]).toEqual([200, 200])
    const later = (await refreshed(refresh)).body.token as string
    expect(await statusOfMe(later)).toBe(200)
    expect((await as(later, 'POST', '/api/users/logout/', { refresh })).status).toBe(204)
    expect([await statusOfMe(later), (await refreshed(refresh)).status]).toEqual([401, 401])
  })
})

describe('an API token', () => {
  const TOKENS = '/api/users/tokens/'
  const projects = '/api/testPro/projects/'
  const newProject = { name: '小小电商', leader: 'torin' }

  /** A new token of that user. */
  async function machineOf(owner: Awaited<ReturnType<typeof user>>, body: object = { name: 'jenkins' }) {
    const own = await owner.own()
    const answer = await as(own, 'POST', TOKENS, body)
    return { answer, own, id: answer.body.id as number, text: answer.body.token as string }
  }

  test('is shown once and kept as its hash alone', async () => {
    const owner = await user()
    const own = await owner.own()
    let answer: Reply | undefined
    const events = await platform.eventsOf(async () => {
      answer = await as(own, 'POST', TOKENS, { name: 'jenkins', role: 'viewer' })
    })
    const { id, token, created_at } = (answer as unknown as Reply).body as {
      id: number
      token: string
      created_at: string
    }
    expect([answer?.status, answer?.body]).toEqual([201, { id, name: 'jenkins', role: 'viewer', token, created_at }])
    expect(token).toMatch(new RegExp(`^tl_${id}_[\\w-]{43}$`))
    expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/)
    const hash = createHash('sha256').update(token).digest('hex')
    expect(events).toEqual([
      {
        stream: `token-${id}`,
        type: 'ApiTokenIssued',
        data: { id, owner: owner.id, name: 'jenkins', role: 'viewer', hash, team_revision: expect.any(Number) },
      },
    ])
    const list = await as(own, 'GET', TOKENS)
    expect([list.status, list.body]).toEqual([
      200,
      [{ id, name: 'jenkins', role: 'viewer', created_at, last_used: null }],
    ])
    expect(list.headers.get('x-total-count')).toBe('1')

    const secret = token.slice(token.lastIndexOf('_') + 1)
    const tables = await platform.db.query<{ name: string }>(
      `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'`,
    )
    expect(tables.length).toBeGreaterThan(10)
    for (const { name } of tables) {
      const found = await platform.db.query(`select 1 from ${name} as row where row::text like $1`, [`%${secret}%`])
      expect([name, found]).toEqual([name, []])
    }
  })

  test('acts for its owner in its own role', async () => {
    const owner = await user('tester')
    const whole = await machineOf(owner)
    const reader = await machineOf(owner, { name: 'reader', role: 'viewer' })
    expect([whole.answer.body.role, reader.answer.body.role]).toEqual(['tester', 'viewer'])
    expect((await as(whole.text, 'GET', '/api/users/me/')).body).toMatchObject({ id: owner.id, role: 'tester' })
    expect((await as(reader.text, 'GET', '/api/users/me/')).body).toMatchObject({ id: owner.id, role: 'viewer' })
    expect((await as(whole.text, 'POST', projects, newProject)).status).toBe(201)
    const refusal = await as(reader.text, 'POST', projects, newProject)
    expect([refusal.status, refusal.body.code]).toEqual([403, 'forbidden'])
    expect((await as(reader.text, 'GET', projects)).status).toBe(200)
    expect(
      (await platform.call('GET', projects, undefined, { headers: { authorization: `bearer  ${reader.text}` } }))
        .status,
    ).toBe(200)
  })

  test.each([
    ['admin', 'tester'],
    ['tester', 'tester'],
    ['viewer', 'viewer'],
  ] as const)('of an owner who is %s has the role of %s where none is asked for', async (own, role) => {
    const { answer, text } = await machineOf(await user(own))
    expect([answer.status, answer.body.role]).toEqual([201, role])
    expect((await as(text, 'GET', '/api/users/me/')).body.role).toBe(role)
    expect((await as(text, 'GET', '/api/users/')).status).toBe(403)
  })

  test.each([
    ['tester', 'admin'],
    ['viewer', 'admin'],
    ['viewer', 'tester'],
  ] as const)('of a %s has not the role of %s', async (own, wanted) => {
    const { answer } = await machineOf(await user(own), { name: 'jenkins', role: wanted })
    expect([answer.status, Object.keys(answer.body.fields as object), answer.body.code]).toEqual([
      422,
      ['role'],
      'invalid',
    ])
    expect(answer.body.error).toContain(own)
  })

  test.each([
    ['name', {}],
    ['name', { name: ' ' }],
    ['name', { name: 'x'.repeat(151) }],
    ['role', { name: 'x', role: 'boss' }],
  ])('is refused when its %s is wrong', async (field, body) => {
    const { status, body: refusal } = await platform.call('POST', TOKENS, body)
    expect([status, Object.keys(refusal.fields as object)]).toEqual([422, [field]])
  })

  test('may do no more than its owner may now, and never more than it was issued for', async () => {
    const owner = await user('admin')
    const { text } = await machineOf(owner, { name: 'jenkins', role: 'tester' })
    const highest = await machineOf(owner, { name: 'jenkins', role: 'admin' })
    const may = async (token: string) => {
      const answers = [await as(token, 'GET', '/api/users/'), await as(token, 'POST', projects, newProject)]
      return answers.map(({ status }) => status)
    }
    expect([await may(text), await may(highest.text)]).toEqual([
      [403, 201],
      [200, 201],
    ])
    await platform.call('PATCH', owner.path, { role: 'viewer' })
    expect([await may(text), await may(highest.text)]).toEqual([
      [403, 403],
      [403, 403],
    ])
    await platform.call('PATCH', owner.path, { role: 'admin' })
    expect([await may(text), await may(highest.text)]).toEqual([
      [403, 201],
      [200, 201],
    ])
  })

  test("does not manage its owner's account, though it be an admin's", async () => {
    const owner = await user('admin')
    const { text, id } = await machineOf(owner, { name: 'jenkins', role: 'admin' })
    const { refresh, token } = await owner.logIn()
    const calls: [string, string, unknown?][] = [
      ['PATCH', '/api/users/me/', { old_password: owner.password, password: 'another' }],
      ['POST', '/api/users/logout/', { refresh }],
      ['GET', TOKENS],
      ['POST', TOKENS, { name: 'child' }],
      ['DELETE', `${TOKENS}${id}/`],
      ['PATCH', owner.path, { password: 'another' }],
      ['PATCH', owner.path, { active: false }],
    ]
    const events = await platform.eventsOf(async () => {
      for (const [method, path, body] of calls) {
        const { status, body: refusal } = await as(text, method, path, body)
        expect([method, path, status, refusal.code]).toEqual([method, path, 403, 'forbidden'])
      }
    })
    expect(events).toEqual([])
    expect([await statusOfMe(token), await statusOfMe(text)]).toEqual([200, 200])
    const other = await user()
    expect((await as(text, 'PATCH', other.path, { role: 'viewer' })).status).toBe(200)
  })

  test('is refused at once when it has been revoked, by its owner alone and once', async () => {
    const owner = await user()
    const { text, id, own } = await machineOf(owner)
    const kept = await machineOf(owner, { name: 'kept' })
    const stranger = (await (await user('admin')).logIn()).token
    expect((await as(stranger, 'DELETE', `${TOKENS}${id}/`)).status).toBe(404)
    expect(await statusOfMe(text)).toBe(200)

    const key = { 'idempotency-key': `revoke-${id}` }
    const events = await platform.eventsOf(async () => {
      const first = await as(own, 'DELETE', `${TOKENS}${id}/`, undefined, key)
      expect([first.status, first.text]).toEqual([204, ''])
      expect(await statusOfMe(text)).toBe(401)
      expect((await as(own, 'DELETE', `${TOKENS}${id}/`, undefined, key)).status).toBe(204)
      expect((await as(own, 'DELETE', `${TOKENS}${id}/`)).status).toBe(404)
      expect((await as(own, 'DELETE', `${TOKENS}2147483000/`)).status).toBe(404)
    })
    expect(events).toEqual([{ stream: `token-${id}`, type: 'ApiTokenRevoked', data: {} }])
    expect((await as(own, 'GET', TOKENS)).body).toMatchObject([{ id: kept.id }])
    expect(await statusOfMe(kept.text)).toBe(200)
    await platform.restart()
    expect([await statusOfMe(text), await statusOfMe(kept.text)]).toEqual([401, 200])
  })

  test('ends with the deactivation of its owner, for good', async () => {
    const owner = await user()
    const { text, id } = await machineOf(owner)
    await platform.call('PATCH', owner.path, { active: false })
    expect(await statusOfMe(text)).toBe(401)
    await platform.call('PATCH', owner.path, { active: true })
    expect(await statusOfMe(text)).toBe(401)
    const { token: own } = await owner.logIn()
    expect((await as(own, 'GET', TOKENS)).body).toEqual([])
    expect((await as(own, 'DELETE', `${TOKENS}${id}/`)).status).toBe(404)
    expect(await statusOfMe((await machineOf(owner)).text)).toBe(200)
  })

  test('is seen and revoked by admins, whosever it is', async () => {
    const owner = await user()
    const { text, id, own } = await machineOf(owner)
    const kept = await machineOf(owner, { name: 'kept', role: 'viewer' })
    const other = await machineOf(await user())
    const theirs = `${owner.path}tokens/`
    const list = await platform.call('GET', theirs)
    expect([list.status, list.text]).toEqual([200, (await as(own, 'GET', TOKENS)).text])
    expect(list.body).toMatchObject([
      { id, name: 'jenkins', role: 'tester' },
      { id: kept.id, name: 'kept', role: 'viewer' },
    ])
    expect(list.text).not.toContain('tl_')

    const key = { 'idempotency-key': `revoke-of-${id}` }
    const revoke = (path: string, headers = {}) => platform.call('DELETE', path, undefined, { headers })
    const events = await platform.eventsOf(async () => {
      const elsewhere = [`${theirs}${other.id}/`, `${theirs}2147483000/`, `/api/users/2147483000/tokens/${id}/`]
      for (const path of elsewhere) expect([path, (await revoke(path)).status]).toEqual([path, 404])
      for (const path of [theirs, `${theirs}${id}/`]) {
        expect((await as(own, path === theirs ? 'GET' : 'DELETE', path)).status).toBe(403)
      }
      expect([await statusOfMe(text), await statusOfMe(other.text)]).toEqual([200, 200])
      const first = await revoke(`${theirs}${id}/`, key)
      expect([first.status, first.text]).toEqual([204, ''])
      expect(await statusOfMe(text)).toBe(401)
      expect((await revoke(`${theirs}${id}/`, key)).status).toBe(204)
      expect((await revoke(`${theirs}${id}/`)).status).toBe(404)
    })
    expect(events).toEqual([{ stream: `token-${id}`, type: 'ApiTokenRevoked', data: {} }])
    expect([await statusOfMe(kept.text), await statusOfMe(own)]).toEqual([200, 200])
    expect((await platform.call('GET', theirs)).body).toMatchObject([{ id: kept.id }])

    // A deactivation ends what is left.
    await platform.call('PATCH', owner.path, { active: false })
    expect((await platform.call('GET', theirs)).body).toEqual([])
    expect((await revoke(`${theirs}${kept.id}/`)).status).toBe(404)
    expect((await platform.call('GET', '/api/users/2147483000/tokens/')).status).toBe(404)
  })

  test("is seen and revoked by another admin's machine, but never by one of its owner's", async () => {
    const owner = await user('admin')
    const { text, id } = await machineOf(owner, { name: 'jenkins', role: 'admin' })
    const { text: stranger } = await machineOf(await user('admin'), { name: 'jenkins', role: 'admin' })
    const calls: [string, string][] = [
      ['GET', `${owner.path}tokens/`],
      ['DELETE', `${owner.path}tokens/${id}/`],
    ]
    for (const [method, path] of calls) {
      const { status, body } = await as(text, method, path)
      expect([method, status, body.code]).toEqual([method, 403, 'forbidden'])
    }
    expect((await as(stranger, 'GET', `${owner.path}tokens/`)).body).toMatchObject([{ id }])
    expect((await as(stranger, 'DELETE', `${owner.path}tokens/${id}/`)).status).toBe(204)
    expect(await statusOfMe(text)).toBe(401)
  })

  test('outlives changes of the password and logouts', async () => {
    const owner = await user()
    const { text } = await machineOf(owner)
    const { token, refresh } = await owner.logIn()
    expect((await as(token, 'POST', '/api/users/logout/', { refresh })).status).toBe(204)
    const body = { old_password: owner.password, password: 'another password' }
    expect((await as((await owner.logIn()).token, 'PATCH', '/api/users/me/', body)).status).toBe(200)
    await platform.call('PATCH', owner.path, { password: 'yet another' })
    expect(await statusOfMe(text)).toBe(200)
  })

  test('of another secret, another id or another form is none', async () => {
    const owner = await user()
    const [one, other] = [await machineOf(owner), await machineOf(owner)]
    const secret = (text: string) => text.slice(text.lastIndexOf(`_${text.split('_')[2]}`) + 1)
    const wrong = [
      `tl_${one.id}_${'A'.repeat(43)}`,
      `tl_${one.id}_${secret(other.text)}`,
      `tl_2147483000_${secret(one.text)}`,
      `tl_0${one.id}_${secret(one.text)}`,
      `${one.text}A`,
      one.text.slice(0, -1),
      one.text.toUpperCase(),
      `tl_${one.id}_`,
      'tl_',
      `tl_${'9'.repeat(40)}_${secret(one.text)}`,
    ]
    for (const token of wrong) {
      const { status, body, headers } = await as(token, 'GET', '/api/users/me/')
      expect([token, status, body.code]).toEqual([token, 401, 'token_not_valid'])
      expect(headers.get('www-authenticate')).toContain('invalid_token')
    }
    expect(await statusOfMe(one.text)).toBe(200)
  })

  test('is not a token that can be refreshed or logged out', async () => {
    const { text, own } = await machineOf(await user())
    expect([(await refreshed(text)).status, await verified(text)]).toEqual([401, 401])
    expect((await as(own, 'POST', '/api/users/logout/', { refresh: text })).status).toBe(422)
  })

  test('is made once for one idempotency key, and a repeat does not show it', async () => {
    const owner = await user()
    const own = await owner.own()
    const key = { 'idempotency-key': `token-${names}` }
    const create = (name = 'jenkins') => as(own, 'POST', TOKENS, { name }, key)
    let answers: Reply[] = []
    const events = await platform.eventsOf(async () => (answers = await Promise.all([create(), create(), create()])))
    expect(events).toHaveLength(1)
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    const [shown, ...bare] = answers
      .map(({ body }) => body)
      .toSorted((a, b) => Number('token' in b) - Number('token' in a))
    const { token, ...rest } = shown
    expect(bare).toEqual([rest, rest])
    expect(await statusOfMe(token as string)).toBe(200)
    expect(await create('another')).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
    await platform.restart()
    expect((await create()).body).toEqual(rest)
  })

  test('tells when it was used last, of which no event tells', async () => {
    const { text, own, id } = await machineOf(await user())
    const before = Date.now()
    const events = await platform.eventsOf(() => statusOfMe(text))
    expect(events).toEqual([])
    // Nobody waits for the note.
    let used: string | null = null
    while (used === null) used = (await as(own, 'GET', TOKENS)).body[0].last_used as string | null
    expect(used).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/)
    expect(Date.parse(used)).toBeGreaterThanOrEqual(before - 1)
    await statusOfMe(text)
    await platform.restart()
    expect((await as(own, 'GET', TOKENS)).body).toMatchObject([{ id, last_used: used }])
  })

  test('is found by its name, page by page', async () => {
    const owner = await user()
    for (const name of ['Jenkins', 'GitLab', 'jenkins nightly']) await machineOf(owner, { name })
    const own = await owner.own()
    const found = await as(own, 'GET', `${TOKENS}?search=JENKINS`)
    expect(found.body.map(({ name }: { name: string }) => name)).toEqual(['Jenkins', 'jenkins nightly'])
    const second = await as(own, 'GET', `${TOKENS}?page=2&page_size=2`)
    expect(second.body).toMatchObject({ count: 3, page: 2, page_size: 2, results: [{ name: 'jenkins nightly' }] })
  })
})
