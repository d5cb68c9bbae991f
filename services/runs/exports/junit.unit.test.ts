import { describe, expect, jest, test } from '@jest/globals'
import { junitFaults, textsAt, xpath } from '../../../test/support/xml.ts'
import type { RunReport } from '../report.ts'
import { junitReport } from './junit.ts'
import { assertion, AT, caseWith, flowWith, HOSTILE, reportWith, unsentCase } from './report.fixture.ts'

const failed = caseWith({
  name: '密码错误',
  state: '失败',
  status_cede: 400,
  assertions: [assertion(true, 1, 1), assertion(false, 401, 400), assertion(false, { a: 1 }, null)],
})
const broken = unsentCase({
  name: '没有变量',
  state: '错误',
  log_data: [
    ['INFO', '【INFO】  |   开始'],
    ['EXCEPT', 'Traceback (most recent call last):\n  File "x"\nKeyError: \'token\'\n'],
    ['ERROR', '【ERROR】  |   没有变量执行——>【错误Error】\n'],
  ],
})
const mixed = reportWith([flowWith('登录', [caseWith(), failed, broken]), flowWith('下单', [caseWith()])])

describe('valid against the schema of Jenkins', () => {
  test.each<[string, RunReport]>([
    ['all verdicts', mixed],
    ['no flow', reportWith([])],
    ['a flow without cases', reportWith([flowWith('空', [])])],
    ['one case alone', reportWith([flowWith('a', [caseWith()], { scene: null })], { kind: 'case', task: null })],
    ['not ended', reportWith([flowWith('a', [caseWith()])], { state: null, status: '执行中', finished_at: null })],
    ['not begun', reportWith([flowWith('a', [])], { state: null, started_at: null, finished_at: null })],
    ['cancelled', reportWith([flowWith('a', [failed])], { state: 'cancelled', total: 3 })],
    ['a build', reportWith([], { build: '#1', branch: 'a/b', commit: 'c', url: 'https://ci/?a=1&b=2' })],
    [
      'hostile text everywhere',
      reportWith(
        [
          flowWith(HOSTILE, [
            caseWith({
              name: HOSTILE,
              state: '失败',
              url: HOSTILE,
              method: HOSTILE,
              log_data: [['INFO', HOSTILE]],
              assertions: [{ ...assertion(false, HOSTILE, HOSTILE), method: HOSTILE }],
            }),
            caseWith({ name: HOSTILE, state: '错误', log_data: [['EXCEPT', HOSTILE]] }),
          ]),
        ],
        { name: HOSTILE, environment_name: HOSTILE, tester: HOSTILE, build: HOSTILE, reason: HOSTILE },
      ),
    ],
  ])('%s', async (_name, report) => {
    expect(await junitFaults(junitReport(report))).toEqual([])
  })

  test('the schema refuses what is no JUnit file', async () => {
    expect(await junitFaults(junitReport(mixed).replaceAll('classname', 'class-name'))).not.toEqual([])
  })
})

test('a suite for each flow, with counts, times and what is known of the run', async () => {
  const xml = junitReport(mixed)
  expect(await textsAt(xml, '/testsuites/@*')).toEqual(['夜间回归', '4', '1', '1', '61.500'])
  expect(await textsAt(xml, '/testsuites/testsuite/@name')).toEqual(['登录', '下单'])
  expect(await textsAt(xml, '/testsuites/testsuite[1]/@*')).toEqual(['0', '登录', '3', '1', '1', '0', '1.365', AT])
  expect(await textsAt(xml, '//testcase/@name')).toEqual(['登录成功', '密码错误', '没有变量', '登录成功'])
  expect(await textsAt(xml, '//testcase/@time')).toEqual(['0.455', '0.455', '0.455', '0.455'])
  expect(await xpath(xml, 'count(//testsuite[1]/properties/property)')).toBe('10')
  expect(await xpath(xml, "string(//testsuite[2]//property[@name='record']/@value)")).toBe('12')
  expect(await xpath(xml, "string(//property[@name='env']/@value)")).toBe('预发环境')
})

test('失败 is a failure: its first unmet assertion, all of them, and the log', async () => {
  const xml = junitReport(mixed)
  expect(await xpath(xml, 'count(//failure)')).toBe('1')
  expect(await xpath(xml, "string(//testcase[@name='密码错误']/failure/@message)")).toBe('相等：预期 401，实际 400')
  const told = await xpath(xml, 'string(//failure)')
  expect(told).toContain('POST http://localhost/login → 400')
  expect(told).toContain('比较方式：相等\n预期结果：401\n实际结果：400')
  expect(told).toContain('预期结果：{"a":1}\n实际结果：null')
  expect(told).not.toContain('预期结果：1\n')
  expect(told).toContain('日志：\n【INFO】  |   开始执行用例：【登录成功】')
})

