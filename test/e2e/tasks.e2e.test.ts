import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { printed, sentAsPrinted } from '../support/printed.ts'
import { refusedBy } from '../support/refused.ts'

/** Tasks and the scenes that they hold: as documented, refused, and after what they refer to has gone. */

let platform: TestPlatform
let project: number
let login: number
let order: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = await platform.made(PROJECTS, { name: '小小电商', leader: 'torin' })
  login = await newScene('登录测试999')
  order = await newScene('演示创建的业务流')
})

const PROJECTS = '/api/testPro/projects/'
const SCENES = '/api/testFlow/scenes/'
const TASKS = '/api/testTask/tasks/'
/** Added to what is printed. */
const OURS = ['scene', 'scenes', 'concurrency']
const NOBODY = 2_000_000_000

const asPrinted = sentAsPrinted(() => platform)
const refused = refusedBy(() => platform)

const newScene = (name: string, of = project): Promise<number> => platform.made(SCENES, { name, project: of })
const newTask = (scenes: readonly number[], more: object = {}): Promise<number> =>
  platform.made(TASKS, { name: '回归测试', project, scenes, ...more })
const bodyOf = async (path: string) => (await platform.call('GET', path)).body
/** The ids of a task's scenes, as its detail, and the list of scenes, answer them. */
async function scenesOf(task: number): Promise<number[]> {
  const { scene, scenes } = await bodyOf(`${TASKS}${task}/`)
  expect(scene.map(({ id }: { id: number }) => id)).toEqual(scenes)
  const listed = (await bodyOf(`${SCENES}?task=${task}`)).map(({ id }: { id: number }) => id)
  expect(listed).toEqual([...new Set(scenes)])
  return scenes
}

test('a task is created, listed, read, changed and deleted as printed', async () => {
  const request = { ...printed('tasks.create').request, project, scene: [login, order] }
  const created = await asPrinted('tasks.create', 'POST', TASKS, { body: request, ours: OURS })
  const { id } = created.body as { id: number }
  const fields = { name: '回归测试', project, concurrency: 1 }
  const both = { scene: [login, order], scenes: [login, order] }
  expect(created.body).toEqual({ id, ...fields, ...both })
  expect(created.events).toEqual([{ type: 'TaskCreated', data: { id, ...fields, scenes: [login, order] } }])

  const listed = await asPrinted('tasks.list', 'GET', `${TASKS}?project=${project}`, { ours: OURS })
  expect(listed.body).toEqual([{ id, ...fields }])

  const detail = await asPrinted('tasks.detail', 'GET', `${TASKS}${id}/`, { ours: OURS })
  const shown = [
    { id: login, name: '登录测试999', project },
    { id: order, name: '演示创建的业务流', project },
  ]
  expect(detail.body).toEqual({ id, ...fields, scene: shown, scenes: [login, order] })
  expect(detail.headers.get('etag')).toBe(created.headers.get('etag'))

  // As it is printed, a change that changes nothing.
  const same = { ...printed('tasks.change').request, project, scenes: [login, order] }
  const unchanged = await asPrinted('tasks.change', 'PATCH', `${TASKS}${id}/`, { body: same, ours: OURS })
  expect([unchanged.body, unchanged.events]).toEqual([created.body, []])
  const changes = { name: '冒烟测试', scenes: [order] }
  const changed = await asPrinted('tasks.change', 'PATCH', `${TASKS}${id}/`, { body: changes, ours: OURS })
  expect(changed.body).toEqual({ id, ...fields, ...changes, scene: [order] })
  expect(changed.events).toEqual([{ type: 'TaskChanged', data: changes }])

  const deleted = await asPrinted('tasks.delete', 'DELETE', `${TASKS}${id}/`)
  expect(deleted.events).toEqual([{ type: 'TaskDeleted', data: {} }])
  expect(await refused('GET', `${TASKS}${id}/`)).toEqual([404, 'not_found'])
  expect(await bodyOf(`${TASKS}?project=${project}`)).toEqual([])
  expect(await bodyOf(`${SCENES}?task=${id}`)).toEqual([])
})

