import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { differences, printed } from '../support/printed.ts'
import { startTarget } from '../support/target.ts'

/** Scenes that run for real: order, variables and cookies from step to step, pins, counts. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let project: number
let env: number
/** What the path `/held` waits for. */
const held = Promise.withResolvers<void>()

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget((seen, response) => {
    response.setHeader('Content-Type', 'application/json')
    if (seen.url === '/login') response.setHeader('Set-Cookie', 'sid=s-1; Path=/')
    const answer = JSON.stringify({ url: seen.url, cookie: seen.headers.cookie ?? '', token: 't-1' })
    if (seen.url === '/held') void held.promise.then(() => response.end(answer))
    else response.end(answer)
  })
  project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  const global_variable = { from: 'environment' }
  env = await made('/api/testPro/envs/', { name: '本地', host: target.url, project, global_variable })
}, 60_000)
afterAll(async () => {
  await target.stop()
  await platform.stop()
})

const made: TestPlatform['made'] = (path, body) => platform.made(path, body)

const newInterface = (url: string, of = project): Promise<number> =>
  made('/api/TestInterFace/interfaces/', { name: url, url, method: 'get', type: '1', project: of })

async function newCase(title: string, content: object = {}, url = `/${title}`): Promise<number> {
  return made('/api/TestInterFace/cases/', { title, interface: await newInterface(url), ...content })
}

async function newScene(cases: readonly number[], sorts: readonly number[] = cases.keys().toArray()): Promise<number> {
  const scene = await made('/api/testFlow/scenes/', { name: '登录下单', project })
  for (const [index, icase] of cases.entries()) {
    await made('/api/testFlow/icases/', { icase, scene, sort: sorts[index] })
  }
  return scene
}

const RUN = '/api/testFlow/scenes/run/'
const run = (scene: number, path = RUN, headers: Record<string, string> = {}) =>
  platform.call('POST', path, { env, scene }, { headers })

test('answers as printed, with counts, cases in order, and a report that says the same', async () => {
  const scene = await newScene([
    await newCase('login', { teardown_script: "test.assertion('相等', 200, response.status_code)" }),
    await newCase('wrong', { teardown_script: "test.assertion('相等', 404, response.status_code)" }),
    await newCase('broken', { request: { json: { a: '${{nowhere}}' } } }),
  ])
  const ran = await run(scene)
  expect(ran.status).toBe(200)
  const ours = ['record', 'scene', 'assertions', 'started_at', 'id']
  const { cases, ...rest } = ran.body
  expect(differences({ ...rest, cases: cases.slice(0, 2) }, printed('scenes.run').answer, ours)).toEqual([])
  expect(ran.body).toMatchObject({ all: 3, success: 1, fail: 1, error: 1, state: 'error', name: '登录下单' })
  expect(cases.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
    ['login', '成功'],
    ['wrong', '失败'],
    ['broken', '错误'],
  ])
  // A scene's run is no debug run: of the DEBUG lines only what scripts print is kept.
  expect(
    cases.flatMap(({ log_data }: { log_data: [string, string][] }) => log_data.map(([level]) => level)),
  ).not.toContain('DEBUG')
  const report = await platform.call('GET', `/api/testTask/report/${ran.body.record}/`)
  const { record, ...flow } = ran.body
  expect(report.body.info.results).toEqual([flow])
  expect(report.body).toMatchObject({ id: record, info: { all: 3, success: 1, fail: 1, error: 1, test_env: env } })
}, 60_000)

test('what the log keeps of it is one verdict for each step, and what it left, encrypted', async () => {
  const scene = await newScene([
    await newCase('login', { teardown_script: "test.save_env_variable('token', 'very-secret-token')" }),
    await newCase('use', { headers: { 'X-Token': '${{token}}' } }),
  ])
  const events = await platform.eventsOf(() => run(scene))
  expect(events.map(({ type }) => type)).toEqual([
    'RunRequested',
    'RunClaimed',
    'CaseFinished',
    'CaseFinished',
    'RunFinished',
  ])
  const [first, second] = events.filter(({ type }) => type === 'CaseFinished')
  expect(first?.data).toHaveProperty('carried')
  expect(JSON.stringify(first?.data)).not.toContain('very-secret-token')
  expect(second?.data).not.toHaveProperty('carried')
}, 60_000)

describe('from step to step', () => {
  test('variables and cookies go along, in the order of sort, beyond ten', async () => {
    const login = await newCase('login', { teardown_script: "test.save_env_variable('n', 1)\nENV.kept = [1, 2.0]" })
    const next = await newCase('next', {
      headers: { 'X-N': '${{n}}', 'X-From': '${{from}}' },
      request: { json: '${{kept}}' },
      teardown_script: "test.save_env_variable('n', env.n + 1)",
    })
    // Added in another order than they run in.
    const scene = await newScene(
      [next, login, ...Array.from({ length: 11 }, () => next)],
      [1, 0, ...Array.from({ length: 11 }, (_, index) => index + 2)],
    )
    const before = target.seen.length
    const { body } = await run(scene)
    expect(body).toMatchObject({ all: 13, success: 13, state: 'success' })
    const seen = target.seen.slice(before)
    expect(seen.map(({ url }) => url)).toEqual(['/login', ...Array.from({ length: 12 }, () => '/next')])
    expect(seen.slice(1).map(({ headers }) => headers['x-n'])).toEqual(Array.from({ length: 12 }, (_, n) => `${n + 1}`))
    expect(seen.slice(1).map(({ headers }) => headers['cookie'])).toEqual(Array.from({ length: 12 }, () => 'sid=s-1'))
    expect(
      seen.slice(1).every(({ headers, body: sent }) => headers['x-from'] === 'environment' && sent === '[1, 2.0]'),
    ).toBe(true)
  }, 60_000)

  test('nothing goes from one run into the next, nor into the environment', async () => {
    const scene = await newScene([
      await newCase('use', {
        teardown_script:
          "test.assertion('相等', None, test.get_env_variable('left'))\ntest.assertion('相等', '', response.json()['cookie'])",
      }),
      await newCase('login', {
        teardown_script: "test.save_env_variable('left', 1)\ntest.save_global_variable('also', 1)",
      }),
    ])
    expect((await run(scene)).body.state).toBe('success')
    expect((await run(scene)).body.state).toBe('success')
    const { body } = await platform.call('GET', `/api/testPro/envs/${env}/`)
    expect([body.global_variable, body.debug_global_variable]).toEqual([{ from: 'environment' }, {}])
  }, 60_000)
})

