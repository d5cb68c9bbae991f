import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'
import { junitFaults, textsAt, xpath } from '../support/xml.ts'

/** Reports of real runs as files: HTML for people, JUnit for CI, JSON for programs. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let project: number
let env: number
/** The record of a run of a task with two scenes of one name. */
let record: number
/** What the path `/held` waits for. */
const held = Promise.withResolvers<void>()

const SECRET = 'hunter2-is-secret'
const HOSTILE = `</script><b>"'&\u202e\u0007`

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget((seen, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    if (seen.url === '/drop') response.destroy()
    else if (seen.url === '/held') void held.promise.then(() => response.end())
    else response.end(seen.url === '/long' ? '长'.repeat(100_000) : `${HOSTILE} ${String(seen.headers['x-token'])}`)
  })
  project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  env = await platform.made('/api/testPro/envs/', {
    name: '预发',
    host: target.url,
    project,
    global_variable: { token: SECRET },
    secrets: ['global_variable.token'],
  })
  const check = (expected: number) => `test.assertion('相等', ${expected}, response.status_code)`
  const first = await newScene([
    await newCase('通过', { headers: { 'X-Token': '${{token}}' }, teardown_script: check(200) }),
    await newCase('不相等', { teardown_script: `${check(200)}\n${check(404)}` }),
    await newCase('断言语句', { teardown_script: "assert response.status_code == 500, '应当是 500'" }),
    await newCase('脚本出错', { setup_script: "print('before')\n{}['token']" }),
    await newCase('没有变量', { request: { json: { a: '${{nowhere}}' } } }),
    await newCase('连接断开', {}, '/drop'),
  ])
  const second = await newScene([await newCase(HOSTILE, {}, '/long')])
  const task = await platform.made('/api/testTask/tasks/', { name: '回归', project, scenes: [first, second] })
  const ran = await platform.call('POST', '/api/testTask/tasks/run/', {
    env,
    task,
    build: '#7',
    branch: 'main',
    url: 'https://ci.example.com/7?a=1&b=2',
  })
  if (ran.status !== 200) throw new Error(`the run answered ${ran.status}: ${ran.text}`)
  record = ran.body.record as number
}, 120_000)
afterAll(async () => {
  await target.stop()
  await platform.stop()
})

async function newCase(title: string, content: object = {}, url = '/plain'): Promise<number> {
  const fields = { name: title, url, method: 'post', type: '1', project }
  const owner = await platform.made('/api/TestInterFace/interfaces/', fields)
  return platform.made('/api/TestInterFace/cases/', { title, interface: owner, ...content })
}

async function newScene(cases: readonly number[]): Promise<number> {
  const scene = await platform.made('/api/testFlow/scenes/', { name: '下单', project })
  for (const [sort, icase] of cases.entries()) await platform.made('/api/testFlow/icases/', { icase, scene, sort })
  return scene
}

const report = (query = '', id = record, token?: string) =>
  platform.call('GET', `/api/testTask/report/${id}/${query}`, undefined, { token })

test.each([
  ['html', 'text/html; charset=utf-8', 'html'],
  ['junit', 'application/xml; charset=utf-8', 'xml'],
  ['json', 'application/json; charset=utf-8', 'json'],
])('%s is a file to keep, the same each time, and changes when the report does', async (wanted, type, extension) => {
  const answer = await report(`?export=${wanted}`)
  const plain = await report()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
  const name = `report-${record}.${extension}`
  expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${name}"; filename*=UTF-8''${name}`)
  expect(answer.headers.get('etag')).toBe(plain.headers.get('etag'))
  expect((await report(`?export=${wanted}`)).text).toBe(answer.text)
  expect(answer.text).not.toContain(SECRET)
})

test('JSON is the report as it is answered without', async () => {
  expect((await report('?export=json')).text).toBe((await report()).text)
})