describe('the scenes of a task', () => {
  test('are named by either name, `scenes` before `scene`; none are none', async () => {
    expect(await scenesOf(await platform.made(TASKS, { name: 'a', project }))).toEqual([])
    expect(await scenesOf(await newTask([], { scene: [login] }))).toEqual([])
    const task = await newTask([order], { scene: [login], scenes: [String(order)] })
    expect(await scenesOf(task)).toEqual([order])
    await platform.call('PATCH', `${TASKS}${task}/`, { scene: [login] })
    expect(await scenesOf(task)).toEqual([login])
    await platform.call('PATCH', `${TASKS}${task}/`, { scene: [], name: 'b' })
    expect(await scenesOf(task)).toEqual([])
  })

  test('stand in the order given, one as often as it is named, and are listed each once', async () => {
    const pay = await newScene('支付')
    const task = await newTask([pay, login, pay, order, login])
    expect(await scenesOf(task)).toEqual([pay, login, pay, order, login])
    await platform.call('PATCH', `${TASKS}${task}/`, { scenes: [order, pay] })
    expect(await scenesOf(task)).toEqual([order, pay])
    const page = await bodyOf(`${SCENES}?task=${task}&page=2&page_size=1`)
    expect(page).toEqual({ count: 2, page: 2, page_size: 1, results: [{ id: pay, name: '支付', project }] })
    expect(await bodyOf(`${SCENES}?task=${task}&search=创建`)).toMatchObject([{ id: order }])
    expect(await bodyOf(`${SCENES}?task=${NOBODY}`)).toEqual([])
    expect(await refused('GET', `${SCENES}?task=x`)).toEqual([422, 'invalid', 'task'])
  })

  test('can be written back as they were read', async () => {
    const task = await newTask([order, login], { concurrency: 3 })
    const path = `${TASKS}${task}/`
    const seen = await platform.call('GET', path)
    const headers = { 'if-match': seen.headers.get('etag') ?? '' }
    expect((await platform.call('PUT', path, seen.body, { headers })).body).toMatchObject({ scenes: [order, login] })
    const { scenes: _, ...alone } = seen.body
    alone.scene.reverse()
    const put = await platform.call('PUT', path, alone, { headers })
    expect([put.status, put.body]).toEqual([
      200,
      { id: task, name: '回归测试', project, scene: [login, order], scenes: [login, order], concurrency: 3 },
    ])
  })

  test('that are deleted are left out of answers, and of the task at its next change', async () => {
    const task = await newTask([login, order, login])
    const path = `${TASKS}${task}/`
    expect((await platform.call('DELETE', `${SCENES}${login}/`)).status).toBe(204)
    expect(await scenesOf(task)).toEqual([order])
    const events = await platform.eventsOf(async () => {
      const renamed = await platform.call('PATCH', path, { name: '冒烟测试' })
      expect(renamed.body).toMatchObject({ scene: [order], scenes: [order] })
    })
    expect(events).toEqual([
      { stream: `task-${task}`, type: 'TaskChanged', data: { name: '冒烟测试', scenes: [order] } },
    ])
    expect(await refused('PATCH', path, { scenes: [order, login] })).toEqual([422, 'unknown_reference', 'scenes.1'])
    const read = await bodyOf(path)
    expect((await platform.call('PUT', path, read)).body).toMatchObject({ scenes: [order] })
    expect((await platform.call('DELETE', `${SCENES}${order}/`)).status).toBe(204)
    expect(await scenesOf(task)).toEqual([])
    // Nothing was asked for, and yet something is answered that no event said.
    const said = await platform.eventsOf(() => platform.call('PATCH', path, {}))
    expect(said.map(({ data }) => data)).toEqual([{ scenes: [] }])
    expect(await platform.eventsOf(() => platform.call('PATCH', path, {}))).toEqual([])
  })

  test('deleted while the task is written are there or not, and nothing else happens', async () => {
    const scenes = await Promise.all(Array.from({ length: 8 }, (_, nth) => newScene(`流 ${nth}`)))
    const [answers] = await Promise.all([
      Promise.all(scenes.map((scene) => platform.call('POST', TASKS, { name: 'a', project, scenes: [scene, order] }))),
      Promise.all(scenes.map((scene) => platform.call('DELETE', `${SCENES}${scene}/`))),
    ])
    for (const { status, body } of answers) {
      if (status === 201) expect(await scenesOf(body.id)).toEqual([order])
      else expect([status, body.code, Object.keys(body.fields)]).toEqual([422, 'unknown_reference', ['scenes.0']])
    }
  })
})