test('错误 is an error that says what was thrown', async () => {
  const xml = junitReport(mixed)
  expect(await xpath(xml, 'count(//error)')).toBe('1')
  expect(await xpath(xml, "string(//testcase[@name='没有变量']/error/@message)")).toBe("KeyError: 'token'")
  expect(await xpath(xml, 'string(//error)')).toContain('File "x"')
})

test('the log stands in system-out, as its lines', async () => {
  const log = '【INFO】  |   开始执行用例：【登录成功】\n【INFO】  |   登录成功执行——>【通过】'
  expect(await xpath(junitReport(mixed), 'string(//testsuite[2]//system-out)')).toBe(log)
})

test('what bears one name is told apart', async () => {
  const twice = [caseWith({ name: 'a' }), caseWith({ name: 'a' }), caseWith({ name: 'a (2)' }), caseWith({ name: 'a' })]
  const xml = junitReport(reportWith([flowWith('v1.2', twice), flowWith('v1.2', [caseWith()])], { name: 'n.1' }))
  expect(await textsAt(xml, '//testsuite/@name')).toEqual(['v1.2', 'v1.2 (2)'])
  expect(await textsAt(xml, '//testsuite[1]/testcase/@name')).toEqual(['a', 'a (3)', 'a (2)', 'a (4)'])
  // Of a class name what stands before the last dot is the package.
  expect(await textsAt(xml, '//testcase[1]/@classname')).toEqual(['n_1.v1_2', 'n_1.v1_2 (2)'])
})

describe('a run that did not come to its end is no success', () => {
  test.each<[string, Partial<RunReport['run']>, string]>([
    [
      'running',
      { state: null, status: '执行中', total: 5 },
      '运行尚未结束（执行中），以下是截至目前的结果：已执行 1 个用例，共 5 个',
    ],
    ['cancelled', { state: 'cancelled', total: 3 }, '运行已被取消，有 2 个用例未执行'],
    ['ended from outside', { state: 'error', reason: '已三次中断' }, '运行异常结束：已三次中断'],
    ['ended without a reason', { state: 'error' }, '运行异常结束'],
  ])('%s', async (_name, over, message) => {
    const xml = junitReport(reportWith([flowWith('a', [caseWith()])], over))
    expect(await junitFaults(xml)).toEqual([])
    expect(await textsAt(xml, '//error/@message')).toEqual([message])
    expect(await textsAt(xml, '/testsuites/@*[name() = "tests" or name() = "errors"]')).toEqual(['2', '1'])
  })

  test('one that did has nothing of the kind', async () => {
    expect(await xpath(junitReport(reportWith([flowWith('a', [caseWith()])])), 'count(//error)')).toBe('0')
  })
})

test('what XML cannot hold stands as its escape, and nothing breaks out of its place', async () => {
  const xml = junitReport(reportWith([flowWith('a', [caseWith({ log_data: [['INFO', `<${HOSTILE}>`]] })])]))
  const log = await xpath(xml, 'string(//system-out)')
  expect(log).toContain(
    `]]><script>alert(1)</script><!-- " ' & &amp; \\u0000\\u0008\\u001b[31m\u{10000}\\ud800 \\ufffe`,
  )
  expect(await xpath(xml, 'count(//script)')).toBe('0')
})

test('logs are cut in their middle where there is no room for all of them', async () => {
  const long = Array.from({ length: 5000 }, (_, nth): [string, string] => ['INFO', `line ${nth} ${'x'.repeat(200)}`])
  const xml = junitReport(reportWith([flowWith('a', [caseWith({ log_data: long })])]))
  expect(xml.length).toBeLessThan(80_000)
  for (const kept of ['line 0 ', 'line 4999 ', '…（中间省略 ']) expect(xml).toContain(kept)
  expect(xml).not.toContain('line 2500 ')
})

test('a report of many long cases fits, and what went wrong has more of the room', async () => {
  const log: [string, string][] = [['INFO', '字'.repeat(60_000)]]
  const many = Array.from({ length: 2000 }, () => caseWith({ log_data: log }))
  const wrong = caseWith({ name: 'wrong', state: '错误', log_data: log })
  const xml = junitReport(reportWith([flowWith('a', [...many, wrong])]))
  expect(xml.length).toBeLessThan(16 * 1024 * 1024)
  expect((await xpath(xml, "string(//testcase[@name='wrong']/system-out)")).length).toBe(60_000)
  expect(await junitFaults(xml)).toEqual([])
})

test('the same report gives the same bytes, whenever it is written', () => {
  const first = junitReport(mixed)
  jest.useFakeTimers({ now: 0 })
  try {
    expect(junitReport(mixed)).toBe(first)
  } finally {
    jest.useRealTimers()
  }
})
