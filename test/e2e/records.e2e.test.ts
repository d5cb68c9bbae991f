import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { differences, printed, sentAsPrinted } from '../support/printed.ts'
import { refusedBy } from '../support/refused.ts'
import { startTarget } from '../support/target.ts'

/** What became of runs: their records, how far they are, their reports, and the bodies that a report does not show. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let project: number
let env: number
let viewer: string

/** Answers to paths that begin with `/held` wait until they are let go. */
let held: ServerResponse[] = []
let arrived = Promise.withResolvers<void>()
/** What the path `/long` answers. */
let long = ''

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget((seen, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    if (!seen.url.startsWith('/held')) return void response.end(seen.url === '/long' ? long : 'ok')
    held.push(response)
    arrived.resolve()
  })
  project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  env = await newEnvironment('本地')
  viewer = await platform.userToken('viewer')
}, 60_000)
afterAll(async () => {
  await target.stop()
  await platform.stop()
})
beforeEach(() => {
  held = []
  arrived = Promise.withResolvers()
})

const RECORDS = '/api/testTask/records/'
const reportPath = (record: number): string => `/api/testTask/report/${record}/`
const OURS = ['state', 'type', 'name', 'project', 'start_time', 'end_time', 'duration', 'trigger']
const OF_BUILD = ['build', 'branch', 'commit', 'url']
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/

const asPrinted = sentAsPrinted(() => platform)
const refused = refusedBy(() => platform)

const newEnvironment = (name: string): Promise<number> =>
  platform.made('/api/testPro/envs/', { name, host: target.url, project })

async function newCase(title: string, content: object = {}, url = '/ok'): Promise<number> {
  const fields = { name: title, url, method: 'post', type: '1', project }
  const owner = await platform.made('/api/TestInterFace/interfaces/', fields)
  return platform.made('/api/TestInterFace/cases/', { title, interface: owner, ...content })
}

async function newScene(name: string, cases: readonly number[]): Promise<number> {
  const scene = await platform.made('/api/testFlow/scenes/', { name, project })
  for (const [sort, icase] of cases.entries()) await platform.made('/api/testFlow/icases/', { icase, scene, sort })
  return scene
}

const newTask = (name: string, scenes: readonly number[]): Promise<number> =>
  platform.made('/api/testTask/tasks/', { name, project, scenes })

async function run(what: 'case' | 'scene' | 'task', id: number, more: object = {}, query = '') {
  const [path, key] = {
    case: ['/api/TestInterFace/cases/run/', 'cases'],
    scene: ['/api/testFlow/scenes/run/', 'scene'],
    task: ['/api/testTask/tasks/run/', 'task'],
  }[what] as [string, string]
  const answer = await platform.call('POST', `${path}${query}`, { env, [key]: id, ...more })
  expect([200, 202]).toContain(answer.status)
  return answer
}
const letGo = (): void => {
  for (const response of held.splice(0)) response.end('ok')
}

async function bodyOf(path: string) {
  const { status, body } = await platform.call('GET', path)
  expect(status).toBe(200)
  return body
}
async function idsOf(query: string): Promise<readonly number[]> {
  return (await bodyOf(`${RECORDS}?${query}`)).map(({ id }: { id: number }) => id)
}

const passes = { teardown_script: "test.assertion('相等', 200, response.status_code)" }
const fails = { teardown_script: "test.assertion('相等', 404, response.status_code)" }
const breaks = { headers: { 'X-A': '${{nowhere}}' } }