describe('a task', () => {
  test.each<[string, () => Readonly<Record<string, unknown>>, string, string]>([
    ['no name', () => ({ name: undefined }), 'invalid', 'name'],
    ['a blank name', () => ({ name: ' ' }), 'invalid', 'name'],
    ['no project', () => ({ project: undefined }), 'invalid', 'project'],
    ['an unknown project', () => ({ project: NOBODY }), 'unknown_reference', 'project'],
    ['scenes that are no list', () => ({ scene: '1,2' }), 'invalid', 'scene'],
    ['one scene without a list', () => ({ scenes: 1 }), 'invalid', 'scenes'],
    ['scenes that are null', () => ({ scenes: null }), 'invalid', 'scenes'],
    ['a scene that is none', () => ({ scenes: [login, 'x'] }), 'invalid', 'scenes.1'],
    ['a scene below 1', () => ({ scene: [0] }), 'invalid', 'scene.0'],
    ['an object without an id', () => ({ scene: [login, { name: 'x' }] }), 'invalid', 'scene.1.id'],
    ['an unknown scene', () => ({ scene: [login, NOBODY] }), 'unknown_reference', 'scene.1'],
    ['more scenes than it may hold', () => ({ scenes: Array(2001).fill(login) }), 'invalid', 'scenes'],
    ['no concurrency', () => ({ concurrency: 0 }), 'invalid', 'concurrency'],
    ['too much of it', () => ({ concurrency: 33 }), 'invalid', 'concurrency'],
    ['half of it', () => ({ concurrency: 1.5 }), 'invalid', 'concurrency'],
  ])('is refused with %s', async (_name, wrong, code, field) => {
    const fields = wrong()
    expect(await refused('POST', TASKS, { name: '回归测试', project, ...fields })).toEqual([422, code, field])
    // A change may leave out what it does not change, and is never to another project.
    if (Object.values(fields).includes(undefined) || field === 'project') return
    const task = await newTask([order], { concurrency: 2 })
    expect(await refused('PATCH', `${TASKS}${task}/`, fields)).toEqual([422, code, field])
  })

  test('holds as many scenes as it may, and runs as many at once', async () => {
    const scenes = Array.from({ length: 2000 }, (_, nth) => (nth % 2 === 0 ? login : order))
    const task = await newTask(scenes, { concurrency: '32' })
    expect(await scenesOf(task)).toEqual(scenes)
    expect(await bodyOf(`${TASKS}${task}/`)).toMatchObject({ concurrency: 32 })
  })

  test('is of one project, with its scenes, and cannot move', async () => {
    const other = await platform.made(PROJECTS, { name: '另一个', leader: 'b' })
    const foreign = await newScene('外', other)
    const task = await newTask([order])
    const path = `${TASKS}${task}/`
    for (const name of ['scene', 'scenes']) {
      const strangers = { [name]: [order, foreign] }
      expect(await refused('POST', TASKS, { name: 'a', project, ...strangers })).toEqual([422, 'invalid', `${name}.1`])
      expect(await refused('PATCH', path, strangers)).toEqual([422, 'invalid', `${name}.1`])
    }
    expect(await refused('PATCH', path, { project: other })).toEqual([422, 'invalid', 'project'])
    const moved = { name: 'a', project: other, scenes: [foreign] }
    expect(await refused('PUT', path, moved)).toEqual([422, 'invalid', 'project'])
    expect(await bodyOf(`${TASKS}?project=${other}`)).toEqual([])
    expect(await bodyOf(`${TASKS}?project=${project}`)).toEqual([
      { id: task, name: '回归测试', project, concurrency: 1 },
    ])
    expect(await refused('GET', `${TASKS}?project=x`)).toEqual([422, 'invalid', 'project'])
  })

  test('is replaced as a whole, and changed in part', async () => {
    const task = await newTask([login, order], { concurrency: 4 })
    const path = `${TASKS}${task}/`
    const whole = { id: task, name: '回归测试', project, scene: [login, order], scenes: [login, order], concurrency: 4 }
    const changed = { ...whole, concurrency: 8 }
    expect((await platform.call('PATCH', path, { concurrency: 8 })).body).toEqual(changed)
    expect((await platform.call('PATCH', path, {})).body).toEqual(changed)
    const put = await platform.call('PUT', path, { name: '换', project })
    expect([put.status, put.body]).toEqual([
      200,
      { id: task, name: '换', project, scene: [], scenes: [], concurrency: 1 },
    ])
    expect(await refused('PUT', path, { project, scenes: [login] })).toEqual([422, 'invalid', 'name'])
  })

  const FORM = { headers: { 'content-type': 'application/x-www-form-urlencoded' } }

  test('is taken from a form, its scenes however forms name the items of a list', async () => {
    const task = `name=表单&project=${project}`
    for (const [list, scenes] of [
      [`scenes=${order}&scenes=${login}`, [order, login]],
      [`scenes[]=${order}&scenes[]=${login}`, [order, login]],
      [`scenes=[${order}, ${login}]`, [order, login]],
      [`scene={"id":${login}}&scene=${order}`, [login, order]],
      [`scene=${login}`, [login]],
      ['scenes=[]', []],
    ] as const) {
      const { status, body } = await platform.call('POST', TASKS, `${task}&${list}`, FORM)
      expect([list, status, body.scenes]).toEqual([list, 201, scenes])
    }
  })

  test('of a form is refused for the scene that is wrong, and for a list of nothing', async () => {
    const path = `${TASKS}${await newTask([login, order])}/`
    for (const [list, field] of [
      [`scenes=${login}&scenes=${NOBODY}`, 'scenes.1'],
      ['scenes[]=x', 'scenes.0'],
      ['scene=', 'scene'],
    ] as const) {
      const { status, body } = await platform.call('PATCH', path, list, FORM)
      expect([list, status, Object.keys(body.fields)]).toEqual([list, 422, [field]])
    }
    expect((await bodyOf(path)).scenes).toEqual([login, order])
  })

  test('goes with its project', async () => {
    const task = await newTask([login])
    const events = await platform.eventsOf(() => platform.call('DELETE', `${PROJECTS}${project}/`))
    expect(events.map(({ type }) => type)).toEqual(['ProjectDeleted'])
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'x' }],
      ['PUT', {}],
      ['DELETE', undefined],
    ] as const) {
      expect([method, ...(await refused(method, `${TASKS}${task}/`, body))]).toEqual([method, 404, 'not_found'])
    }
    expect(await bodyOf(`${TASKS}?project=${project}`)).toEqual([])
    expect(await bodyOf(`${SCENES}?task=${task}`)).toEqual([])
  })

  test('that is not there is 404, whatever the body', async () => {
    const task = await newTask([login])
    expect((await platform.call('DELETE', `${TASKS}${task}/`)).status).toBe(204)
    for (const id of [task, NOBODY]) {
      expect(await refused('GET', `${TASKS}${id}/`)).toEqual([404, 'not_found'])
      expect(await refused('PATCH', `${TASKS}${id}/`, { scenes: 'x' })).toEqual([404, 'not_found'])
      expect(await refused('DELETE', `${TASKS}${id}/`)).toEqual([404, 'not_found'])
    }
  })

  test('is read by a viewer, and not written', async () => {
    const token = await platform.userToken('viewer')
    const task = await newTask([login])
    const as = async (method: string, path: string, body?: unknown) =>
      (await platform.call(method, path, body, { token })).status
    for (const path of [TASKS, `${TASKS}${task}/`]) expect(await as('GET', path)).toBe(200)
    expect(await as('POST', TASKS, { name: 'a', project })).toBe(403)
    expect(await as('PATCH', `${TASKS}${task}/`, { name: 'a' })).toBe(403)
    expect(await as('DELETE', `${TASKS}${task}/`)).toBe(403)
  })
})

