import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { keyedBy, newKey } from '../support/keyed.ts'
import { type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { refusedBy } from '../support/refused.ts'

/** Modules: trees of folders, one for each project, and the interfaces that are filed in them. */

let platform: TestPlatform
let project: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = await platform.made(PROJECTS, { name: '小小电商', leader: 'torin' })
})

const PROJECTS = '/api/testPro/projects/'
const MODULES = '/api/testPro/modules/'
const INTERFACES = '/api/TestInterFace/interfaces/'

const newModule = (name: string, parent: number | null = null, of = project): Promise<number> =>
  platform.made(MODULES, { name, project: of, parent })
const anInterface = (more: object = {}) => ({
  name: '登录',
  url: '/users/login/',
  method: 'post',
  type: '1',
  project,
  ...more,
})

const list = async (path: string, query = `project=${project}`) => (await platform.call('GET', `${path}?${query}`)).body

const refused = refusedBy(() => platform)
const { send, repeated } = keyedBy(() => platform)

describe('a module', () => {
  test('is created, listed, read, changed and deleted, each with its event', async () => {
    let created!: Reply
    let child!: Reply
    const added = await platform.eventsOf(async () => {
      created = await platform.call('POST', MODULES, { name: '用户', project })
      child = await platform.call('POST', MODULES, { name: '登录', project: String(project), parent: created.body.id })
    })
    const [one, two] = [created.body.id as number, child.body.id as number]
    expect([created.status, created.body]).toEqual([201, { id: one, name: '用户', project, parent: null }])
    expect([child.status, child.body]).toEqual([201, { id: two, name: '登录', project, parent: one }])
    const stream = `modules-${project}`
    expect(added).toEqual([
      { stream, type: 'ModuleAdded', data: { module: one, name: '用户', project, parent: null } },
      { stream, type: 'ModuleAdded', data: { module: two, name: '登录', project, parent: one } },
    ])
    expect(await list(MODULES)).toEqual([created.body, child.body])
    const detail = await platform.call('GET', `${MODULES}${one}/`)
    expect([detail.status, detail.body, detail.headers.get('etag')]).toEqual([200, created.body, '"1"'])

    let changed!: Reply
    const moved = await platform.eventsOf(async () => {
      changed = await platform.call('PATCH', `${MODULES}${two}/`, { parent: null })
    })
    expect([changed.status, changed.body]).toEqual([200, { id: two, name: '登录', project, parent: null }])
    expect(moved).toEqual([{ stream, type: 'ModuleChanged', data: { module: two, parent: null } }])
    const replaced = await platform.call('PUT', `${MODULES}${two}/`, { name: '登录', project, parent: one })
    expect(replaced.body).toEqual(child.body)
    // A PUT replaces all: without a parent the module is at the top.
    const top = await platform.call('PUT', `${MODULES}${two}/`, { name: '登录', project })
    expect(top.body).toEqual({ ...child.body, parent: null })
    await platform.call('PATCH', `${MODULES}${two}/`, { parent: one })

    const gone = await platform.eventsOf(async () => {
      expect((await platform.call('DELETE', `${MODULES}${one}/`)).status).toBe(204)
    })
    expect(gone).toEqual([{ stream, type: 'ModuleRemoved', data: { module: one, below: [two] } }])
    expect(await list(MODULES)).toEqual([])
    for (const id of [one, two]) {
      expect(await refused('GET', `${MODULES}${id}/`)).toEqual([404, 'not_found'])
      expect(await refused('PATCH', `${MODULES}${id}/`, { name: 5 })).toEqual([404, 'not_found'])
      expect(await refused('DELETE', `${MODULES}${id}/`)).toEqual([404, 'not_found'])
    }
  })

  test.each<[string, object, string, string]>([
    ['a missing name', { project: 1 }, 'invalid', 'name'],
    ['a blank name', { name: '\t', project: 1 }, 'invalid', 'name'],
    ['a list for a name', { name: ['a'], project: 1 }, 'invalid', 'name'],
    ['no project', { name: 'a' }, 'invalid', 'project'],
    ['a project that is none', { name: 'a', project: 'x' }, 'invalid', 'project'],
    ['an unknown project', { name: 'a', project: 2_000_000_000 }, 'unknown_reference', 'project'],
    ['a parent that is none', { name: 'a', project: 1, parent: 'x' }, 'invalid', 'parent'],
    ['an object for a parent', { name: 'a', project: 1, parent: {} }, 'invalid', 'parent'],
  ])('is refused with %s', async (_name, body, code, field) => {
    expect(await refused('POST', MODULES, body)).toEqual([422, code, field])
  })

  test('lies in a module of its project', async () => {
    const other = await platform.made(PROJECTS, { name: '另一个', leader: 'b' })
    const foreign = await newModule('订单', null, other)
    const own = await newModule('用户')
    for (const parent of [foreign, 2_000_000_000]) {
      expect(await refused('POST', MODULES, { name: 'a', project, parent })).toEqual([
        422,
        'unknown_reference',
        'parent',
      ])
      expect(await refused('PATCH', `${MODULES}${own}/`, { parent })).toEqual([422, 'unknown_reference', 'parent'])
    }
    for (const [method, body] of [
      ['PATCH', { project: other }],
      ['PUT', { name: '用户', project: other }],
    ] as const) {
      expect(await refused(method, `${MODULES}${own}/`, body)).toEqual([422, 'invalid', 'project'])
    }
    expect(await refused('GET', `${MODULES}?project=x`)).toEqual([422, 'invalid', 'project'])
    expect(await refused('GET', `${MODULES}?tree=x`)).toEqual([422, 'invalid', 'tree'])
  })

  test('never comes to hold itself', async () => {
    const one = await newModule('一')
    const two = await newModule('二', one)
    const three = await newModule('三', two)
    for (const parent of [one, two, three]) {
      expect(await refused('PATCH', `${MODULES}${one}/`, { parent })).toEqual([422, 'invalid', 'parent'])
    }
    // Two that are moved into each other at once: one of the moves is refused.
    const four = await newModule('四')
    for (let round = 0; round < 5; round++) {
      const moves = await Promise.all([
        platform.call('PATCH', `${MODULES}${one}/`, { parent: four }),
        platform.call('PATCH', `${MODULES}${four}/`, { parent: three }),
      ])
      expect(moves.map(({ status }) => status).toSorted()).toEqual([200, 422])
      expect((await list(MODULES, `project=${project}&tree=true`)).length).toBe(1)
      await platform.call('PATCH', `${MODULES}${one}/`, { parent: null })
      await platform.call('PATCH', `${MODULES}${four}/`, { parent: null })
    }
  })

  test('goes with its project', async () => {
    const module = await newModule('用户')
    const events = await platform.eventsOf(() => platform.call('DELETE', `${PROJECTS}${project}/`))
    expect(events.map(({ type }) => type)).toEqual(['ProjectDeleted'])
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'x' }],
      ['PUT', { name: 'x', project }],
      ['DELETE', undefined],
    ] as const) {
      expect(await refused(method, `${MODULES}${module}/`, body)).toEqual([404, 'not_found'])
    }
    expect([await list(MODULES), await list(MODULES, `project=${project}&tree=1`)]).toEqual([[], []])
    expect(await refused('POST', MODULES, { name: 'a', project })).toEqual([422, 'unknown_reference', 'project'])
  })

  test('is written by testers, and read by viewers', async () => {
    const token = await platform.userToken('viewer')
    const module = await newModule('用户')
    const as = async (method: string, path: string, body?: unknown) =>
      (await platform.call(method, path, body, { token })).status
    for (const path of [MODULES, `${MODULES}?tree=true`, `${MODULES}${module}/`])
      expect(await as('GET', path)).toBe(200)
    expect(await as('POST', MODULES, { name: 'a', project })).toBe(403)
    expect(await as('PATCH', `${MODULES}${module}/`, { name: 'a' })).toBe(403)
    expect(await as('DELETE', `${MODULES}${module}/`)).toBe(403)
  })
})

