import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** Cases that run for real: verdicts, variables, pins, limits, refusals. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let project: number
let env: number

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget((seen, response) => {
    if (seen.url.startsWith('/metadata')) {
      response.writeHead(302, { Location: 'http://169.254.169.254/latest/' }).end()
      return
    }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(seen))
  })
  project = (await platform.call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id
  env = (await platform.call('POST', '/api/testPro/envs/', { name: '本地', host: target.url, project })).body.id
}, 60_000)
afterAll(async () => {
  await target.stop()
  await platform.stop()
})

const RUN = '/api/TestInterFace/cases/run/'
const INTERFACE = { url: '/echo', method: 'post', name: '回声' }

function run(content: object, headers: Record<string, string> = {}, path = RUN) {
  const cases = { title: '用例', interface: INTERFACE, ...content }
  return platform.call('POST', path, { env, cases }, { headers })
}

function linesOf(body: { log_data: [string, string][] }, level: string): string {
  return body.log_data.flatMap(([at, text]) => (at === level ? [text] : [])).join('\n')
}

describe('a verdict', () => {
  test('is 成功 when nothing fails, 失败 by an assertion, 错误 by anything else', async () => {
    const verdicts = []
    for (const teardown_script of [
      "test.assertion('相等', 200, response.status_code)",
      "test.assertion('相等', 404, response.status_code)",
      'test.assertIn("x", [])',
      '1 / 0',
      'raise SystemExit(0)',
      "test.assertion('近似', 1, 1)",
    ]) {
      const { body } = await run({ teardown_script })
      verdicts.push(body.state)
    }
    expect(verdicts).toEqual(['成功', '失败', '失败', '错误', '错误', '错误'])
  }, 60_000)

  test('names the failing assertion with what was expected and what came', async () => {
    const { body } = await run({ teardown_script: "test.assertion('相等', 404, response.status_code)" })
    expect(body.assertions).toEqual([{ method: '相等', expected: 404, actual: 200, passed: false }])
    expect(linesOf(body, 'WARNING')).toContain('断言失败')
  }, 60_000)

  test('is 错误 with the name of a variable that is not there', async () => {
    const { body } = await run({ request: { json: { a: '${{nowhere}}' } } })
    expect([body.state, linesOf(body, 'EXCEPT')]).toEqual(['错误', expect.stringContaining('变量引用错误')])
    expect(linesOf(body, 'EXCEPT')).toContain('nowhere')
    expect(body).not.toHaveProperty('status_cede')
  })

  test('is 错误 when nobody answers', async () => {
    const { body } = await run({ interface: { ...INTERFACE, url: 'http://127.0.0.1:1/' } })
    expect([body.state, body.status_cede]).toEqual(['错误', undefined])
  })

  test('is 错误 with the reason for what is not served yet', async () => {
    const { body: file } = await run({ file: [['file', ['a.sql', '1', 'text/plain']]] })
    expect([file.state, linesOf(file, 'EXCEPT')]).toEqual(['错误', expect.stringMatching(/file|文件/)])
    const { body: db } = await run({ setup_script: "db.db1.execute('select 1')" })
    expect([db.state, linesOf(db, 'EXCEPT')]).toEqual(['错误', expect.stringMatching(/db|数据库/)])
  }, 60_000)
})

test('values nested deeper than JSON is read are no trouble: compared they are 失败, saved they are 错误, and nothing runs twice', async () => {
  const deep = 'x = []\nfor _ in range(600): x = [x]\n'
  const before = target.seen.length
  const compared = await run({ teardown_script: `${deep}test.assertion('相等', x, 1)` })
  expect([compared.body.state, compared.body.status_cede, compared.body.attempt]).toEqual(['失败', 200, undefined])
  expect(target.seen.length - before).toBe(1)
  const saved = await run({ teardown_script: `${deep}test.save_env_variable('x', x)` })
  expect([saved.body.state, saved.body.attempt]).toEqual(['错误', undefined])
  expect(linesOf(saved.body, 'EXCEPT')).toContain('嵌套层数过多')
  expect(target.seen.length - before).toBe(2)
}, 60_000)

