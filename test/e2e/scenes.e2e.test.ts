import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { keyedBy, newKey } from '../support/keyed.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { refusedBy } from '../support/refused.ts'

/** Scenes and their steps: order, refusals, deletions, repeats, and many who write one scene at once. */

let platform: TestPlatform
let project: number
let login: number
let order: number
let scene: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = await made(PROJECTS, { name: '小小电商', leader: 'torin' })
  login = await newCase('登录')
  order = await newCase('下单')
  scene = await made(SCENES, { name: '登录下单', project })
})

const PROJECTS = '/api/testPro/projects/'
const INTERFACES = '/api/TestInterFace/interfaces/'
const CASES = '/api/TestInterFace/cases/'
const SCENES = '/api/testFlow/scenes/'
const STEPS = '/api/testFlow/icases/'
const ORDER = `${STEPS}order/`

const made = (path: string, body: object): Promise<number> => platform.made(path, body)
const newInterface = (of = project): Promise<number> =>
  made(INTERFACES, { name: '登录', url: '/users/login/', method: 'post', type: '1', project: of })
const newCase = async (title: string, of = project): Promise<number> =>
  made(CASES, { title, interface: await newInterface(of) })
const newStep = (icase: number, sort: number, of = scene): Promise<number> => made(STEPS, { icase, scene: of, sort })

/** What the list says: step, case, sort. */
async function steps(of = scene): Promise<[step: number, icase: number, sort: number][]> {
  const { body } = await platform.call('GET', `${STEPS}?scene=${of}`)
  return body.map((row: { id: number; icase: { id: number }; sort: number }) => [row.id, row.icase.id, row.sort])
}

const refused = refusedBy(() => platform)
const { send, repeated } = keyedBy(() => platform)

describe('a scene', () => {
  test('is of one project: its filter leaves it, and it cannot move', async () => {
    const other = await made(PROJECTS, { name: '另一个', leader: 'b' })
    const list = async (query: string) => (await platform.call('GET', `${SCENES}?${query}`)).body
    const shown = { id: scene, name: '登录下单', project }
    expect(await list(`project=${project}`)).toEqual([shown])
    expect(await list(`project=${other}`)).toEqual([])
    expect(await list(`project=${project}&page=1`)).toEqual({ count: 1, page: 1, page_size: 20, results: [shown] })
    expect(await refused('GET', `${SCENES}?task=x`)).toEqual([422, 'invalid', 'task'])
    for (const [method, body] of [
      ['PATCH', { project: other }],
      ['PUT', { name: 'a', project: other }],
    ] as const) {
      expect(await refused(method, `${SCENES}${scene}/`, body)).toEqual([422, 'invalid', 'project'])
    }
    const replaced = await platform.call('PUT', `${SCENES}${scene}/`, { name: '换', project })
    expect([replaced.status, replaced.body]).toEqual([200, { ...shown, name: '换' }])
  })

  test.each<[string, object, string, string]>([
    ['a missing name', { project: 1 }, 'invalid', 'name'],
    ['a blank name', { name: ' ', project: 1 }, 'invalid', 'name'],
    ['a project that is none', { name: 'a', project: 'x' }, 'invalid', 'project'],
    ['an unknown project', { name: 'a', project: 2_000_000_000 }, 'unknown_reference', 'project'],
  ])('is refused with %s', async (_name, body, code, field) => {
    expect(await refused('POST', SCENES, body)).toEqual([422, code, field])
  })

  test('goes with its project, and so do its steps', async () => {
    const step = await newStep(login, 1)
    const events = await platform.eventsOf(() => platform.call('DELETE', `${PROJECTS}${project}/`))
    expect(events.map(({ type }) => type)).toEqual(['ProjectDeleted'])
    for (const [method, path, body] of [
      ['GET', `${SCENES}${scene}/`, undefined],
      ['PATCH', `${SCENES}${scene}/`, { name: 'x' }],
      ['DELETE', `${SCENES}${scene}/`, undefined],
      ['GET', `${STEPS}${step}/`, undefined],
      ['PATCH', `${STEPS}${step}/`, { sort: 2 }],
      ['DELETE', `${STEPS}${step}/`, undefined],
    ] as const) {
      expect([method, path, ...(await refused(method, path, body))]).toEqual([method, path, 404, 'not_found'])
    }
    expect(await steps()).toEqual([])
    expect((await platform.call('GET', `${SCENES}?project=${project}`)).body).toEqual([])
    expect(await refused('POST', STEPS, { icase: login, scene, sort: 1 })).toEqual([422, 'unknown_reference', 'scene'])
    expect(await refused('PATCH', ORDER, [{ id: step, sort: 9 }])).toEqual([422, 'unknown_reference', '0.id'])
    expect(await refused('POST', SCENES, { name: 'a', project })).toEqual([422, 'unknown_reference', 'project'])
  })
})

