import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { keyedBy, newKey } from '../support/keyed.ts'
import { type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { printed, sentAsPrinted } from '../support/printed.ts'
import { refusedBy } from '../support/refused.ts'

/** Bugs (seed 000 八): the calls as they are printed, what is refused, and what bugs outlive. */

let platform: TestPlatform
let project: number
let login: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = await platform.made(PROJECTS, { name: '小小电商', leader: 'torin' })
  login = await newInterface('/user/login')
})

const PROJECTS = '/api/testPro/projects/'
const INTERFACES = '/api/TestInterFace/interfaces/'
const BUGS = '/api/bug/bugs/'
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/

const newInterface = (url: string, of = project): Promise<number> =>
  platform.made(INTERFACES, { name: '登录', url, method: 'post', type: '1', project: of })
const aBug = (more: object = {}) => ({ interface: login, desc: '登录返回500', info: {}, ...more })
const list = async (query: string) => (await platform.call('GET', `${BUGS}?${query}`)).body
const ids = async (query: string): Promise<number[]> => (await list(query)).map(({ id }: { id: number }) => id)

const refused = refusedBy(() => platform)
const asPrinted = sentAsPrinted(() => platform)
const { repeated } = keyedBy(() => platform)

test('a bug is reported, listed, read and changed as printed, and deleted', async () => {
  const request = { ...printed('bugs.create').request, interface: login }
  const created = await asPrinted('bugs.create', 'POST', BUGS, { body: request })
  const { id, create_time } = created.body as { id: number; create_time: string }
  expect(create_time).toMatch(TIME)
  const { id: _, ...sent } = request as typeof request & { id: number }
  expect(created.body).toEqual({ ...sent, id, create_time })
  const place = { interface: login, interface_url: '/user/login', project }
  const stream = `bug-${id}`
  expect(created.events).toEqual([{ type: 'BugReported', data: { ...sent, ...place, id, info: '{}', by: 'admin' } }])

  const listed = await asPrinted('bugs.list', 'GET', `${BUGS}?project=${project}&interface=${login}`)
  const { info: __, ...item } = { ...created.body, interface_url: '/user/login' }
  expect(listed.body).toEqual([item])

  const detail = await asPrinted('bugs.detail', 'GET', `${BUGS}${id}/`)
  const reported = { handle: '提交bug,bug状态是未处理', update_user: 'admin', create_time }
  expect(detail.body).toEqual({ ...created.body, interface_url: '/user/login', handle: [reported] })

  // What is printed is what a list answers, sent back: nothing changes, and nothing is told.
  const printedChange = { ...printed('bugs.change').request, id: 77, interface: login }
  let changed!: Reply
  const none = await platform.eventsOf(async () => {
    changed = await platform.call('PATCH', `${BUGS}${id}/`, printedChange)
  })
  expect([changed.status, changed.body, none]).toEqual([printed('bugs.change').status, detail.body, []])
  const tester = await platform.userToken('tester', 'musen')
  const events = await platform.eventsOf(async () => {
    const body = { ...printedChange, status: '处理中' }
    changed = await platform.call('PATCH', `${BUGS}${id}/`, body, { token: tester })
  })
  expect(events).toEqual([{ stream, type: 'BugChanged', data: { status: '处理中', by: 'musen' } }])
  const handling = { handle: '更新bug,bug状态是处理中', update_user: 'musen', create_time: expect.stringMatching(TIME) }
  const after = { ...detail.body, status: '处理中', handle: [reported, handling] }
  expect([changed.status, changed.body]).toEqual([200, after])
  const read = await platform.call('GET', `${BUGS}${id}/`)
  expect([read.body, read.headers.get('etag')]).toEqual([changed.body, changed.headers.get('etag')])

  const deletion = await platform.eventsOf(async () => {
    expect((await platform.call('DELETE', `${BUGS}${id}/`)).status).toBe(204)
  })
  expect(deletion).toEqual([{ stream, type: 'BugDeleted', data: { by: 'admin' } }])
  expect(await list(`project=${project}`)).toEqual([])
  for (const [method, body] of [
    ['GET', undefined],
    ['PATCH', { status: 'x' }],
    ['PUT', {}],
    ['DELETE', undefined],
  ] as const) {
    expect(await refused(method, `${BUGS}${id}/`, body)).toEqual([404, 'not_found'])
  }
})