describe('records', () => {
  test('are answered as printed, and say when, how long, by what and of which build', async () => {
    const scene = await newScene('登录', [await newCase('a', passes), await newCase('b', fails)])
    const task = await newTask('回归测试', [scene])
    const build = { build: '1042', branch: 'main', commit: '0ad3240', url: 'https://ci.example.com/1042' }
    const { record, state } = (await run('task', task, build)).body
    const listed = await asPrinted('records.list', 'GET', `${RECORDS}?task=${task}`, { ours: [...OURS, ...OF_BUILD] })
    const [first] = listed.body as [Record<string, unknown>]
    expect(listed.body).toEqual([
      {
        id: record,
        env: '本地',
        task: '回归测试',
        all: 2,
        success: 1,
        fail: 1,
        error: 0,
        pass_rate: '50.00',
        tester: 'admin',
        status: '执行完毕',
        state,
        type: 'task',
        name: '回归测试',
        project,
        start_time: expect.stringMatching(TIME),
        end_time: expect.stringMatching(TIME),
        duration: expect.any(Number),
        trigger: 'manual',
        ...build,
      },
    ])
    expect(state).toBe('fail')
    const took = Date.parse(String(first['end_time'])) - Date.parse(String(first['start_time']))
    expect(Math.abs(Number(first['duration']) * 1000 - took)).toBeLessThan(2)
    const { body: detail, headers } = await platform.call('GET', `${RECORDS}${record}/`)
    expect(detail).toEqual({ ...first, total: 2 })
    expect(headers.get('etag')).toBe((await platform.call('GET', reportPath(record))).headers.get('etag'))
  }, 60_000)

  test('keep the names that things had, and outlive them', async () => {
    const other = await platform.made('/api/testPro/projects/', { name: 'gone', leader: 'l' })
    const host = { name: '旧环境', host: target.url, project: other }
    const place = await platform.made('/api/testPro/envs/', host)
    const scenes = [await platform.made('/api/testFlow/scenes/', { name: '旧场景', project: other })]
    const task = await platform.made('/api/testTask/tasks/', { name: '旧任务', project: other, scenes })
    const { record } = (await run('task', task, { env: place })).body
    await platform.call('PATCH', `/api/testTask/tasks/${task}/`, { name: '新任务' })
    await platform.call('PATCH', `/api/testPro/envs/${place}/`, { name: '新环境' })
    await platform.call('DELETE', `/api/testPro/projects/${other}/`)
    // Of a run of nothing nothing has passed.
    const kept = { id: record, env: '旧环境', task: '旧任务', all: 0, pass_rate: '0.00', state: 'success' }
    expect(await bodyOf(`${RECORDS}?project=${other}`)).toMatchObject([kept])
    expect((await bodyOf(reportPath(record))).info.results).toMatchObject([{ name: '旧场景', all: 0, cases: [] }])
  }, 60_000)

  test('are the newest first, by pages, and left by each filter', async () => {
    const second = await newEnvironment('预发')
    const [good, bad] = [await newCase('good', passes), await newCase('bad', fails)]
    const broken = await newCase('broken', breaks)
    const [one, two, three] = [
      await newScene('s1', [good]),
      await newScene('s2', [bad]),
      await newScene('s3', [broken]),
    ]
    const [smoke, nightly] = [await newTask('Smoke', [one]), await newTask('Nightly', [two, one])]
    const faulty = await newTask('Faulty', [three])
    const recordOf = async (...[what, id, more]: Parameters<typeof run>): Promise<number> =>
      (await run(what, id, more)).body.record
    const a = await recordOf('task', smoke)
    const b = await recordOf('task', nightly, { env: second })
    const c = await recordOf('task', faulty)
    const d = await recordOf('scene', one)
    const e = await recordOf('case', good)
    const f = await recordOf('task', smoke, { env: second })

    const since = (ids: readonly number[]): readonly number[] => ids.filter((id) => id >= a)
    expect(since(await idsOf(''))).toEqual([f, c, b, a])
    expect(since(await idsOf('type=all'))).toEqual([f, e, d, c, b, a])
    expect(since(await idsOf('type=case'))).toEqual([e])
    expect(since(await idsOf('type=scene'))).toEqual([d])
    expect(await idsOf(`task=${smoke}`)).toEqual([f, a])
    expect(await idsOf(`task=${smoke}&env=${second}`)).toEqual([f])
    expect(await idsOf(`task=${smoke}&project=${project + 1000}`)).toEqual([])
    expect(await idsOf(`env=${second}`)).toEqual([f, b])
    expect(since(await idsOf('state=success'))).toEqual([f, a])
    expect(since(await idsOf('state=fail'))).toEqual([b])
    expect(since(await idsOf('state=error&type=all'))).toEqual([c])
    expect(await idsOf(`state=cancelled&env=${second}`)).toEqual([])
    // What no run has leaves none.
    for (const unknown of ['state=passed', 'type=cases']) expect(await idsOf(unknown)).toEqual([])
    expect(await idsOf('search=SMOKE')).toEqual([f, a])
    expect(await idsOf('search=%25')).toEqual([])
    expect(await bodyOf(`${RECORDS}${d}/`)).toMatchObject({ task: null, type: 'scene', name: 's1', build: null })

    const page = await platform.call('GET', `${RECORDS}?task=${smoke}&page_size=1&page=2`)
    expect(page.body).toMatchObject({ count: 2, page: 2, page_size: 1, results: [{ id: a }] })
    expect(page.headers.get('x-total-count')).toBe('2')
    const narrowed = await bodyOf(`${RECORDS}?env=${second}&page_size=1`)
    expect(narrowed).toMatchObject({ count: 2, results: [{ id: f }] })
    const counted = await bodyOf(`${RECORDS}?project=${project}&page_size=1`)
    expect(counted.count).toBe((await idsOf(`project=${project}`)).length)
  }, 60_000)

  test('are left by the days on which they were asked for, those named included', async () => {
    const task = await newTask('of a day', [])
    const before = new Date()
    const { record } = (await run('task', task)).body
    const after = new Date()
    const dayOf = (time: Date, days = 0): string =>
      new Date(time.getTime() + 8 * 3_600_000 + days * 86_400_000).toISOString().slice(0, 10)
    const [first, last] = [dayOf(before), dayOf(after)]
    expect(await idsOf(`task=${task}&start_date=${first}&end_date=${last}`)).toEqual([record])
    expect(await idsOf(`task=${task}&start_date=${first}`)).toEqual([record])
    expect(await idsOf(`task=${task}&end_date=${last}`)).toEqual([record])
    expect(await idsOf(`task=${task}&start_date=${dayOf(after, 1)}`)).toEqual([])
    expect(await idsOf(`task=${task}&end_date=${dayOf(before, -1)}`)).toEqual([])
    expect(await idsOf(`task=${task}&start_date=0001-01-01&end_date=9999-12-31`)).toEqual([record])
  }, 60_000)

  test.each([
    ['project=0', 'project'],
    ['task=x', 'task'],
    ['env=-1', 'env'],
    ['start_date=2026-02-30', 'start_date'],
    ['end_date=20261121', 'end_date'],
    ['end_date=2026-11-21T00:00:00', 'end_date'],
    ['page=0', 'page'],
  ])('%s is refused', async (query, field) => {
    expect(await refused('GET', `${RECORDS}?${query}`)).toEqual([422, 'invalid', field])
  })

  test('of unknown runs there are none', async () => {
    for (const path of [`${RECORDS}2000000000/`, `${RECORDS}2000000000/progress/`, `${RECORDS}x/`]) {
      expect(await refused('GET', path)).toEqual([404, 'not_found'])
    }
  })
})