describe('a step', () => {
  test.each<[string, (good: object) => object, string, string]>([
    ['no sort', ({ ...good }) => ({ ...good, sort: undefined }), 'invalid', 'sort'],
    ['a sort that is no whole number', (good) => ({ ...good, sort: 1.5 }), 'invalid', 'sort'],
    ['text for a sort', (good) => ({ ...good, sort: 'first' }), 'invalid', 'sort'],
    ['no case', (good) => ({ ...good, icase: undefined }), 'invalid', 'icase'],
    ['an unknown case', (good) => ({ ...good, icase: 2_000_000_000 }), 'unknown_reference', 'icase'],
    ['no scene', (good) => ({ ...good, scene: undefined }), 'invalid', 'scene'],
    ['an unknown scene', (good) => ({ ...good, scene: 2_000_000_000 }), 'unknown_reference', 'scene'],
  ])('is refused with %s', async (_name, bad, code, field) => {
    expect(await refused('POST', STEPS, bad({ icase: login, scene, sort: 1 }))).toEqual([422, code, field])
  })

  test('may stand at any whole number, also one that is text', async () => {
    const sorts = ['2', -7, 0, 9_007_199_254_740_991]
    for (const sort of sorts) {
      const { status, body } = await platform.call('POST', STEPS, { icase: String(login), scene: String(scene), sort })
      expect([status, body]).toEqual([
        201,
        { id: expect.any(Number), sort: Number(sort), icace: login, icase: login, scene },
      ])
    }
    expect((await steps()).map(([, , sort]) => sort)).toEqual([-7, 0, 2, 9_007_199_254_740_991])
  })

  test('runs a case of its scene’s project alone', async () => {
    const other = await made(PROJECTS, { name: '另一个', leader: 'b' })
    const foreign = await newCase('外', other)
    const step = await newStep(login, 1)
    expect(await refused('POST', STEPS, { icase: foreign, scene, sort: 1 })).toEqual([422, 'invalid', 'icase'])
    expect(await refused('PATCH', `${STEPS}${step}/`, { icase: foreign })).toEqual([422, 'invalid', 'icase'])
    expect(await steps()).toEqual([[step, login, 1]])
  })

  test('changes its case and its place, never its scene', async () => {
    const step = await newStep(login, 1)
    const path = `${STEPS}${step}/`
    const other = await made(SCENES, { name: '另一个', project })
    const patched = await platform.call('PATCH', path, { sort: '5' })
    expect([patched.status, patched.body]).toEqual([200, { id: step, sort: 5, icace: login, icase: login, scene }])
    const put = await platform.call('PUT', path, { icase: order, scene, sort: 5 })
    expect([put.status, put.body]).toEqual([200, { id: step, sort: 5, icace: order, icase: order, scene }])
    const detail = await platform.call('GET', path)
    expect([detail.body, detail.headers.get('etag')]).toEqual([
      { id: step, sort: 5, icase: { id: order, title: '下单' }, scene },
      put.headers.get('etag'),
    ])
    expect(await refused('PATCH', path, { scene: other })).toEqual([422, 'invalid', 'scene'])
    expect(await refused('PATCH', path, { scene: 2_000_000_000 })).toEqual([422, 'invalid', 'scene'])
    expect(await refused('PUT', path, { icase: order, scene })).toEqual([422, 'invalid', 'sort'])
    expect(await steps(other)).toEqual([])
  })

  test('that is not there is 404, whatever the body', async () => {
    const step = await newStep(login, 1)
    expect((await platform.call('DELETE', `${STEPS}${step}/`)).status).toBe(204)
    for (const id of [step, 2_000_000_000]) {
      expect(await refused('GET', `${STEPS}${id}/`)).toEqual([404, 'not_found'])
      expect(await refused('PATCH', `${STEPS}${id}/`, { sort: 'x' })).toEqual([404, 'not_found'])
      expect(await refused('PUT', `${STEPS}${id}/`, {})).toEqual([404, 'not_found'])
      expect(await refused('DELETE', `${STEPS}${id}/`)).toEqual([404, 'not_found'])
    }
  })

  test('goes with its case, and with the interface of that', async () => {
    const [one, two, three] = [await newStep(login, 1), await newStep(order, 2), await newStep(login, 3)]
    const other = await made(SCENES, { name: '另一个', project })
    const elsewhere = await newStep(order, 1, other)
    expect((await platform.call('DELETE', `${CASES}${order}/`)).status).toBe(204)
    expect(await steps()).toEqual([
      [one, login, 1],
      [three, login, 3],
    ])
    expect(await steps(other)).toEqual([])
    for (const id of [two, elsewhere]) expect(await refused('DELETE', `${STEPS}${id}/`)).toEqual([404, 'not_found'])
    // All or nothing: what would move is not moved either.
    const placing = [
      { id: one, sort: 9 },
      { id: two, sort: 8 },
    ]
    expect(await refused('PATCH', ORDER, placing)).toEqual([422, 'unknown_reference', '1.id'])
    const { body } = await platform.call('GET', `${CASES}${login}/`)
    await platform.call('DELETE', `${INTERFACES}${body.interface.id}/`)
    expect(await steps()).toEqual([])
    expect(await refused('POST', STEPS, { icase: login, scene, sort: 1 })).toEqual([422, 'unknown_reference', 'icase'])
  })
})

