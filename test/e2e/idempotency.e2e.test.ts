import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Sent twice, at once, after a restart: one effect and the same answer. And writers who have not seen the newest are told so. */

let platform: TestPlatform
let project: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = (await platform.call('POST', '/api/testPro/projects/', { name: '小小电商', leader: 'torin' })).body.id
})

let last = 0
const newKey = (): Record<string, string> => ({ 'idempotency-key': `key-${++last}` })
const INTERFACES = '/api/TestInterFace/interfaces/'
const fresh = (name = '登录') => ({ name, url: '/users/login/', method: 'post', type: '1', project })

describe('an idempotency key', () => {
  test('sent twice has one effect and one answer', async () => {
    const headers = newKey()
    let answers: Awaited<ReturnType<TestPlatform['call']>>[] = []
    const events = await platform.eventsOf(async () => {
      answers = [
        await platform.call('POST', INTERFACES, fresh(), { headers }),
        await platform.call('POST', INTERFACES, fresh(), { headers }),
      ]
    })
    const [first, second] = answers
    expect(events).toHaveLength(1)
    expect([second?.status, second?.text, second?.headers.get('etag')]).toEqual([201, first?.text, '"0"'])
  })

  test('sent ten times at once has one effect and one answer', async () => {
    const headers = newKey()
    let texts: string[] = []
    const events = await platform.eventsOf(async () => {
      const calls = Array.from({ length: 10 }, () => platform.call('POST', INTERFACES, fresh(), { headers }))
      texts = (await Promise.all(calls)).map(({ status, text }) => `${status} ${text}`)
    })
    expect(events).toHaveLength(1)
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toMatch(/^201 /)
  })

  test('gives the first answer for ever: after later changes, after a deletion, after a restart', async () => {
    const create = newKey()
    const created = await platform.call('POST', INTERFACES, fresh(), { headers: create })
    const path = `${INTERFACES}${created.body.id}/`
    const rename = newKey()
    const renamed = await platform.call('PATCH', path, { name: '注册' }, { headers: rename })
    await platform.call('PATCH', path, { name: '别名' })
    const removal = newKey()
    const removed = await platform.call('DELETE', path, undefined, { headers: removal })
    expect([created.status, renamed.body.name, removed.status]).toEqual([201, '注册', 204])

    await platform.restart()
    const events = await platform.eventsOf(async () => {
      const again = await platform.call('POST', INTERFACES, fresh(), { headers: create })
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([201, created.text, '"0"'])
      const renamedAgain = await platform.call('PATCH', path, { name: '注册' }, { headers: rename })
      expect([renamedAgain.status, renamedAgain.text, renamedAgain.headers.get('etag')]).toEqual([
        200,
        renamed.text,
        '"1"',
      ])
      expect((await platform.call('DELETE', path, undefined, { headers: removal })).status).toBe(204)
      // Without the key it is what it is by now.
      expect((await platform.call('DELETE', path)).status).toBe(404)
    })
    expect(events).toEqual([])
  })

  test('remembers a write that changed nothing', async () => {
    const { body } = await platform.call('POST', INTERFACES, fresh())
    const path = `${INTERFACES}${body.id}/`
    const headers = newKey()
    const same = await platform.call('PATCH', path, { name: '登录' }, { headers })
    await platform.call('PATCH', path, { name: '注册' })
    const again = await platform.call('PATCH', path, { name: '登录' }, { headers })
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([200, same.text, '"0"'])
    expect((await platform.call('GET', path)).body.name).toBe('注册')
  })

  test('with another body is refused, and with another user or path it is another key', async () => {
    const headers = newKey()
    await platform.call('POST', INTERFACES, fresh(), { headers })
    const other = await platform.call('POST', INTERFACES, fresh('注册'), { headers })
    expect([other.status, other.body.code, Object.keys(other.body.fields)]).toEqual([
      422,
      'idempotency_key_reused',
      ['Idempotency-Key'],
    ])
    const token = await platform.userToken('tester')
    const elsewhere = await platform.call('POST', '/api/testPro/projects/', { name: 'a', leader: 'b' }, { headers })
    const byAnother = await platform.call('POST', INTERFACES, fresh('注册'), { headers, token })
    expect([elsewhere.status, byAnother.status]).toEqual([201, 201])
  })

  test('is the same key however the path is spelled', async () => {
    const headers = newKey()
    const paths = [INTERFACES, INTERFACES.slice(0, -1), INTERFACES.toLowerCase()]
    const answers = []
    for (const path of paths) answers.push(await platform.call('POST', path, fresh(), { headers }))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  })

  test('does not remember a refusal', async () => {
    const headers = newKey()
    const refused = await platform.call('POST', INTERFACES, { ...fresh(), project: 999_999 }, { headers })
    expect([refused.status, refused.body.code]).toEqual([422, 'unknown_reference'])
    expect((await platform.call('POST', INTERFACES, fresh(), { headers })).status).toBe(201)
  })

  test('makes one user of a repeated creation', async () => {
    const headers = newKey()
    const body = { username: 'repeated', password: '123456', role: 'tester' }
    const calls = Array.from({ length: 4 }, () => platform.call('POST', '/api/users/', body, { headers }))
    const texts = (await Promise.all(calls)).map(({ status, text }) => `${status} ${text}`)
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toMatch(/^201 /)
  })
})