describe('progress', () => {
  test('tells each case as it finishes, and the end', async () => {
    const held1 = await newCase('held 1', {}, '/held/1')
    const [first, second] = [await newScene('一', [await newCase('quick'), held1]), await newScene('二', [held1])]
    const task = await newTask('followed', [first, second])
    const { record } = (await run('task', task, {}, '?wait=false')).body
    const path = `${RECORDS}${record}/progress/`
    const started = await bodyOf(`${path}?after=0&wait=30`)
    expect(started).toEqual({
      record,
      status: '执行中',
      state: null,
      total: 3,
      all: 1,
      success: 1,
      fail: 0,
      error: 0,
      results: [
        { scene: '一', flow: 0, index: 0, name: 'quick', state: '成功', run_time: expect.stringMatching(/^[\d.]+s$/) },
      ],
      next: expect.any(Number),
    })
    expect(await bodyOf(`${RECORDS}${record}/`)).toMatchObject({
      all: 1,
      total: 3,
      pass_rate: '100.00',
      state: null,
      end_time: null,
      duration: null,
    })
    await arrived.promise
    expect(await bodyOf(`${path}?after=${started.next}`)).toMatchObject({ results: [], next: started.next })

    const following = bodyOf(`${path}?after=${started.next}&wait=30`)
    arrived = Promise.withResolvers()
    letGo()
    const next = await following
    expect(next.results.map(({ name, flow }: { name: string; flow: number }) => [name, flow])).toEqual([['held 1', 0]])
    await arrived.promise
    letGo()
    let last = next
    while (last.status !== '执行完毕') last = await bodyOf(`${path}?after=${last.next}&wait=30`)
    expect(last).toMatchObject({ status: '执行完毕', state: 'success', all: 3, total: 3 })
    const all = await bodyOf(path)
    expect(all.results.map(({ scene, index }: { scene: string; index: number }) => [scene, index])).toEqual([
      ['一', 0],
      ['一', 1],
      ['二', 0],
    ])
  }, 60_000)

  test.each([
    ['after=-1', 'after'],
    ['after=x', 'after'],
    ['wait=31', 'wait'],
    ['wait=-1', 'wait'],
  ])('%s is refused', async (query, field) => {
    expect(await refused('GET', `${RECORDS}1/progress/?${query}`)).toEqual([422, 'invalid', field])
  })
})

