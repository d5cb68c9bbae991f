import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { differences, printed } from '../support/printed.ts'
import { type Seen, startTarget } from '../support/target.ts'

/** Tasks that run for real: scenes in order or side by side, what a run has of its own, and its end before its time. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let project: number
let env: number

/** What the service does with a request, in place of an answer at once. */
let instead: (seen: Seen, response: ServerResponse) => boolean

beforeAll(async () => {
  platform = await startTestPlatform({ RUN_CONCURRENCY: '1' })
  target = await startTarget((seen, response) => {
    if (!instead(seen, response)) answer(response)
  })
  project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  const global_variable = { who: 'environment', password: 'from-the-environment' }
  const secrets = ['global_variable.password']
  env = await made('/api/testPro/envs/', { name: '本地', host: target.url, project, global_variable, secrets })
}, 60_000)
beforeEach(() => {
  instead = () => false
  target.seen.length = 0
})
afterAll(async () => {
  await target.stop()
  await platform.stop()
})

function answer(response: ServerResponse): void {
  response.setHeader('Set-Cookie', 'sid=s-1; Path=/')
  response.setHeader('Content-Type', 'application/json')
  response.end('{}')
}

const made: TestPlatform['made'] = (path, body) => platform.made(path, body)

async function newCase(title: string, content: object = {}): Promise<number> {
  const fields = { name: title, url: `/${title}`, method: 'get', type: '1', project }
  return made('/api/TestInterFace/cases/', {
    title,
    interface: await made('/api/TestInterFace/interfaces/', fields),
    ...content,
  })
}

async function newScene(name: string, cases: readonly number[]): Promise<number> {
  const scene = await made('/api/testFlow/scenes/', { name, project })
  for (const [sort, icase] of cases.entries()) await made('/api/testFlow/icases/', { icase, scene, sort })
  return scene
}

const newTask = (scenes: readonly number[], more: object = {}): Promise<number> =>
  made('/api/testTask/tasks/', { name: '回归测试', project, scenes, ...more })

const RUN = '/api/testTask/tasks/run/'
const run = (task: number, more: object = {}, path = RUN, headers: Record<string, string> = {}) =>
  platform.call('POST', path, { env, task, ...more }, { headers })
const urls = (): string[] => target.seen.map(({ url }) => url)

type Entry = Readonly<{ name: string; state: string; all: number; scene: number; cases: readonly { name: string }[] }>

async function ended(record: number) {
  for (;;) {
    const { body } = await platform.call('GET', `/api/testTask/records/${record}/`)
    if (body.status === '执行完毕') return body
    await pause(20)
  }
}

test('answers the union of what is printed, one entry for each scene in the order of the task', async () => {
  const right = await newCase('right', { teardown_script: "test.assertion('相等', 200, response.status_code)" })
  const wrong = await newCase('wrong', { teardown_script: "test.assertion('相等', 404, response.status_code)" })
  const broken = await newCase('broken', { request: { json: { a: '${{nowhere}}' } } })
  const [first, second, gone] = [
    await newScene('登录', [right, wrong]),
    await newScene('下单', [broken, right]),
    await newScene('已删除', [right]),
  ]
  const task = await newTask([second, gone, first, second])
  await platform.call('DELETE', `/api/testFlow/scenes/${gone}/`)
  const { status, body } = await run(task)
  expect(status).toBe(200)
  const { results, record, ...rest } = body
  const ours = ['assertions', 'started_at', 'id']
  const sent = rest.cases.filter(({ url }: { url?: string }) => url !== undefined)
  expect(differences({ ...rest, cases: sent }, printed('tasks.run').answer, ours)).toEqual([])
  expect(rest).toMatchObject({ all: 6, success: 3, fail: 1, error: 2, state: 'error', name: '回归测试' })
  expect(results.map(({ name, state, all, scene }: Entry) => [name, state, all, scene])).toEqual([
    ['下单', 'error', 2, second],
    ['登录', 'fail', 2, first],
    ['下单', 'error', 2, second],
  ])
  expect(rest.cases).toEqual(results.flatMap(({ cases }: Entry) => cases))
  expect(urls()).toEqual(['/right', '/right', '/wrong', '/right'])
  const report = await platform.call('GET', `/api/testTask/report/${record}/`)
  expect(report.body).toMatchObject({
    id: record,
    record,
    info: { all: 6, task: String(task), test_env: env, results },
  })
}, 60_000)