describe('the tree', () => {
  test('nests children, siblings by id, in pages of those at the top', async () => {
    const one = await newModule('一')
    const two = await newModule('二')
    const four = await newModule('四', two)
    const three = await newModule('三', one)
    const five = await newModule('五', four)
    const six = await newModule('六', one)
    // Below one of a lower id.
    await platform.call('PATCH', `${MODULES}${one}/`, { parent: five })
    const seven = await newModule('七')
    const leaf = (id: number, name: string, parent: number | null) => ({ id, name, project, parent, children: [] })
    const tree = [
      {
        ...leaf(two, '二', null),
        children: [
          {
            ...leaf(four, '四', two),
            children: [
              {
                ...leaf(five, '五', four),
                children: [{ ...leaf(one, '一', five), children: [leaf(three, '三', one), leaf(six, '六', one)] }],
              },
            ],
          },
        ],
      },
      leaf(seven, '七', null),
    ]
    const at = `project=${project}&tree=true`
    expect(await list(MODULES, at)).toEqual(tree)
    const paged = await platform.call('GET', `${MODULES}?${at}&page=2&page_size=1`)
    expect(paged.body).toEqual({ count: 2, page: 2, page_size: 1, results: [tree[1]] })
    expect(paged.headers.get('x-total-count')).toBe('2')
    // What is found stands where it is.
    expect(await list(MODULES, `${at}&search=七`)).toEqual([tree[1]])
    const found = await list(MODULES, `${at}&search=三`)
    expect(JSON.stringify(found).match(/[一二三四五六七]/g)).toEqual(['二', '四', '五', '一', '三'])
    expect(await list(MODULES, `project=${project}&search=三`)).toEqual([
      { id: three, name: '三', project, parent: one },
    ])
    expect(await list(MODULES, `${at}&search=九`)).toEqual([])
    expect((await list(MODULES, `project=${project}&tree=false`)).map(({ id }: { id: number }) => id)).toEqual([
      one,
      two,
      four,
      three,
      five,
      six,
      seven,
    ])
  })

  test('holds a hundred levels and no more', async () => {
    let parent: number | null = null
    for (let level = 0; level < 100; level++) parent = await newModule(`第${level}层`, parent)
    expect(await refused('POST', MODULES, { name: '太深', project, parent })).toEqual([422, 'invalid', 'parent'])
    let [tree] = await list(MODULES, `project=${project}&tree=true`)
    let levels = 0
    for (; tree; [tree] = tree.children) levels++
    expect(levels).toBe(100)
  })
})