test('HTML says what came of each case, and why', async () => {
  const { text } = await report('?export=html')
  expect(await xpath(text, 'string(//h1)')).toBe('回归')
  expect(await xpath(text, "string(//a[starts-with(@href, 'https:')]/@href)")).toBe('https://ci.example.com/7?a=1&b=2')
  const reasons = await textsAt(text, "//section[1]/details/summary/span[@class='reason']")
  expect(reasons).toEqual([
    '相等：预期 404，实际 200',
    '断言失败: 应当是 500',
    "KeyError: 'token'",
    expect.stringMatching(/^ValueError: 变量引用错误.*中的变量nowhere,在当前运行环境中未找到$/),
    expect.stringMatching(/^ValueError: 请求发送失败/),
  ])
  expect(await xpath(text, "string(//section[2]//details[@class='case success'][.//pre][last()]/summary)")).toMatch(
    /通过/,
  )
  // What the service answered stands there as text.
  expect(await xpath(text, 'count(//body//b[not(parent::span)] | //script)')).toBe('0')
  expect(text).toContain('\\u202e')
  expect(text).toContain(`/api/testTask/report/${record}/bodies/1/0/response/`)
})

test('JUnit is valid, a suite for each scene, and counts as the record does', async () => {
  const { text } = await report('?export=junit')
  expect(await junitFaults(text)).toEqual([])
  expect(await textsAt(text, '//testsuite/@name')).toEqual(['下单', '下单 (2)'])
  const { body } = await report()
  const { all, fail, error } = body.info
  expect([all, fail, error]).toEqual([7, 2, 3])
  const counts = await xpath(text, 'concat(count(//testcase), " ", count(//failure), " ", count(//error))')
  expect(counts).toBe(`${all} ${fail} ${error}`)
  expect(await textsAt(text, '/testsuites/@*[name() != "name" and name() != "time"]')).toEqual(['7', '2', '3'])
  expect(await textsAt(text, "//testsuite[1]//property[@name='build' or @name='branch']/@value")).toEqual([
    '#7',
    'main',
  ])
  const { body: run } = await platform.call('GET', `/api/testTask/records/${record}/`)
  expect(Number(await xpath(text, 'string(/testsuites/@time)'))).toBeCloseTo(run.duration, 3)
})

describe('refusals', () => {
  test.each(['?export=pdf', '?export=HTML'])('%s is none of the three', async (query) => {
    const { status, body } = await report(query)
    expect([status, Object.keys(body.fields)]).toEqual([422, ['export']])
    expect(body.error).toContain('html、junit、json')
  })

  test.each(['html', 'junit', 'json'])('%s of a run that there is not', async (wanted) => {
    const { status, body, headers } = await report(`?export=${wanted}`, 999_999)
    expect([status, body.code, headers.get('content-disposition')]).toEqual([404, 'not_found', null])
  })

  test('without a token; who may only read may export', async () => {
    expect((await report('?export=html', record, '')).status).toBe(401)
    expect((await report('?export=html', record, await platform.userToken('viewer'))).status).toBe(200)
  })
})

test('a run under way says so, in a file of what there is of it', async () => {
  const scene = await newScene([await newCase('first'), await newCase('second', {}, '/held')])
  const { body } = await platform.call('POST', '/api/testFlow/scenes/run/?wait=false', { env, scene })
  const id = body.record as number
  while ((await report('', id)).body.info.all === 0) await pause(20)
  const [page, xml] = [(await report('?export=html', id)).text, (await report('?export=junit', id)).text]
  expect(await xpath(page, "string(//p[@class='note'])")).toContain('运行尚未结束（执行中）')
  expect(await textsAt(page, "//li//span[@class='name']")).toEqual(['first'])
  expect(await junitFaults(xml)).toEqual([])
  expect(await textsAt(xml, '//error/@message')).toEqual([expect.stringContaining('运行尚未结束')])
  held.resolve()
}, 60_000)