describe('a report', () => {
  test('is of the caller and not yet handled where it says nothing of it', async () => {
    const token = await platform.userToken('tester')
    const { body: me } = await platform.call('POST', BUGS, aBug(), { token })
    expect(me).toMatchObject({ status: '未处理', user: expect.stringMatching(/^tester-/) })
    const { body: other } = await platform.call('POST', BUGS, aBug({ user: '木森', status: '无效bug' }), { token })
    expect(other).toMatchObject({ status: '无效bug', user: '木森' })
    const { handle } = (await platform.call('GET', `${BUGS}${other.id}/`)).body
    expect(handle).toMatchObject([{ handle: '提交bug,bug状态是无效bug', update_user: me.user }])
  })

  test.each<[string, object, string, string]>([
    ['no interface', { interface: undefined }, 'invalid', 'interface'],
    ['an interface that is none', { interface: 'x' }, 'invalid', 'interface'],
    ['an unknown interface', { interface: 2_000_000_000 }, 'unknown_reference', 'interface'],
    ['no desc', { desc: undefined }, 'invalid', 'desc'],
    ['a blank desc', { desc: ' ' }, 'invalid', 'desc'],
    ['NUL in its desc', { desc: 'a\u0000' }, 'invalid', 'desc'],
    ['no info', { info: undefined }, 'invalid', 'info'],
    ['text for info', { info: '日志' }, 'invalid', 'info'],
    ['null for info', { info: null }, 'invalid', 'info'],
    ['NUL deep in its info', { info: { a: [{ b: '\u0000' }] } }, 'invalid', 'info'],
    ['an unknown status', { status: '已关闭' }, 'invalid', 'status'],
    ['a number for a status', { status: 1 }, 'invalid', 'status'],
    ['a list for a user', { user: [] }, 'invalid', 'user'],
    ['a blank user', { user: '' }, 'invalid', 'user'],
  ])('is refused with %s', async (_name, wrong, code, field) => {
    expect(await refused('POST', BUGS, aBug(wrong))).toEqual([422, code, field])
  })

  test('that is refused for its status is told of all four', async () => {
    const { body } = await platform.call('POST', BUGS, aBug({ status: '已关闭' }))
    for (const status of ['未处理', '处理中', '处理完', '无效bug']) expect(body.error).toContain(status)
  })

  test('keeps its info letter for letter, be it long, through changes and a restart', async () => {
    const info = `{"b": 1.0,"10":12345678901234567890,"a":[-0.0,"\\u4e2d",1e3],"long":"${'长'.repeat(20_000)}"}`
    const sent = (text: string) => `{"interface":${login},"desc":"长","info":${text}}`
    const created = await platform.call('POST', BUGS, sent(info))
    expect(created.text).toContain(`"info":${info}`)
    const path = `${BUGS}${created.body.id}/`
    const [event] = await platform.store.load(`bug-${created.body.id}`)
    expect(JSON.stringify(event?.data).length).toBeLessThan(2_000)
    await platform.restart()
    expect((await platform.call('GET', path)).text).toContain(`"info":${info}`)
    expect((await platform.call('PATCH', path, { status: '处理完' })).text).toContain(`"info":${info}`)
    expect((await platform.call('PATCH', path, '{"info": [1.50, {}]}')).text).toContain('"info":[1.50, {}]')
    // The same text again is no change; the same value in other letters is one.
    const events = await platform.eventsOf(async () => {
      await platform.call('PATCH', path, '{"info": [1.50, {}]}')
      await platform.call('PATCH', path, '{"info": [1.5, {}]}')
    })
    expect(events.map(({ data }) => data)).toEqual([{ info: '[1.5, {}]', by: 'admin' }])
  })

  test('has a desc as long as one likes', async () => {
    const desc = '长'.repeat(20_000)
    const { body } = await platform.call('POST', BUGS, aBug({ desc }))
    expect([body.desc, (await platform.call('GET', `${BUGS}${body.id}/`)).body.desc]).toEqual([desc, desc])
    expect((await list(`interface=${login}`))[0].desc).toBe(desc)
  })
})