describe('a form', () => {
  const sent = (method: string, path: string, form: Record<string, string>) =>
    platform.call(method, path, new URLSearchParams(form).toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })

  test.each(['', 'null'])('says with %j that a module lies at the top, and absent that it stays', async (nothing) => {
    const [above, below] = [await newModule('用户'), await newModule('订单')]
    const path = `${MODULES}${below}/`
    const moved = await sent('PATCH', path, { parent: String(above) })
    expect(moved.body).toEqual({ id: below, name: '订单', project, parent: above })
    expect((await sent('PATCH', path, { name: '退货' })).body.parent).toBe(above)
    expect((await sent('PATCH', path, { parent: nothing })).body).toEqual({ ...moved.body, name: '退货', parent: null })
    expect((await sent('PATCH', path, { parent: 'none' })).body.fields).toEqual({ parent: ['必须是有效的正整数'] })
    const added = await sent('POST', MODULES, { name: '支付', project: String(project), parent: nothing })
    expect([added.status, added.body.parent]).toEqual([201, null])
  })

  test.each(['', 'null'])('says with %j that an interface lies in no module', async (nothing) => {
    const module = await newModule('用户')
    const path = `${INTERFACES}${await platform.made(INTERFACES, anInterface({ module }))}/`
    expect((await sent('PATCH', path, { url: '/v2/' })).body.module).toBe(module)
    expect((await sent('PATCH', path, { module: nothing })).body.module).toBe(null)
  })
})