test('a run pins the steps, their cases and interfaces as they were when it was asked for', async () => {
  const first = await newCase('pinned', {}, '/before')
  const scene = await newScene([first])
  const { body: before } = await run(scene)
  await platform.call('PATCH', `/api/TestInterFace/cases/${first}/`, { title: '改过' })
  const { body: after } = await run(scene)
  expect([before.cases[0].name, after.cases[0].name]).toEqual(['pinned', '改过'])
  await platform.call('DELETE', `/api/TestInterFace/cases/${first}/`)
  expect((await run(scene)).body).toMatchObject({ all: 0, cases: [], state: 'success' })
  await platform.call('DELETE', `/api/testFlow/scenes/${scene}/`)
  const report = await platform.call('GET', `/api/testTask/report/${before.record}/`)
  expect(report.body.info.results[0]).toMatchObject({ name: '登录下单', cases: [{ name: 'pinned' }] })
})

test('each result carries the id of its step', async () => {
  const only = await newCase('step')
  const scene = await newScene([only, only])
  const steps = (await platform.call('GET', `/api/testFlow/icases/?scene=${scene}`)).body as { id: number }[]
  const { body } = await run(scene)
  expect(body.cases.map(({ id }: { id: number }) => id)).toEqual(steps.map(({ id }) => id))
})

test('a scene of more steps than an event can hold runs like any other', async () => {
  const only = await newCase('一个标题很长的用例'.repeat(20), {}, '/many')
  const scene = await newScene(Array.from({ length: 60 }, () => only))
  const before = target.seen.length
  const { body } = await run(scene)
  expect(body).toMatchObject({ all: 60, success: 60 })
  expect(target.seen.length - before).toBe(60)
}, 60_000)

test('not waited for it is accepted; asked for twice with one key it runs once', async () => {
  const scene = await newScene([await newCase('once')])
  const before = target.seen.length
  const [first, second] = [
    await run(scene, RUN, { 'idempotency-key': 'scene' }),
    await run(scene, RUN, { 'idempotency-key': 'scene' }),
  ]
  expect(second?.text).toBe(first?.text)
  expect(target.seen.length - before).toBe(1)
  const { status, body } = await run(scene, `${RUN}?wait=false`)
  expect([status, Object.keys(body)]).toEqual([202, ['record', 'status']])
})

test.each<[string, (scene: number) => object, string]>([
  ['no scene', () => ({ env }), 'scene'],
  ['an unknown scene', () => ({ env, scene: 999_999 }), 'scene'],
  ['no number', () => ({ env, scene: 'x' }), 'scene'],
  ['an unknown environment', (scene) => ({ env: 999_999, scene }), 'env'],
])('%s is refused, and the field is named', async (_name, body, field) => {
  const answer = await platform.call('POST', RUN, body(await newScene([])))
  expect([answer.status, Object.keys(answer.body.fields)]).toEqual([422, [field]])
  expect(answer.body.error).toContain(field)
})

test('an environment of another project is refused', async () => {
  const other = await made('/api/testPro/projects/', { name: 'q', leader: 'l' })
  const elsewhere = await made('/api/testPro/envs/', { name: 'e', host: target.url, project: other })
  const answer = await platform.call('POST', RUN, { env: elsewhere, scene: await newScene([]) })
  expect([answer.status, Object.keys(answer.body.fields)]).toEqual([422, ['scene']])
})

test.each(['/api/testFlow/scenes/run/', '/api/TestInterFace/cases/run', '/api/testFlow/icases/order/'])(
  '%s is asked with its own method alone',
  async (path) => {
    const own = path.endsWith('order/') ? 'PATCH' : 'POST'
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD'].filter((each) => each !== own)) {
      const answer = await platform.call(method, path)
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, `${own}, OPTIONS`])
    }
    expect((await platform.call('OPTIONS', path)).headers.get('allow')).toBe(`${own}, OPTIONS`)
  },
)

test('a report of a run under way counts what there is of it', async () => {
  const scene = await newScene([await newCase('first'), await newCase('held')])
  const { body } = await run(scene, `${RUN}?wait=false`)
  const path = `/api/testTask/report/${body.record}/`
  let report = await platform.call('GET', path)
  while (report.body.info.results[0].cases.length === 0) report = await platform.call('GET', path)
  expect(report.body.info).toMatchObject({ all: 1, success: 1, results: [{ all: 1, success: 1, state: 'running' }] })
  held.resolve()
}, 60_000)

test('who may only read may not run', async () => {
  const token = await platform.userToken('viewer')
  const answer = await platform.call('POST', RUN, { env, scene: await newScene([]) }, { token })
  expect(answer.status).toBe(403)
})