describe('a writer who has not seen the newest', () => {
  test('is refused by If-Match, and nothing changes', async () => {
    const created = await platform.call('POST', INTERFACES, fresh())
    const path = `${INTERFACES}${created.body.id}/`
    expect(created.headers.get('etag')).toBe('"0"')
    const changed = await platform.call('PATCH', path, { name: '注册' }, { headers: { 'if-match': '"0"' } })
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"1"'])
    expect((await platform.call('GET', path)).headers.get('etag')).toBe('"1"')
    for (const [method, body] of [
      ['PATCH', { name: '旧' }],
      ['PUT', { ...fresh('旧') }],
      ['DELETE', undefined],
    ] as const) {
      const late = await platform.call(method, path, body, { headers: { 'if-match': '"0"' } })
      expect([method, late.status, late.body.code]).toEqual([method, 412, 'precondition_failed'])
    }
    expect((await platform.call('GET', path)).body.name).toBe('注册')
  })

  test('of two at once with the same If-Match one is refused', async () => {
    const created = await platform.call('POST', INTERFACES, fresh())
    const path = `${INTERFACES}${created.body.id}/`
    const answers = await Promise.all(
      ['甲', '乙'].map((name) => platform.call('PATCH', path, { name }, { headers: { 'if-match': '"0"' } })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412])
  })

  test('without If-Match many writers of one thing all succeed', async () => {
    const created = await platform.call('POST', INTERFACES, fresh())
    const path = `${INTERFACES}${created.body.id}/`
    const names = Array.from({ length: 20 }, (_, index) => `名${index}`)
    const answers = await Promise.all(names.map((name) => platform.call('PATCH', path, { name })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const etags = answers.map(({ headers }) => headers.get('etag'))
    expect(new Set(etags).size).toBe(20)
  })
})

test('what was acknowledged is in every list and detail at once, on any connection', async () => {
  await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const { body, headers } = await platform.call('POST', INTERFACES, fresh(`接口${index}`))
      const [detail, list, after] = await Promise.all([
        platform.call('GET', `${INTERFACES}${body.id}/`),
        platform.call('GET', `${INTERFACES}?project=${project}`),
        platform.call('GET', `${INTERFACES}${body.id}/`, undefined, {
          headers: { 'x-read-after': headers.get('x-position') ?? '' },
        }),
      ])
      expect([detail.body.name, after.body.name]).toEqual([`接口${index}`, `接口${index}`])
      expect(list.body.map(({ id }: { id: number }) => id)).toContain(body.id)
    }),
  )
})