test('names that fill pages are cut in a run, and long hosts and URLs of its own are not', async () => {
  const long = '长'.repeat(20_000)
  const scene = await newScene(long, [await newCase(long.slice(0, 4_000)), await newCase('short')])
  const environment = await made('/api/testPro/envs/', {
    name: long.slice(0, 4_000),
    host: 'http://127.0.0.1:1',
    project,
  })
  const task = await made('/api/testTask/tasks/', { name: long, project, scenes: [scene] })
  const host = `${target.url}/${'h'.repeat(20_000)}/..`
  const { body } = await run(task, { env: environment, host })
  const cut = `${long.slice(0, 999)}…`
  const names = [body.name, body.results[0].name, ...body.cases.map(({ name }: { name: string }) => name)]
  expect(names.map((name: string) => name.length)).toEqual([1000, 1000, 1000, 5])
  expect(names).toEqual([cut, cut, cut, 'short'])
  expect(await ended(body.record)).toMatchObject({ task: cut, name: cut, env: cut })
  const { body: progress } = await platform.call('GET', `/api/testTask/records/${body.record}/progress/`)
  expect(progress.results.map(({ name, scene: of }: { name: string; scene: string }) => [name, of])).toEqual([
    [cut, cut],
    ['short', cut],
  ])
  const unsaved = {
    title: long.slice(0, 4_000),
    interface: { url: `/${'u'.repeat(20_000)}`, method: 'get', name: long },
  }
  const one = await platform.call('POST', '/api/TestInterFace/cases/run/', { env, cases: unsaved })
  expect([one.status, one.body.name, one.body.url.length > 20_000]).toEqual([200, cut, true])
}, 60_000)

test('a task without scenes has run when it is asked to, with nothing', async () => {
  const { status, body } = await run(await newTask([]))
  expect([status, body]).toEqual([
    200,
    {
      all: 0,
      success: 0,
      fail: 0,
      error: 0,
      cases: [],
      state: 'success',
      name: '回归测试',
      results: [],
      record: body.record,
    },
  ])
  expect((await ended(body.record)).pass_rate).toBe('0.00')
})

describe('scenes', () => {
  /** Two scenes of two cases each; the second cases are asked for only when the first have been answered. */
  async function twoScenes(): Promise<readonly number[]> {
    const names = ['a1', 'a2', 'b1', 'b2']
    const [a1 = 0, a2 = 0, b1 = 0, b2 = 0] = await Promise.all(names.map((name) => newCase(name)))
    return [await newScene('a', [a1, a2]), await newScene('b', [b1, b2])]
  }

  test('run one after the other, and by a task’s concurrency side by side, their cases in order', async () => {
    const scenes = await twoScenes()
    expect((await run(await newTask(scenes))).body).toMatchObject({ all: 4, success: 4 })
    expect(urls()).toEqual(['/a1', '/a2', '/b1', '/b2'])

    target.seen.length = 0
    const held: ServerResponse[] = []
    instead = (_seen, response) => {
      held.push(response)
      // Answered two at a time: a run that did not go side by side would wait for ever.
      if (held.length === 2) for (const each of held.splice(0)) answer(each)
      return true
    }
    expect((await run(await newTask(scenes, { concurrency: 2 }))).body).toMatchObject({ all: 4, success: 4 })
    expect([urls().slice(0, 2).toSorted(), urls().slice(2).toSorted()]).toEqual([
      ['/a1', '/b1'],
      ['/a2', '/b2'],
    ])
    target.seen.length = 0
    expect((await run(await newTask(scenes), { concurrency: 2 })).body).toMatchObject({ all: 4, success: 4 })
    instead = () => false
    target.seen.length = 0
    await run(await newTask(scenes, { concurrency: 8 }), { concurrency: '1' })
    expect(urls()).toEqual(['/a1', '/a2', '/b1', '/b2'])
  }, 60_000)

  test('share the run’s global variables and cookies one after the other, side by side none has those of another', async () => {
    const saves = await newCase('saves', {
      teardown_script: "test.save_global_variable('who', 'scene')\ntest.save_env_variable('mine', 'scene')",
    })
    const tells = await newCase('tells', {
      headers: { 'X-Who': '${{who}}' },
      setup_script: "assert test.get_env_variable('mine') is None",
    })
    const scenes = [await newScene('s', [saves]), await newScene('t', [tells]), await newScene('t', [tells])]
    const seen = () => target.seen.filter(({ url }) => url === '/tells').map(({ headers }) => [headers['x-who'], headers['cookie']]) // prettier-ignore
    expect((await run(await newTask(scenes))).body).toMatchObject({ all: 3, success: 3 })
    expect(seen()).toEqual([
      ['scene', 'sid=s-1'],
      ['scene', 'sid=s-1'],
    ])
    target.seen.length = 0
    expect((await run(await newTask(scenes), { concurrency: 2 })).body).toMatchObject({ all: 3, success: 3 })
    expect(seen()).toEqual([
      ['environment', undefined],
      ['environment', undefined],
    ])
  }, 60_000)
})