describe('a change', () => {
  test('is partial, and a replacement names the status', async () => {
    const id = await platform.made(BUGS, aBug({ user: '木森' }))
    const path = `${BUGS}${id}/`
    const patched = await platform.call('PATCH', path, { desc: '改' })
    expect(patched.body).toMatchObject({ desc: '改', info: {}, status: '未处理', user: '木森' })
    const put = await platform.call('PUT', path, aBug({ info: [1], status: '处理完' }))
    expect(put.body).toMatchObject({ desc: '登录返回500', info: [1], status: '处理完', user: '木森' })
    expect(put.body.handle.map(({ handle }: { handle: string }) => handle)).toEqual([
      '提交bug,bug状态是未处理',
      '更新bug,bug状态是未处理',
      '更新bug,bug状态是处理完',
    ])
    expect(await refused('PUT', path, aBug())).toEqual([422, 'invalid', 'status'])
    const bare = await platform.call('PUT', path, { status: '处理中' })
    expect([bare.status, Object.keys(bare.body.fields)]).toEqual([422, ['interface', 'desc', 'info']])
    expect(await refused('PATCH', path, { status: '已关闭' })).toEqual([422, 'invalid', 'status'])
    expect(await refused('PATCH', path, { info: 5 })).toEqual([422, 'invalid', 'info'])
  })

  test('takes a bug to another interface of its project alone', async () => {
    const id = await platform.made(BUGS, aBug())
    const path = `${BUGS}${id}/`
    const token = await newInterface('/users/token/')
    const moved = await platform.call('PATCH', path, { interface: token })
    expect(moved.body).toMatchObject({ interface: token, interface_url: '/users/token/' })
    expect([await ids(`interface=${login}`), await ids(`interface=${token}`)]).toEqual([[], [id]])

    const other = await platform.made(PROJECTS, { name: '另一个', leader: 'b' })
    const foreign = await newInterface('/user/login', other)
    expect(await refused('PATCH', path, { interface: foreign })).toEqual([422, 'invalid', 'interface'])
    expect(await refused('PATCH', path, { interface: 2_000_000_000 })).toEqual([422, 'unknown_reference', 'interface'])
  })

  test('by two at once is told twice, and If-Match holds to what was seen', async () => {
    const created = await platform.call('POST', BUGS, aBug())
    const path = `${BUGS}${created.body.id}/`
    await Promise.all([
      platform.call('PATCH', path, { status: '处理中' }),
      platform.call('PATCH', path, { desc: '改' }),
    ])
    const { body } = await platform.call('GET', path)
    expect(body).toMatchObject({ status: '处理中', desc: '改' })
    expect(body.handle).toHaveLength(3)
    const headers = { 'if-match': created.headers.get('etag') ?? '' }
    expect((await refused('PATCH', path, { status: '处理完' }, headers))[0]).toBe(412)
    expect((await refused('DELETE', path, undefined, headers))[0]).toBe(412)
  })
})

describe('a bug outlives', () => {
  test('its interface, of which it shows the last URL', async () => {
    const id = await platform.made(BUGS, aBug())
    const path = `${BUGS}${id}/`
    await platform.call('PATCH', `${INTERFACES}${login}/`, { url: '/v2/login' })
    expect((await platform.call('GET', path)).body.interface_url).toBe('/v2/login')
    expect((await platform.call('PATCH', path, { status: '处理中' })).body.interface_url).toBe('/v2/login')
    await platform.call('PATCH', `${INTERFACES}${login}/`, { url: '/v3/login' })
    await platform.call('DELETE', `${INTERFACES}${login}/`)
    const [item] = await list(`project=${project}&interface=${login}`)
    expect(item).toMatchObject({ id, interface: login, interface_url: '/v3/login' })
    // What was read can be sent back.
    const changed = await platform.call('PATCH', path, { ...item, status: '处理完' })
    expect([changed.status, changed.body.status, changed.body.interface_url]).toEqual([200, '处理完', '/v3/login'])
    expect((await platform.call('PUT', path, { ...changed.body, desc: '改' })).body.desc).toBe('改')
    expect(await refused('POST', BUGS, aBug())).toEqual([422, 'unknown_reference', 'interface'])
    expect((await platform.call('DELETE', path)).status).toBe(204)
  })

  test('its project, for who knows its id', async () => {
    const id = await platform.made(BUGS, aBug())
    await platform.call('DELETE', `${PROJECTS}${project}/`)
    expect([await ids(`project=${project}`), await ids(`interface=${login}`)]).toEqual([[], []])
    expect(await ids('')).not.toContain(id)
    const path = `${BUGS}${id}/`
    expect((await platform.call('GET', path)).body).toMatchObject({ id, interface_url: '/user/login' })
    expect((await platform.call('PATCH', path, { status: '无效bug' })).body).toMatchObject({ status: '无效bug' })
    expect((await platform.call('DELETE', path)).status).toBe(204)
  })
})