describe('reports', () => {
  test('of a task are as printed, and say of which task and scenes they are', async () => {
    const [a, b] = [await newScene('登录接口测试', [await newCase('a')]), await newScene('注册接口测试', [])]
    const task = await newTask('回归测试', [a, b])
    const { record } = (await run('task', task)).body
    const report = await bodyOf(reportPath(record))
    const ours = ['assertions', 'started_at', 'id', 'scene', 'status']
    const withCases = { ...report, info: { ...report.info, results: report.info.results.slice(0, 1) } }
    expect(differences(withCases, printed('report.detail').answer, ours)).toEqual([])
    expect(report.info).toMatchObject({
      task: String(task),
      test_env: env,
      results: [
        { name: '登录接口测试', scene: a, all: 1, state: 'success' },
        { name: '注册接口测试', scene: b, all: 0, state: 'success' },
      ],
    })
  }, 60_000)

  test('of a cancelled run say of each scene whether it came to its end', async () => {
    const quick = await newScene('ended', [await newCase('quick', fails)])
    const waits = await newScene('cut', [await newCase('held', {}, '/held/x'), await newCase('never')])
    const task = await newTask('cancelled', [quick, waits, quick])
    const { record } = (await run('task', task, {}, '?wait=false')).body
    await arrived.promise
    await platform.call('POST', `${RECORDS}${record}/cancel/`)
    letGo()
    let state: string | null = null
    while (state === null) ({ state } = await bodyOf(`${RECORDS}${record}/progress/?after=1000000&wait=30`))
    expect(await bodyOf(`${RECORDS}${record}/`)).toMatchObject({ state: 'cancelled', all: 2, total: 4 })
    const { results } = (await bodyOf(reportPath(record))).info
    expect(results.map((flow: { state: string; all: number }) => [flow.state, flow.all])).toEqual([
      ['fail', 1],
      ['cancelled', 1],
      ['cancelled', 0],
    ])
  }, 60_000)

  describe('of long bodies', () => {
    const MOST = 65_536
    const wholeOf = (path: string, token?: string) => platform.call('GET', path, undefined, { token })

    test('show the start, and say where the whole is', async () => {
      long = `x${'名'.repeat(40_000)}`
      const sent = 'é'.repeat(40_000)
      const icase = await newCase('long', { request: { data: sent } }, '/long')
      const ran = await run('scene', await newScene('s', [await newCase('short'), icase]))
      const { record, cases } = ran.body
      const [short, shown] = (await bodyOf(reportPath(record))).info.results[0].cases
      expect(cases).toEqual([short, shown])
      const bodies = `${reportPath(record)}bodies/0`
      expect(Object.keys(short).filter((key) => key.endsWith('_url'))).toEqual([])
      expect([shown.response_body_url, shown.requests_body_url]).toEqual([
        `${bodies}/1/response/`,
        `${bodies}/1/request/`,
      ])
      // In whole characters, and no more than fits.
      const words = (length: number, key: string) => `\n【以上是前 64 KiB，全文共 ${length} 字节，见 ${key}_url】`
      const kept = `x${'名'.repeat(Math.floor((MOST - 1) / 3))}`
      expect(shown.response_body).toBe(`${kept}${words(120_001, 'response_body')}`)
      expect(shown.requests_body).toBe(`${'é'.repeat(MOST / 2)}${words(80_000, 'requests_body')}`)
      // Beside the body, in the documented order of names.
      const names = Object.keys(shown)
      expect(names.indexOf('response_body_url')).toBe(names.indexOf('response_body') + 1)
      expect(names.indexOf('requests_body_url')).toBe(names.indexOf('requests_body') + 1)

      const response = await wholeOf(shown.response_body_url, viewer)
      expect([response.status, response.text === long]).toEqual([200, true])
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect((await wholeOf(shown.requests_body_url)).text === sent).toBe(true)
      // Short ones have an address too.
      expect((await wholeOf(`${bodies}/0/response/`)).text).toBe('ok')
    }, 60_000)

    test('show all of one that fits to the byte', async () => {
      long = 'y'.repeat(MOST)
      const { record } = (await run('scene', await newScene('s', [await newCase('fits', {}, '/long')]))).body
      const [shown] = (await bodyOf(reportPath(record))).info.results[0].cases
      expect([shown.response_body === long, 'response_body_url' in shown]).toEqual([true, false])
    }, 60_000)

    test('cut it where the whole result was too long for its event, too, and keep its log', async () => {
      long = 'z'.repeat(MOST + 1)
      const setup_script = "for n in range(300):\n    test.info_log(str(n) + '-' * 1000)"
      const scene = await newScene('s', [await newCase('many lines', { setup_script }, '/long')])
      const { record } = (await run('scene', scene)).body
      const [shown] = (await bodyOf(reportPath(record))).info.results[0].cases
      expect([shown.name, shown.response_body.startsWith('z'.repeat(MOST)), shown.response_body.length]).toEqual([
        'many lines',
        true,
        MOST + '\n【以上是前 64 KiB，全文共 65537 字节，见 response_body_url】'.length,
      ])
      expect((await wholeOf(shown.response_body_url)).text === long).toBe(true)
      expect(shown.log_data.filter(([, text]: [string, string]) => text.includes('-'.repeat(1000)))).toHaveLength(300)
      const { results } = await bodyOf(`${RECORDS}${record}/progress/`)
      expect(results).toMatchObject([{ name: 'many lines', state: '成功', run_time: shown.run_time }])
    }, 60_000)

    test('are whole in the answer to the run of one case', async () => {
      long = 'w'.repeat(MOST + 1)
      const { body } = await run('case', await newCase('alone', {}, '/long'))
      expect([body.response_body === long, 'response_body_url' in body]).toEqual([true, false])
      const [shown] = (await bodyOf(reportPath(body.record))).info.results[0].cases
      expect(shown).toHaveProperty('response_body_url')
    }, 60_000)

    test('are found only where there is one', async () => {
      const { record } = (await run('scene', await newScene('s', [await newCase('unsent', breaks)]))).body
      const at = `${reportPath(record)}bodies`
      const none = ['0/0/response', '0/0/request', '0/1/response', '1/0/response', '0/0/other', '0/0/toString']
      for (const path of [...none, '-1/0/response', '00/0/response', 'x/0/response', '0/99999999999/response']) {
        expect([path, await refused('GET', `${at}/${path}/`)]).toEqual([path, [404, 'not_found']])
      }
      expect(await refused('GET', `${reportPath(2_000_000_000)}bodies/0/0/response/`)).toEqual([404, 'not_found'])
    }, 60_000)
  })
})

test('who may only read may read all of it', async () => {
  const { record } = (await run('scene', await newScene('s', [await newCase('read')]))).body
  const paths = ['', `${record}/`, `${record}/progress/`].map((path) => `${RECORDS}${path}`)
  for (const path of [...paths, reportPath(record), `${reportPath(record)}bodies/0/0/response/`]) {
    const { status } = await platform.call('GET', path, undefined, { token: viewer })
    expect([path, status]).toEqual([path, 200])
    expect((await platform.call('GET', path, undefined, { token: '' })).status).toBe(401)
  }
}, 60_000)