test('what one scene saves under the name of a secret is hidden in those beside it', async () => {
  const learns = await newCase('learns', { teardown_script: "test.save_global_variable('password', 'learned-by-a')" })
  const [a, b] = [await newScene('a', [learns, await newCase('then')]), await newScene('b', [await newCase('beside')])]
  const beside = Promise.withResolvers<ServerResponse>()
  instead = ({ url }, response) => {
    if (url === '/beside') return (beside.resolve(response), true)
    // The first case of the other scene has saved it by now.
    if (url === '/then') void beside.promise.then((waiting) => waiting.end('{"leaked":"learned-by-a"}'))
    return false
  }
  const { body } = await run(await newTask([a, b]), { concurrency: 2 })
  const [, { cases }] = body.results
  expect(cases[0].response_body).toBe('{\n  "leaked": "******"\n}')
}, 60_000)

describe('a run of its own', () => {
  test('has variables and a host that nobody else has, and hides what the environment calls a secret', async () => {
    const other = await startTarget()
    const icase = await newCase('own', { headers: { 'X-Who': '${{who}}', 'X-Password': '${{password}}' } })
    const task = await newTask([await newScene('own', [icase])])
    const own = { variables: { who: 'ci', password: 'only-this-run' }, host: other.url }
    const events = await platform.eventsOf(() => run(task, own))
    expect(other.seen.map(({ headers }) => [headers['x-who'], headers['x-password']])).toEqual([
      ['ci', 'only-this-run'],
    ])
    expect(JSON.stringify(events)).not.toContain('only-this-run')
    const { body } = await run(task, own)
    expect(body.cases[0].requests_header['X-Password']).toBe('******')

    await run(task, { host: '', variables: {}, build: '', branch: ' ' })
    expect(target.seen.map(({ headers }) => headers['x-who'])).toEqual(['environment'])
    const { body: environment } = await platform.call('GET', `/api/testPro/envs/${env}/`)
    expect(environment).toMatchObject({ host: target.url, global_variable: { who: 'environment' } })
    await other.stop()
  }, 60_000)

  test('goes to its own host, whatever the variables say', async () => {
    const other = await startTarget()
    const task = await newTask([await newScene('host', [await newCase('host')])])
    const elsewhere = { global_variable: { host: `${target.url}/elsewhere` } }
    const strange = await made('/api/testPro/envs/', { name: 'e', host: target.url, project, ...elsewhere })
    await run(task, { env: strange, host: other.url, variables: { host: target.url } })
    expect(other.seen.map(({ url }) => url)).toEqual(['/host'])
    await run(task, { env: strange })
    expect(urls()).toEqual(['/elsewhere/host'])
    await other.stop()
  })

  test('of a scene and of a case has them likewise', async () => {
    const icase = await newCase('likewise', { headers: { 'X-Who': '${{who}}' } })
    const scene = await newScene('likewise', [icase])
    const more = { variables: { who: 'ci' }, build: '7' }
    await platform.call('POST', '/api/testFlow/scenes/run/', { env, scene, ...more })
    const { body } = await platform.call('POST', '/api/TestInterFace/cases/run/', { env, cases: icase, ...more })
    expect(target.seen.map(({ headers }) => headers['x-who'])).toEqual(['ci', 'ci'])
    expect(await ended(body.record)).toMatchObject({ type: 'case', build: '7', branch: null, trigger: 'manual' })
  }, 60_000)

  test('tells what CI said of the build', async () => {
    const build = { build: '1042', branch: 'main', commit: '0ad3240', url: 'https://ci.example.com/1042' }
    const { body } = await run(await newTask([]), build)
    expect(await ended(body.record)).toMatchObject(build)
  })
})