describe('a new order', () => {
  test('is of one scene, all or nothing, and answers what was sent in that order', async () => {
    const [a, b, c] = [await newStep(login, 1), await newStep(order, 2), await newStep(login, 3)]
    const placing = [
      { id: a, sort: '3' },
      { id: c, sort: 1, scene: 77 },
      { id: b, sort: 3 },
    ]
    const answer = await platform.call('PATCH', ORDER, placing)
    expect([answer.status, answer.body]).toEqual([
      200,
      [
        { id: c, sort: 1 },
        { id: a, sort: 3 },
        { id: b, sort: 3 },
      ],
    ])
    expect(await steps()).toEqual([
      [c, login, 1],
      [a, login, 3],
      [b, order, 3],
    ])
    const some = await platform.call('PATCH', ORDER, [{ id: b, sort: 0 }])
    expect(some.body).toEqual([{ id: b, sort: 0 }])
    expect((await steps()).map(([step]) => step)).toEqual([b, c, a])
  })

  test('that is none is refused, and nothing moves', async () => {
    const other = await made(SCENES, { name: '另一个', project })
    const [a, b, c] = [await newStep(login, 1), await newStep(order, 2), await newStep(login, 1, other)]
    const before = await steps()
    const place = (...ids: number[]) => ids.map((id, index) => ({ id, sort: 10 - index }))
    expect(await refused('PATCH', ORDER, place(a, b, c))).toEqual([422, 'invalid', '2.id'])
    expect(await refused('PATCH', ORDER, place(a, b, a))).toEqual([422, 'invalid', '2.id'])
    expect(await refused('PATCH', ORDER, place(a, 2_000_000_000))).toEqual([422, 'unknown_reference', '1.id'])
    expect(await refused('PATCH', ORDER, [])).toEqual([422, 'invalid', 'id'])
    expect(await refused('PATCH', ORDER, [{ id: a }])).toEqual([422, 'invalid', '0.sort'])
    expect(await refused('PATCH', ORDER, [{ sort: 1 }])).toEqual([422, 'invalid', '0.id'])
    expect(await refused('PATCH', ORDER, [{ id: a, sort: 1.5 }])).toEqual([422, 'invalid', '0.sort'])
    expect(await refused('PATCH', ORDER, [a])).toEqual([422, 'invalid', '0'])
    expect(await refused('PATCH', ORDER, { id: a, sort: 1 })).toEqual([422, 'invalid'])
    expect(await refused('PATCH', ORDER, '[{"id":1,')).toEqual([400, 'not_json'])
    expect(await steps()).toEqual(before)
  })

  test('that is given by several at once is that of one of them', async () => {
    const ids = [await newStep(login, 1), await newStep(order, 2), await newStep(login, 3)]
    const orders = Array.from({ length: 8 }, (_, nth) =>
      ids.map((id, index) => ({ id, sort: 100 * nth + ((index + nth) % 3) })),
    )
    const answers = await Promise.all(orders.map((placing) => platform.call('PATCH', ORDER, placing)))
    expect(answers.map(({ status }) => status)).toEqual(orders.map(() => 200))
    const now = (await steps()).map(([id, , sort]) => ({ id, sort }))
    expect(answers.map(({ body }) => body)).toContainEqual(now)
  })
})

test('thirty steps added to one scene at once are all there, each once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, sort) => platform.call('POST', STEPS, { icase: login, scene, sort })),
  )
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
  expect(await steps()).toEqual(answers.map(({ body }, sort) => [body.id, login, sort]))
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(30)
})