describe('a repeat with its key', () => {
  const send = async (method: string, path: string, body: unknown, key: string) => {
    const { status, text, headers } = await platform.call(method, path, body, { headers: { 'idempotency-key': key } })
    return [status, text, headers.get('etag')]
  }

  test('is answered as at first, whatever has become of the task, its scenes and its project, after a restart too', async () => {
    const pay = await newScene('支付')
    const task = await newTask([pay])
    const path = `${TASKS}${task}/`
    expect((await platform.call('DELETE', `${SCENES}${pay}/`)).status).toBe(204)
    const calls: Parameters<typeof send>[] = [
      ['POST', TASKS, { name: '回归测试', project, scene: [login, order] }, 'create'],
      ['PATCH', path, { name: '改' }, 'rename'],
      ['PATCH', path, { scenes: [order, login], concurrency: 2 }, 'change'],
      // Nothing changes, and that is remembered too.
      ['PATCH', path, { concurrency: 2 }, 'change nothing'],
      ['PUT', path, { name: '换', project }, 'replace'],
      ['DELETE', path, undefined, 'delete'],
    ]
    const first: unknown[] = []
    for (const call of calls) first.push(await send(...call))
    expect(first.map((answer) => (answer as [number])[0])).toEqual([201, 200, 200, 200, 200, 204])
    expect((await platform.call('DELETE', `${SCENES}${login}/`)).status).toBe(204)
    expect((await platform.call('DELETE', `${PROJECTS}${project}/`)).status).toBe(204)
    await platform.restart()
    const again: unknown[] = []
    const events = await platform.eventsOf(async () => {
      for (const call of calls) again.push(await send(...call))
    })
    expect([again, events]).toEqual([first, []])
  })

  test('at once creates one task', async () => {
    const body = { name: '一个', project, scenes: [login] }
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('POST', TASKS, body, 'at once')))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]?.[0]).toBe(201)
    expect(await bodyOf(`${TASKS}?project=${project}`)).toHaveLength(1)
    expect(await refused('POST', TASKS, { ...body, scenes: [] }, { 'idempotency-key': 'at once' })).toEqual([
      422,
      'idempotency_key_reused',
      'Idempotency-Key',
    ])
  })
})

test('If-Match holds a writer to the task that he has seen', async () => {
  const task = await newTask([login])
  const path = `${TASKS}${task}/`
  const seen = { 'if-match': (await platform.call('GET', path)).headers.get('etag') ?? '' }
  const changed = await platform.call('PATCH', path, { scenes: [order] }, { headers: seen })
  expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"1"'])
  for (const [method, body] of [
    ['PATCH', { scenes: [login] }],
    ['PUT', { name: 'a', project }],
    ['DELETE', undefined],
  ] as const) {
    expect((await refused(method, path, body, seen)).slice(0, 2)).toEqual([412, 'precondition_failed'])
  }
  expect(await scenesOf(task)).toEqual([order])
})