test('a list is by id, by project, interface, status and what the desc holds, in pages', async () => {
  const token = await newInterface('/users/token/')
  const other = await platform.made(PROJECTS, { name: '另一个', leader: 'b' })
  const foreign = await newInterface('/user/login', other)
  const [one, two, three] = [
    await platform.made(BUGS, aBug({ desc: 'Login 500' })),
    await platform.made(BUGS, aBug({ interface: token, desc: '令牌', status: '处理中' })),
    await platform.made(BUGS, aBug({ desc: 'LOGIN 超时', status: '处理中' })),
  ]
  const far = await platform.made(BUGS, aBug({ interface: foreign, desc: 'login' }))
  const of = `project=${project}`
  expect(await ids(of)).toEqual([one, two, three])
  expect(await ids(`project=${other}`)).toEqual([far])
  expect(await ids(`interface=${login}`)).toEqual([one, three])
  expect(await ids(`project=${other}&interface=${login}`)).toEqual([])
  expect(await ids(`${of}&status=处理中`)).toEqual([two, three])
  expect(await ids(`${of}&search=login`)).toEqual([one, three])
  expect(await ids(`${of}&search=login&status=${encodeURIComponent('处理中')}`)).toEqual([three])
  expect(await ids(`${of}&status=`)).toEqual([one, two, three])
  expect(await ids('project=2000000000')).toEqual([])
  const page = await platform.call('GET', `${BUGS}?${of}&page=2&page_size=1`)
  expect([page.body.count, page.body.results.map(({ id }: { id: number }) => id)]).toEqual([3, [two]])
  expect(await refused('GET', `${BUGS}?project=x`)).toEqual([422, 'invalid', 'project'])
  expect(await refused('GET', `${BUGS}?interface=0`)).toEqual([422, 'invalid', 'interface'])
  expect(await ids(`${of}&status=已关闭`)).toEqual([])
})

test('a repeat with its key is answered as at first, whatever has become of the bug since', async () => {
  const path = `${BUGS}${await platform.made(BUGS, aBug())}/`
  const statuses = await repeated(
    ['POST', BUGS, aBug({ info: { b: 1 } })],
    ['PATCH', path, { status: '处理中' }],
    ['PATCH', path, { status: '处理中' }],
    ['PUT', path, aBug({ status: '处理完' })],
    ['DELETE', path],
  )
  expect(statuses).toEqual([201, 200, 200, 200, 204])
  const headers = newKey()
  await platform.call('POST', BUGS, aBug(), { headers })
  const wanted = [422, 'idempotency_key_reused', 'Idempotency-Key']
  expect(await refused('POST', BUGS, aBug({ info: { b: 2 } }), headers)).toEqual(wanted)
})

test('a viewer reads bugs, and writes none', async () => {
  const token = await platform.userToken('viewer')
  const id = await platform.made(BUGS, aBug())
  const as = async (method: string, path: string, body?: unknown) =>
    (await platform.call(method, path, body, { token })).status
  for (const path of [BUGS, `${BUGS}${id}/`]) expect(await as('GET', path)).toBe(200)
  expect(await as('POST', BUGS, aBug())).toBe(403)
  expect(await as('PATCH', `${BUGS}${id}/`, { status: '处理完' })).toBe(403)
  expect(await as('PUT', `${BUGS}${id}/`, aBug({ status: '处理完' }))).toBe(403)
  expect(await as('DELETE', `${BUGS}${id}/`)).toBe(403)
})