describe('cancelling', () => {
  const cancel = (record: number, token?: string) =>
    platform.call('POST', `/api/testTask/records/${record}/cancel/`, undefined, token === undefined ? {} : { token })

  test('lets the case under way end and runs no other', async () => {
    const [a, b] = await Promise.all(['cancelled', 'never'].map((name) => newCase(name)))
    const task = await newTask([await newScene('one', [a ?? 0, b ?? 0]), await newScene('two', [b ?? 0])])
    const arrived = Promise.withResolvers<ServerResponse>()
    instead = (_seen, response) => (arrived.resolve(response), true)
    const { body: started } = await run(task, {}, `${RUN}?wait=false`)
    const response = await arrived.promise

    // It stands behind the first, which holds the only place.
    const { body: queued } = await run(task, {}, `${RUN}?wait=false`)
    const atOnce = await cancel(queued.record)
    expect([atOnce.status, atOnce.body]).toEqual([
      200,
      { record: queued.record, status: '执行完毕', state: 'cancelled' },
    ])

    const events = await platform.eventsOf(async () => {
      for (const time of [1, 2]) {
        const { status, body } = await cancel(started.record)
        expect([time, status, body]).toEqual([time, 202, { record: started.record, status: '执行中', state: null }])
      }
      answer(response)
      expect(await ended(started.record)).toMatchObject({ all: 1, success: 1, state: 'cancelled', total: 3 })
    })
    expect(events.map(({ type }) => type)).toEqual(['RunCancelRequested', 'CaseFinished', 'RunFinished'])
    expect(urls()).toEqual(['/cancelled'])
    expect(await ended(queued.record)).toMatchObject({ all: 0, state: 'cancelled', start_time: null })

    const late = await cancel(started.record)
    expect([late.status, late.body]).toEqual([400, { error: '运行已结束', code: 'conflict' }])
    const { body: report } = await platform.call('GET', `/api/testTask/report/${started.record}/`)
    expect(report.info.results.map(({ all, state }: Entry) => [all, state])).toEqual([
      [1, 'cancelled'],
      [0, 'cancelled'],
    ])
  }, 60_000)

  test('is for those who may run, and for runs that there are', async () => {
    const { body } = await run(await newTask([]))
    expect((await cancel(body.record, await platform.userToken('viewer'))).status).toBe(403)
    expect((await cancel(999_999)).status).toBe(404)
  })

  test('goes on after the platform has stopped in between', async () => {
    const task = await newTask([await newScene('stopped', [await newCase('held'), await newCase('left')])])
    const arrived = Promise.withResolvers<void>()
    instead = () => (arrived.resolve(), true)
    const { body } = await run(task, {}, `${RUN}?wait=false`)
    await arrived.promise
    expect((await cancel(body.record)).status).toBe(202)
    await platform.restart()
    expect(await ended(body.record)).toMatchObject({ all: 0, state: 'cancelled' })
    expect(urls()).toEqual(['/held'])
  }, 60_000)
})

describe('is refused', () => {
  test.each<{ wrong: object; field: string; words: string }>([
    { wrong: { task: 999_999 }, field: 'task', words: '测试任务 999999 不存在' },
    { wrong: { env: 999_999 }, field: 'env', words: '测试环境 999999 不存在' },
    { wrong: { concurrency: 0 }, field: 'concurrency', words: '不能小于 1' },
    { wrong: { concurrency: 33 }, field: 'concurrency', words: '不能大于 32' },
    { wrong: { variables: [1] }, field: 'variables', words: '必须是 JSON 对象' },
    { wrong: { build: '长'.repeat(1001) }, field: 'build', words: '不能超过 1000 个字符' },
  ])('$field, which $words', async ({ wrong, field, words }) => {
    const { status, body } = await run(await newTask([]), wrong)
    expect([status, body.fields]).toEqual([422, { [field]: [words] }])
  })

  test('with an environment of another project, and who may not run', async () => {
    const elsewhere = await made('/api/testPro/projects/', { name: 'q', leader: 'l' })
    const foreign = await made('/api/testPro/envs/', { name: 'e', host: target.url, project: elsewhere })
    const { status, body } = await run(await newTask([]), { env: foreign })
    expect([status, Object.keys(body.fields)]).toEqual([422, ['task']])
    const viewer = await platform.userToken('viewer')
    expect((await platform.call('POST', RUN, { env, task: 1 }, { token: viewer })).status).toBe(403)
  })
})

test('runs once however often it is asked for under one key', async () => {
  const task = await newTask([await newScene('once', [await newCase('once')])])
  const headers = { 'Idempotency-Key': 'nightly-1' }
  const [one, other] = [await run(task, {}, RUN, headers), await run(task, {}, RUN, headers)]
  expect([other.status, other.body]).toEqual([200, one.body])
  expect(urls()).toEqual(['/once'])
  expect((await run(task, { concurrency: 2 }, RUN, headers)).body.code).toBe('idempotency_key_reused')
})