test('scripts live in the time zone of the platform', async () => {
  const { body } = await run({ setup_script: 'from datetime import datetime\nprint(datetime.now().isoformat())' })
  const printed = linesOf(body, 'DEBUG').match(/\d{4}-\d\d-\d\dT\d\d:\d\d/)?.[0]
  const minutes = (text: string): number => Date.parse(`${text.slice(0, 16)}Z`) / 60_000
  expect(Math.abs(minutes(printed ?? '') - minutes(body.started_at))).toBeLessThanOrEqual(2)
  expect(body.started_at).toContain('+08:00')
}, 60_000)

test('a target that is denied is not asked, neither directly nor by a redirect', async () => {
  for (const url of ['http://169.254.169.254/', '/metadata', 'http://[fd00:ec2::254]/']) {
    const { body } = await run({ interface: { ...INTERFACE, url, method: 'get' } })
    expect([body.state, body.status_cede]).toEqual(['错误', undefined])
    expect(linesOf(body, 'EXCEPT')).toMatch(/TARGET_DENY|169\.254|fd00/)
  }
})

test('a run uses what it pinned: a later edit changes no past run', async () => {
  const owner = (await platform.call('POST', '/api/TestInterFace/interfaces/', { ...INTERFACE, type: '1', project }))
    .body.id
  const made = await platform.call('POST', '/api/TestInterFace/cases/', {
    title: '已保存',
    interface: owner,
    request: { json: { version: 1 } },
  })
  const path = `/api/TestInterFace/cases/${made.body.id}/`
  const first = await platform.call('POST', RUN, { env, cases: made.body.id })
  await platform.call('PATCH', path, { title: '改过', request: { json: { version: 2 } } })
  const second = await platform.call('POST', RUN, { env, cases: String(made.body.id) })
  expect([first.body.name, first.body.id, JSON.parse(first.body.requests_body).version]).toEqual([
    '已保存',
    made.body.id,
    1,
  ])
  expect([second.body.name, JSON.parse(second.body.requests_body).version]).toEqual(['改过', 2])
  await platform.call('DELETE', `/api/testPro/projects/${project}x/`)
  const report = await platform.call('GET', `/api/testTask/report/${first.body.record}/`)
  expect(report.body.info.results[0].cases[0].name).toBe('已保存')
})

test('a case that is not saved runs with a saved interface as well', async () => {
  const owner = (
    await platform.call('POST', '/api/TestInterFace/interfaces/', { ...INTERFACE, url: '/saved', type: '1', project })
  ).body.id
  const { body } = await run({ interface: owner })
  expect([body.state, body.url]).toEqual(['成功', `${target.url}/saved`])
})

test('what a debug run saves is there for the next one, and gone when it deletes it', async () => {
  await run({ setup_script: "test.save_global_variable('kept', {'a': [1, 2.0]})\ntest.save_env_variable('also', 5)" })
  const path = `/api/testPro/envs/${env}/`
  expect((await platform.call('GET', path)).text).toContain('"debug_global_variable":{"kept":{"a":[1,2.0]},"also":5}')
  const { body } = await run({ request: { json: '${{kept}}' }, teardown_script: "test.delete_global_variable('kept')" })
  expect(JSON.parse(body.requests_body)).toEqual({ a: [1, 2] })
  expect((await platform.call('GET', path)).body.debug_global_variable).toEqual({ also: 5 })
}, 60_000)

test('concurrent debug runs lose none of what each saves', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `v${index}`)
  const runs = names.map((name) => run({ setup_script: `test.save_global_variable('${name}', '${name}')` }))
  expect((await Promise.all(runs)).map(({ body }) => body.state)).toEqual(names.map(() => '成功'))
  const { body } = await platform.call('GET', `/api/testPro/envs/${env}/`)
  expect(body.debug_global_variable).toMatchObject(Object.fromEntries(names.map((name) => [name, name])))
}, 120_000)

test('asked for twice with one key it runs once, and both get the one result', async () => {
  const before = target.seen.length
  const headers = { 'idempotency-key': 'one-run' }
  const [first, second] = await Promise.all([run({ title: '一次' }, headers), run({ title: '一次' }, headers)])
  const third = await run({ title: '一次' }, headers)
  expect(target.seen.length - before).toBe(1)
  expect([second?.text, third.text]).toEqual([first?.text, first?.text])
})

