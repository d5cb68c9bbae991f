import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Route } from '../../gateway/rest/route.ts'
import { checkPassword } from '../../services/access/passwords.ts'
import { ADMIN, KEYS, login, type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Who comes in, tried on every route that asks; and accounts. `permissions.e2e.test.ts` says who may do what. */

let platform: TestPlatform

/** Tokens that were good once, or are good for something else. */
let spent: { refresh: string; loggedOut: string; revoked: string; ownerless: string; machine: string }

beforeAll(async () => {
  platform = await startTestPlatform()
  const user = { username: 'spender', password: 'password of spender' }
  const { body: created } = await platform.call('POST', '/api/users/', { ...user, role: 'admin' })
  const logIn = async () => (await platform.call('POST', '/api/users/login/', user)).body as Record<string, string>
  const [ended, present] = [await logIn(), await logIn()]
  await platform.call('POST', '/api/users/logout/', { refresh: ended.refresh }, { token: ended.token })
  const machineOf = async (token: string | undefined) =>
    (await platform.call('POST', '/api/users/tokens/', { name: 'ci' }, { token })).body as { id: number; token: string }
  const revoked = await machineOf(present.token)
  await platform.call('DELETE', `/api/users/tokens/${revoked.id}/`, undefined, { token: present.token })
  const ownerless = await machineOf(present.token)
  await platform.call('PATCH', `/api/users/${created.id}/`, { active: false })
  const { body: admins } = await platform.call('POST', '/api/users/login/', ADMIN)
  spent = {
    refresh: admins.refresh as string,
    loggedOut: ended.token ?? '',
    revoked: revoked.token,
    ownerless: ownerless.token,
    machine: (await machineOf(platform.token)).token,
  }
}, 60_000)
afterAll(() => platform.stop())

function pathOf(route: Route): string {
  return route.path.replace(/:\w+/g, '2147483000')
}

function closed(): readonly Route[] {
  return platform.routes.filter(({ access }) => access !== 'public')
}

function signed(header: object, payload: object, secret: string = KEYS.JWT_SECRET): string {
  const parts = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const signature = createHmac('sha256', secret).update(parts.join('.')).digest('base64url')
  return [...parts, signature].join('.')
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}

describe('every other route refuses', () => {
  const tokens: Record<string, () => string> = {
    'no token': () => '',
    'what is no token': () => 'nonsense',
    'a token without signature': () =>
      `${signed({ alg: 'none', typ: 'JWT' }, claimsOf(platform.token)).split('.').slice(0, 2).join('.')}.`,
    'a token whose signature is said to be none': () => signed({ alg: 'None', typ: 'JWT' }, claimsOf(platform.token)),
    'a token of another algorithm': () => signed({ alg: 'HS512', typ: 'JWT' }, claimsOf(platform.token)),
    'a token that asks for a public key': () => signed({ alg: 'RS256', typ: 'JWT' }, claimsOf(platform.token)),
    'a token signed with another key': () =>
      signed({ alg: 'HS256', typ: 'JWT' }, claimsOf(platform.token), 'x'.repeat(32)),
    'an expired token': () =>
      signed({ alg: 'HS256', typ: 'JWT' }, { ...claimsOf(platform.token), exp: Math.floor(Date.now() / 1000) - 1 }),
    'a token of another kind': () =>
      signed({ alg: 'HS256', typ: 'JWT' }, { ...claimsOf(platform.token), token_type: 'refresh' }),
    'a refresh token': () => spent.refresh,
    'a token without end': () => {
      const { exp: _, ...claims } = claimsOf(platform.token)
      return signed({ alg: 'HS256', typ: 'JWT' }, claims)
    },
    'a token of a login that was ended': () => spent.loggedOut,
    'an API token that was revoked': () => spent.revoked,
    'an API token of a deactivated user': () => spent.ownerless,
    'an API token with a guessed secret': () => spent.machine.replace(/.{43}$/, 'A'.repeat(43)),
    'an API token of no such id': () => spent.machine.replace(/^tl_\d+/, 'tl_2147483000'),
    'half an API token': () => spent.machine.slice(0, 20),
    'a token of nobody': () => signed({ alg: 'HS256', typ: 'JWT' }, { ...claimsOf(platform.token), user_id: 999 }),
    'a token of an earlier password': () =>
      signed({ alg: 'HS256', typ: 'JWT' }, { ...claimsOf(platform.token), epoch: '7.7' }),
  }
  for (const [name, token] of Object.entries(tokens)) {
    test(name, async () => {
      for (const route of closed()) {
        // Refused before anything is read of it: the body is no JSON.
        const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : '{'
        const answer = await platform.call(route.method, pathOf(route), body, { token: token() })
        expect([route.path, answer.status]).toEqual([route.path, 401])
        expect(answer.body).toEqual({
          error: expect.any(String),
          detail: answer.body.error,
          code: name === 'no token' ? 'not_authenticated' : 'token_not_valid',
        })
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
      }
    })
  }

  test('but a token made as these were made is taken when nothing is wrong with it', async () => {
    const good = signed({ alg: 'HS256', typ: 'JWT' }, claimsOf(platform.token))
    expect((await platform.call('GET', '/api/users/me/', undefined, { token: good })).status).toBe(200)
    const { machine } = spent
    expect((await platform.call('GET', '/api/users/me/', undefined, { token: machine })).status).toBe(200)
  })
})

test('nobody registers where registration is closed, whatever is sent', async () => {
  const events = await platform.eventsOf(async () => {
    for (const body of [{ username: 'guest', password: '123456' }, {}, '{']) {
      const answer = await platform.call('POST', '/api/users/register/', body, { token: '' })
      expect([answer.status, answer.body]).toEqual([
        403,
        { error: '未开放注册，请联系管理员创建账号', code: 'forbidden' },
      ])
    }
  })
  expect(events).toEqual([])
})

describe('accounts', () => {
  test('a user is created, listed, changed, and is whom it says', async () => {
    const created = await platform.call('POST', '/api/users/', {
      username: 'musen',
      password: '123456',
      role: 'tester',
    })
    expect([created.status, created.body]).toEqual([
      201,
      { id: expect.any(Number), username: 'musen', role: 'tester', active: true },
    ])
    const token = await login(platform.call, { username: 'musen', password: '123456' })
    expect((await platform.call('GET', '/api/users/me/', undefined, { token })).body).toEqual(created.body)
    expect((await platform.call('GET', '/api/users/')).body).toContainEqual(created.body)

    const path = `/api/users/${created.body.id}/`
    const changed = await platform.call('PATCH', path, { role: 'viewer' })
    expect([changed.status, changed.body]).toEqual([200, { ...created.body, role: 'viewer' }])
    const refused = await platform.call('POST', '/api/testPro/projects/', { name: 'a', leader: 'b' }, { token })
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  })

  test('a name is given once, whatever its case', async () => {
    const wanted = { username: 'Twice', password: '123456', role: 'tester' }
    const answers = await Promise.all(
      ['Twice', 'twice', 'TWICE'].map((username) => platform.call('POST', '/api/users/', { ...wanted, username })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 400, 400])
    const { body } = await platform.call('POST', '/api/users/', wanted)
    expect([body.code, body.error]).toEqual(['conflict', expect.stringContaining('username')])
  })

  test('a wrong password and an unknown name are refused with the same words', async () => {
    const wrong = await platform.call('POST', '/api/users/login/', { username: 'admin', password: 'wrong!' })
    const unknown = await platform.call('POST', '/api/users/login/', { username: 'nobody', password: 'wrong!' })
    expect(wrong.status).toBe(401)
    expect(wrong.body).toEqual({ error: '用户名或密码错误', detail: '用户名或密码错误', code: 'no_active_account' })
    expect(unknown.body).toEqual(wrong.body)
  })

  test('a deactivated user is out at once, and back with new tokens alone', async () => {
    const token = await platform.userToken('tester', 'leaver')
    const { body: me } = await platform.call('GET', '/api/users/me/', undefined, { token })
    const path = `/api/users/${me.id}/`
    expect((await platform.call('PATCH', path, { active: false })).body.active).toBe(false)
    expect((await platform.call('GET', '/api/users/me/', undefined, { token })).status).toBe(401)
    const locked = await platform.call('POST', '/api/users/login/', {
      username: 'leaver',
      password: 'password of leaver',
    })
    expect(locked.status).toBe(401)
    expect((await platform.call('PATCH', path, { active: true })).body.active).toBe(true)
    expect((await platform.call('GET', '/api/users/me/', undefined, { token })).status).toBe(401)
    const again = await login(platform.call, { username: 'leaver', password: 'password of leaver' })
    expect((await platform.call('GET', '/api/users/me/', undefined, { token: again })).status).toBe(200)
  })

  test('a user who was changed by another, the password too, is not changed by who has not seen it', async () => {
    const { body, headers } = await platform.call('POST', '/api/users/', {
      username: 'etag',
      password: '\u{1F600}'.repeat(100),
      role: 'tester',
    })
    const path = `/api/users/${body.id}/`
    const seen = { 'if-match': headers.get('etag') ?? '' }
    const first = await platform.call('PATCH', path, { password: 'first password' }, { headers: seen })
    const second = await platform.call('PATCH', path, { password: 'second password' }, { headers: seen })
    expect([first.status, second.status, second.body.code]).toEqual([200, 412, 'precondition_failed'])
    const token = await login(platform.call, { username: 'etag', password: 'first password' })
    const own = { old_password: 'first password', password: 'third password' }
    const late = await platform.call('PATCH', '/api/users/me/', own, { token, headers: seen })
    expect(late.status).toBe(412)
    const me = await platform.call('GET', '/api/users/me/', undefined, { token })
    const now = { 'if-match': me.headers.get('etag') ?? '' }
    expect((await platform.call('PATCH', '/api/users/me/', own, { token, headers: now })).status).toBe(200)
    await login(platform.call, { username: 'etag', password: 'third password' })
  })

  test('a password change ends what was issued before', async () => {
    const token = await platform.userToken('tester', 'changer')
    const body = { old_password: 'password of changer', password: 'another password' }
    const wrong = await platform.call('PATCH', '/api/users/me/', { ...body, old_password: 'not it' }, { token })
    expect([wrong.status, Object.keys(wrong.body.fields)]).toEqual([422, ['old_password']])
    expect((await platform.call('PATCH', '/api/users/me/', body, { token })).status).toBe(200)
    expect((await platform.call('GET', '/api/users/me/', undefined, { token })).status).toBe(401)
    await login(platform.call, { username: 'changer', password: 'another password' })
  })

  test('a password that nobody has the time to hash changes nothing', async () => {
    const { body: created } = await platform.call('POST', '/api/users/', {
      username: 'hashed',
      password: 'the first password',
      role: 'tester',
    })
    const slow = `scrypt$4096$8$1$${'0'.repeat(32)}$${'0'.repeat(64)}`
    const change = async (): Promise<number> => {
      const flood = Array.from({ length: 100 }, () => checkPassword('guess', slow))
      let answer: Reply | undefined
      const events = await platform.eventsOf(async () => {
        answer = await platform.call('PATCH', `/api/users/${created.id}/`, { password: 'the second password' })
      })
      await Promise.all(flood)
      const changed = answer?.status === 200
      if (!changed) expect([answer?.body.code, answer?.headers.get('retry-after')]).toEqual(['busy', '1'])
      expect(events.map(({ type }) => type)).toEqual(changed ? ['MemberChanged', 'PasswordChanged'] : [])
      return answer?.status ?? 0
    }
    // Until the flood is there in time.
    while ((await change()) !== 503);
  })

  test('the last active admin can be neither deactivated nor demoted, not even by two who remove each other at once', async () => {
    for (const changes of [{ active: false }, { role: 'viewer' }]) {
      const { status, body } = await platform.call('PATCH', '/api/users/1/', changes)
      expect([status, body.code]).toEqual([400, 'conflict'])
    }
    const other = await platform.userToken('admin', 'second')
    const { body: second } = await platform.call('GET', '/api/users/me/', undefined, { token: other })
    const answers = await Promise.all([
      platform.call('PATCH', `/api/users/${second.id}/`, { role: 'tester' }),
      platform.call('PATCH', '/api/users/1/', { role: 'tester' }, { token: other }),
    ])
    // The one that came second was an admin no longer, or the last.
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1)
    // Whoever is left makes the first one admin again for the tests that follow.
    await platform.call('PATCH', '/api/users/1/', { role: 'admin' }, { token: other })
    expect((await platform.call('GET', '/api/users/')).status).toBe(200)
  })

  test.each([
    ['username', { password: '123456', role: 'tester' }],
    ['username', { username: ' ', password: '123456', role: 'tester' }],
    ['password', { username: 'short', password: '12345', role: 'tester' }],
    ['password', { username: 'long', password: 'x'.repeat(129), role: 'tester' }],
    ['password', { username: 'emoji', password: '\u{1F600}'.repeat(3), role: 'tester' }],
    ['role', { username: 'who', password: '123456', role: 'boss' }],
  ])('%s is named when it is wrong', async (field, body) => {
    const { status, body: refusal } = await platform.call('POST', '/api/users/', body)
    expect([status, Object.keys(refusal.fields), refusal.code]).toEqual([422, [field], 'invalid'])
    expect(refusal.error).toContain(field)
  })
})