describe('a repeat with its key', () => {
  test('is answered as at first, whatever has become of step and scene, after a restart too', async () => {
    const [one, two] = [await newStep(login, 1), await newStep(login, 2)]
    const statuses = await repeated(
      ['POST', STEPS, { icase: order, scene, sort: 3 }],
      ['PATCH', `${STEPS}${one}/`, { sort: 4 }],
      // Nothing changes, and that is remembered too.
      ['PATCH', `${STEPS}${one}/`, { sort: 4 }],
      ['PATCH', ORDER, [{ id: two, sort: 9 }]],
      ['PATCH', ORDER, [{ id: two, sort: 9 }]],
      ['DELETE', `${STEPS}${one}/`],
      ['DELETE', `${STEPS}${two}/`],
      ['DELETE', `${SCENES}${scene}/`],
    )
    expect(statuses).toEqual([201, 200, 200, 200, 200, 204, 204, 204])
    expect(await refused('PATCH', `${STEPS}${one}/`, { sort: 4 })).toEqual([404, 'not_found'])
  })

  test('at once adds one step', async () => {
    const headers = newKey()
    const body = { icase: login, scene, sort: 1 }
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(['POST', STEPS, body], headers)))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]?.[0]).toBe(201)
    expect(await steps()).toHaveLength(1)
    const other = { ...body, sort: 2 }
    expect(await refused('POST', STEPS, other, headers)).toEqual([422, 'idempotency_key_reused', 'Idempotency-Key'])
  })

  test('of what was refused is a first try', async () => {
    const headers = newKey()
    const body = { icase: login, scene: scene + 1, sort: 1 }
    expect(await refused('POST', STEPS, body, headers)).toEqual([422, 'unknown_reference', 'scene'])
    expect(await made(SCENES, { name: '下一个', project })).toBe(scene + 1)
    expect((await platform.call('POST', STEPS, body, { headers })).status).toBe(201)
  })
})

test('If-Match holds a writer to the scene that he has seen, steps included', async () => {
  const created = await platform.call('POST', STEPS, { icase: login, scene, sort: 1 })
  const seen = { 'if-match': created.headers.get('etag') ?? '' }
  expect((await platform.call('GET', `${SCENES}${scene}/`)).headers.get('etag')).toBe(seen['if-match'])
  const path = `${STEPS}${created.body.id}/`
  const moved = await platform.call('PATCH', ORDER, [{ id: created.body.id, sort: 2 }], { headers: seen })
  expect([moved.status, moved.headers.get('etag')]).toEqual([200, '"2"'])
  for (const [method, at, body] of [
    ['PATCH', ORDER, [{ id: created.body.id, sort: 3 }]],
    ['PATCH', path, { sort: 3 }],
    ['DELETE', path, undefined],
    ['POST', STEPS, { icase: login, scene, sort: 3 }],
    ['PATCH', `${SCENES}${scene}/`, { name: '旧' }],
  ] as const) {
    const [status, code] = await refused(method, at, body, seen)
    expect([method, at, status, code]).toEqual([method, at, 412, 'precondition_failed'])
  }
  expect(await steps()).toEqual([[created.body.id, login, 2]])
})

test('the cases of a scene are listed where they run first, each once', async () => {
  const cases = async (query: string) =>
    (await platform.call('GET', `${CASES}?${query}`)).body.map(({ id }: { id: number }) => id)
  await newStep(login, 3)
  const first = await newStep(order, 1)
  await newStep(order, 9)
  await newStep(login, 4)
  expect(await cases(`scene=${scene}`)).toEqual([order, login])
  await platform.call('PATCH', ORDER, [{ id: first, sort: 8 }])
  expect(await cases(`scene=${scene}`)).toEqual([login, order])
  const paged = await platform.call('GET', `${CASES}?scene=${scene}&page=2&page_size=1`)
  expect(paged.body).toEqual({ count: 2, page: 2, page_size: 1, results: [{ id: order, title: '下单' }] })
  await platform.call('DELETE', `${SCENES}${scene}/`)
  expect(await cases(`scene=${scene}`)).toEqual([])
})

test('a viewer reads scenes and steps, and writes none', async () => {
  const token = await platform.userToken('viewer')
  const step = await newStep(login, 1)
  const as = async (method: string, path: string, body?: unknown) =>
    (await platform.call(method, path, body, { token })).status
  for (const path of [SCENES, `${SCENES}${scene}/`, STEPS, `${STEPS}${step}/`]) expect(await as('GET', path)).toBe(200)
  expect(await as('POST', SCENES, { name: 'a', project })).toBe(403)
  expect(await as('POST', STEPS, { icase: login, scene, sort: 1 })).toBe(403)
  expect(await as('PATCH', ORDER, [{ id: step, sort: 2 }])).toBe(403)
  expect(await as('DELETE', `${STEPS}${step}/`)).toBe(403)
})