test('a form may ask for a run as well', async () => {
  const cases = JSON.stringify({ title: '表单', interface: INTERFACE })
  const answer = await platform.call('POST', RUN, new URLSearchParams({ env: String(env), cases }).toString(), {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect([answer.status, answer.body.name, answer.body.state]).toEqual([200, '表单', '成功'])
})

test('not waited for, it is accepted, and its record is there at once', async () => {
  const { status, body } = await run({}, {}, `${RUN}?wait=false`)
  expect([status, body]).toEqual([
    202,
    { record: expect.any(Number), status: expect.stringMatching(/^(未执行|执行中|执行完毕)$/) },
  ])
  const report = await platform.call('GET', `/api/testTask/report/${body.record}/`)
  expect([report.status, report.body.info.test_env]).toEqual([200, env])
  expect((await platform.call('GET', '/api/testTask/report/999999/')).status).toBe(404)
})

test('a log of many lines and many long variables are no trouble, though an event could not hold them', async () => {
  const { body } = await run({
    setup_script: [
      "for n in range(3000): print(str(n) + 'x' * 200)",
      "for n in range(40): test.save_global_variable('long%d' % n, 'y' * 15000)",
    ].join('\n'),
  })
  expect([body.state, body.log_data.length > 3000]).toEqual(['成功', true])
  const report = await platform.call('GET', `/api/testTask/report/${body.record}/`)
  expect(report.body.info.results[0].cases[0].log_data).toEqual(body.log_data)
  const { body: env1 } = await platform.call('GET', `/api/testPro/envs/${env}/`)
  expect(env1.debug_global_variable.long39).toBe('y'.repeat(15_000))
}, 60_000)

test.each<[string, object, string[]]>([
  ['an unknown environment', { env: 999_999, cases: { title: 'a', interface: INTERFACE } }, ['env']],
  ['no environment', { cases: { title: 'a', interface: INTERFACE } }, ['env']],
  ['a list of cases', { env: 1, cases: [] }, ['cases']],
  ['an unknown case', { env: 1, cases: 999_999 }, ['cases']],
  ['no title', { env: 1, cases: { interface: INTERFACE } }, ['cases.title']],
  ['no interface', { env: 1, cases: { title: 'a' } }, ['cases.interface']],
  ['an unknown key', { env: 1, cases: { title: 'a', interface: INTERFACE, request: { x: 1 } } }, ['cases.request']],
])('%s is refused, and the field is named', async (_name, body, fields) => {
  const answer = await platform.call('POST', RUN, body)
  expect([answer.status, Object.keys(answer.body.fields)]).toEqual([422, fields])
  expect(answer.body.error).toContain(fields[0])
})

test('an environment of another project is refused', async () => {
  const other = (await platform.call('POST', '/api/testPro/projects/', { name: 'q', leader: 'l' })).body.id
  const owner = (
    await platform.call('POST', '/api/TestInterFace/interfaces/', { ...INTERFACE, type: '1', project: other })
  ).body.id
  const made = (await platform.call('POST', '/api/TestInterFace/cases/', { title: 'a', interface: owner })).body.id
  const answer = await platform.call('POST', RUN, { env, cases: made })
  expect([answer.status, Object.keys(answer.body.fields)]).toEqual([422, ['cases']])
})

test('scripts that never end, eat all memory or print without end are 错误 with a reason, and the next case runs', async () => {
  const limits = await startTestPlatform()
  const base = (await limits.call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id
  const at = (await limits.call('POST', '/api/testPro/envs/', { name: 'e', host: target.url, project: base })).body.id
  try {
    for (const [setup_script, reason] of [
      ['while True: pass', /时间|秒/],
      ["x = 'a' * 900_000_000\ny = [x + str(i) for i in range(9)]", /内存|MemoryError/],
      ["print('x' * 100_000_000)", /输出|日志|print|内存|MemoryError/],
    ] as const) {
      const { body } = await limits.call('POST', RUN, {
        env: at,
        cases: { title: 'a', interface: INTERFACE, setup_script },
      })
      expect(body.state).toBe('错误')
      expect(linesOf(body, 'EXCEPT') + linesOf(body, 'ERROR')).toMatch(reason)
      const next = await limits.call('POST', RUN, {
        env: at,
        cases: { title: 'b', interface: INTERFACE, setup_script: 'x = 1' },
      })
      expect(next.body.state).toBe('成功')
    }
  } finally {
    await limits.stop()
  }
}, 180_000)
