import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../contracts/time.ts'
import { TEAM_STREAM, userStream } from '../../contracts/user.ts'
import { createIds, newCommandId } from '../../platform/ids.ts'
import { hashPassword } from '../../services/access/passwords.ts'
import { Folds } from '../../services/commands/folds.ts'
import { createHandle } from '../../services/commands/handle.ts'
import { team, type TeamCommand } from '../../services/commands/team.ts'
import { user, type UserCommand } from '../../services/commands/user.ts'
import { login, type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** People who make accounts of their own, and what names they may have. */

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform({ REGISTRATION: 'open', TRUSTED_PROXIES: '127.0.0.1,::1' })
}, 60_000)
afterAll(() => platform.stop())

const as = (token: string, method: string, path: string, body?: unknown, headers = {}): Promise<Reply> =>
  platform.call(method, path, body, { token, headers })

/** Makes a tester as those were made who are there already, by the events alone. */
async function giveName({ username, password }: { username: string; password: string }): Promise<void> {
  const { store } = platform
  const handle = createHandle({ store, folds: new Folds(store), clock: systemClock('Asia/Shanghai') })
  const id = await createIds(platform.db).nextId('user')
  const data = { id, username, password_hash: await hashPassword(password) }
  const context = { commandId: newCommandId(), actor: 1, correlationId: 'test' }
  await handle(user, userStream(username), (): UserCommand => ({ type: 'CreateUser', data }), context)
  const member = { id, username, role: 'tester' } as const
  await handle(team, TEAM_STREAM, (): TeamCommand => ({ type: 'AddMember', data: member }), context)
}

let addresses = 0
/** Each from an address of its own: `limits.e2e.test.ts` says how many one has. */
const register = (body: unknown, headers = {}) =>
  as('', 'POST', '/api/users/register/', body, { 'x-forwarded-for': `198.51.100.${++addresses}`, ...headers })

describe('registering', () => {
  test('makes a tester who can log in, whatever role was asked for', async () => {
    const credentials = { username: '新人', password: '密码123456' }
    let answer: Reply | undefined
    const events = await platform.eventsOf(async () => (answer = await register({ ...credentials, role: 'admin' })))
    const id = answer?.body.id as number
    expect([answer?.status, answer?.body]).toEqual([201, { id, username: '新人', role: 'tester', active: true }])
    expect(events.map(({ type }) => type)).toEqual(['UserCreated', 'MemberAdded'])
    expect(JSON.stringify(events)).not.toContain(credentials.password)
    const token = await login(platform.call, credentials)
    expect((await as(token, 'GET', '/api/users/me/')).body).toEqual(answer?.body)
    expect((await as(token, 'GET', '/api/users/')).status).toBe(403)
  })

  test('gives a name once, and answers a repeat as the first', async () => {
    const body = { username: 'Registered', password: '123456' }
    const key = { 'idempotency-key': 'register-1' }
    const first = await register(body, key)
    expect(await register(body, key)).toMatchObject({ status: 201, text: first.text })
    expect(await register({ ...body, username: 'registered' })).toMatchObject({
      status: 400,
      body: { code: 'conflict', error: expect.stringContaining('username') },
    })
    expect(await register({ ...body, username: 'other' }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
  })

  test.each([
    ['username', { password: '123456' }],
    ['username', { username: 'x'.repeat(151), password: '123456' }],
    ['password', { username: 'short', password: '12345' }],
    ['password', { username: 'none' }],
  ])('names %s when it is wrong', async (field, body) => {
    const { status, body: refusal } = await register(body)
    expect([status, Object.keys(refusal.fields as object)]).toEqual([422, [field]])
  })

  test.each([
    ['不能以空白字符开头或结尾', ['admin ', '\u3000admin', 'admin\n']],
    ['不能含有控制字符或不可见的格式字符（U+200B）', ['ad\u200bmin']],
    ['只能含有普通空格（U+0020），不能含有其他空白字符（U+00A0）', ['new\u00a0name']],
    ['不能含有连续的空格', ['new  name']],
    ['不能为空', ['   ', '']],
  ])('takes no name that looks like another, nor does an admin: %s', async (words, wrong) => {
    const events = await platform.eventsOf(async () => {
      for (const username of wrong) {
        const body = { username, password: 'a password' }
        for (const answer of [
          await register(body),
          await platform.call('POST', '/api/users/', { ...body, role: 'tester' }),
        ]) {
          expect([username, answer.status, answer.body]).toEqual([
            username,
            422,
            { error: `username ${words}`, code: 'invalid', fields: { username: [words] } },
          ])
        }
      }
    })
    expect(events).toEqual([])
  })

  test('a name that could not be given any more can still log in', async () => {
    const old = { username: 'old\u200b  name ', password: 'a password' }
    await giveName(old)
    const token = await login(platform.call, old)
    expect((await as(token, 'GET', '/api/users/me/')).body).toMatchObject({ username: old.username, role: 'tester' })
    const body = { old_password: old.password, password: 'another password' }
    expect((await as(token, 'PATCH', '/api/users/me/', body)).status).toBe(200)
    await login(platform.call, { ...old, password: body.password })
  })

  test('many at once are all made', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, nth) => register({ username: `at once ${nth}`, password: '123456' })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
  })
})