describe('an interface', () => {
  test('is filed in a module of its project, moved and taken out', async () => {
    const [users, orders] = [await newModule('用户'), await newModule('订单')]
    const created = await platform.call('POST', INTERFACES, anInterface({ module: users }))
    const { id } = created.body as { id: number }
    expect([created.status, created.body]).toEqual([201, { id, ...anInterface(), module: users }])
    const path = `${INTERFACES}${id}/`
    expect((await platform.call('GET', path)).body).toEqual({ ...created.body, cases: [] })
    expect(await list(INTERFACES, `module=${users}`)).toEqual([{ ...created.body, cases: [] }])

    const events = await platform.eventsOf(async () => {
      const moved = await platform.call('PATCH', path, { module: orders })
      expect(moved.body).toEqual({ ...created.body, module: orders })
      await platform.call('PATCH', path, { module: orders })
    })
    expect(events).toEqual([{ stream: `interface-${id}`, type: 'InterfaceChanged', data: { module: orders } }])
    expect([await list(INTERFACES, `module=${users}`), (await list(INTERFACES, `module=${orders}`)).length]).toEqual([
      [],
      1,
    ])
    expect((await platform.call('PATCH', path, { url: '/v2/' })).body.module).toBe(orders)
    expect((await platform.call('PATCH', path, { module: null })).body.module).toBe(null)
    await platform.call('PATCH', path, { module: orders })
    expect((await platform.call('PUT', path, anInterface())).body).toEqual({ id, ...anInterface(), module: null })
    expect(await list(INTERFACES, 'module=2000000000')).toEqual([])
    expect(await refused('GET', `${INTERFACES}?module=x`)).toEqual([422, 'invalid', 'module'])
  })

  test('is refused with a module that is none of its project', async () => {
    const other = await platform.made(PROJECTS, { name: '另一个', leader: 'b' })
    const foreign = await newModule('订单', null, other)
    const removed = await newModule('用户')
    await platform.call('DELETE', `${MODULES}${removed}/`)
    const path = `${INTERFACES}${await platform.made(INTERFACES, anInterface())}/`
    for (const module of [foreign, removed, 2_000_000_000]) {
      const wanted = [422, 'unknown_reference', 'module']
      expect(await refused('POST', INTERFACES, anInterface({ module }))).toEqual(wanted)
      expect(await refused('PATCH', path, { module })).toEqual(wanted)
      expect(await refused('PUT', path, anInterface({ module }))).toEqual(wanted)
    }
    expect(await refused('POST', INTERFACES, anInterface({ module: 'x' }))).toEqual([422, 'invalid', 'module'])
  })

  test('stays, in no module, when its module is removed', async () => {
    const users = await newModule('用户')
    const login = await newModule('登录', users)
    const id = await platform.made(INTERFACES, anInterface({ module: login }))
    const path = `${INTERFACES}${id}/`
    const { body: owned } = await platform.call('POST', '/api/TestInterFace/cases/', {
      title: '登录成功',
      interface: id,
    })
    await platform.call('DELETE', `${MODULES}${users}/`)
    expect((await platform.call('GET', path)).body).toMatchObject({ id, module: null })
    expect(await list(INTERFACES)).toMatchObject([{ id, module: null }])
    const named = await platform.eventsOf(async () => {
      const { body } = await platform.call('PATCH', path, { name: '改' })
      expect(body).toMatchObject({ name: '改', module: null })
    })
    expect(named.map(({ data }) => data)).toEqual([{ name: '改', module: null }])
    // What was read can be written back.
    expect((await platform.call('PATCH', path, { module: null })).status).toBe(200)
    expect((await platform.call('GET', `/api/TestInterFace/cases/${owned.id}/`)).body.interface).toEqual({
      id,
      ...anInterface({ name: '改', method: 'POST' }),
    })
  })
})

test('thirty modules added to one project at once are all there, each once', async () => {
  const parent = await newModule('用户')
  const names = Array.from({ length: 30 }, (_, index) => `模块${index}`)
  const answers = await Promise.all(names.map((name) => platform.call('POST', MODULES, { name, project, parent })))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
  const [{ children }] = await list(MODULES, `project=${project}&tree=true`)
  expect(children.map(({ id }: { id: number }) => id)).toEqual(
    answers.map(({ body }) => body.id as number).toSorted((one, other) => one - other),
  )
})

describe('a repeat with its key', () => {
  test('is answered as at first, whatever has become of the module since, after a restart too', async () => {
    const [one, two] = [await newModule('一'), await newModule('二')]
    const statuses = await repeated(
      ['POST', MODULES, { name: '三', project, parent: one }],
      ['PATCH', `${MODULES}${two}/`, { parent: one }],
      // Nothing changes, and that is remembered too.
      ['PATCH', `${MODULES}${two}/`, { parent: one }],
      ['PUT', `${MODULES}${two}/`, { name: '改', project }],
      ['POST', INTERFACES, anInterface({ module: one })],
      ['DELETE', `${MODULES}${one}/`],
      ['DELETE', `${MODULES}${two}/`],
    )
    expect(statuses).toEqual([201, 200, 200, 200, 201, 204, 204])
    expect(await refused('PATCH', `${MODULES}${two}/`, { parent: null })).toEqual([404, 'not_found'])
  })

  test('at once adds one module', async () => {
    const headers = newKey()
    const body = { name: '用户', project }
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(['POST', MODULES, body], headers)))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(await list(MODULES)).toHaveLength(1)
    const other = { ...body, name: '别的' }
    expect(await refused('POST', MODULES, other, headers)).toEqual([422, 'idempotency_key_reused', 'Idempotency-Key'])
  })
})

test('If-Match holds a writer to the modules that he has seen', async () => {
  const [one, two] = [await newModule('一'), await newModule('二')]
  const seen = { 'if-match': (await platform.call('GET', `${MODULES}${one}/`)).headers.get('etag') ?? '' }
  const moved = await platform.call('PATCH', `${MODULES}${two}/`, { parent: one }, { headers: seen })
  expect([moved.status, moved.headers.get('etag')]).toEqual([200, '"2"'])
  for (const [method, path, body] of [
    ['PATCH', `${MODULES}${one}/`, { name: '旧' }],
    ['DELETE', `${MODULES}${one}/`, undefined],
  ] as const) {
    const [status, code] = await refused(method, path, body, seen)
    expect([method, status, code]).toEqual([method, 412, 'precondition_failed'])
  }
})
