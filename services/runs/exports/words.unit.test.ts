import { describe, expect, test } from '@jest/globals'
import { type JsonText, RawJson } from '../../../contracts/json.ts'
import { assertion, caseWith } from './report.fixture.ts'
import { durationWords, isWebAddress, laidOut, reasonOf, timeWords } from './words.ts'

describe('why a case did not succeed', () => {
  const VERDICT: [string, string] = ['WARNING', '【WARNING】  |   a执行——>【失败】\n']

  test('its first unmet assertion, each side no longer than it can be read', () => {
    const long = 'x'.repeat(500)
    const assertions = [assertion(true, 1, 1), assertion(false, 200, long), assertion(false, 3, 4)]
    const reason = reasonOf(caseWith({ state: '失败', assertions, log_data: [VERDICT] }))
    expect(reason).toMatch(/^相等：预期 200，实际 "x+…x+"$/)
    expect(reason.length).toBeLessThan(90)
  })

  test('an assertion of Python that stands in the log alone', () => {
    const log_data: [string, string][] = [
      ['WARNING', '【WARNING】  |   先前'],
      ['WARNING', '【WARNING】  |   断言失败:\n应当是 500'],
      VERDICT,
    ]
    expect(reasonOf(caseWith({ state: '失败', log_data }))).toBe('断言失败: 应当是 500')
    expect(reasonOf(caseWith({ state: '失败', log_data: [VERDICT] }))).toBe('')
  })

  test.each([
    [
      `Traceback (most recent call last):\n  File "<setup_script>", line 2, in <module>\n    {}['a']\n    ~~^^^^^\nKeyError: 'a'\n`,
      "KeyError: 'a'",
    ],
    [
      'Traceback (most recent call last):\n  File "a", line 1, in f\n  File "b", line 2\nValueError: one\n  two\nthree',
      'ValueError: one two three',
    ],
    [
      'Traceback (most recent call last):\n  File "a", line 1\n    x =\n       ^\nSyntaxError: invalid syntax',
      'SyntaxError: invalid syntax',
    ],
    [
      'ValueError: 变量引用错误：\n{\n  "a": "${{b}}"\n}\n中的变量b,在当前运行环境中未找到\n',
      'ValueError: 变量引用错误： { "a": "${{b}}" } 中的变量b,在当前运行环境中未找到',
    ],
    ['Traceback', 'Traceback'],
    ['', ''],
  ])('what was thrown: %s', (text, reason) => {
    const log_data: [string, string][] = [['EXCEPT', 'an earlier one'], ['EXCEPT', text], VERDICT]
    expect(reasonOf(caseWith({ state: '错误', log_data }))).toBe(reason)
  })

  test('of what is long its beginning and its end', () => {
    const text = `ValueError: ${'{"a": 1}\n'.repeat(100_000)}中的变量b未找到`
    const reason = reasonOf(caseWith({ state: '错误', log_data: [['EXCEPT', text]] }))
    expect(reason).toMatch(/^ValueError: .*…[^\n]*中的变量b未找到$/)
    expect(Array.from(reason)).toHaveLength(200)
  })

  test('nothing of one that did', () => {
    expect(reasonOf(caseWith({ log_data: [['EXCEPT', 'x']] }))).toBe('')
  })
})

test.each([
  [0, '0 秒'],
  [0.0304, '0.0304 秒'],
  [59.94, '59.9 秒'],
  [59.97, '60 秒'],
  [61.5, '1 分 2 秒'],
  [3600, '1 小时'],
  [3_723, '1 小时 2 分 3 秒'],
])('%d seconds are %s', (seconds, words) => {
  expect(durationWords(seconds)).toBe(words)
})

test('times are shown to the second, with their offset', () => {
  expect(timeWords('2026-11-21T15:56:54.606147+08:00')).toBe('2026-11-21 15:56:54 +08:00')
})

test('a long value is laid out in lines, and its numbers keep their digits', () => {
  const text = `{"a":"${'x'.repeat(60)}","n":12345678901234567890}` as JsonText
  expect(laidOut(new RawJson(text))).toBe(`{\n  "a": "${'x'.repeat(60)}",\n  "n": 12345678901234567890\n}`)
  expect(laidOut(new RawJson('{"n":1}' as JsonText))).toBe('{"n":1}')
})

test.each([
  ['https://a.example/b?c=1', true],
  ['HTTP://a', true],
  ['javascript:alert(1)', false],
  ['\u0000https://a', true],
  ['a', false],
])('%s is an address of the web: %s', (url, is) => {
  expect(isWebAddress(url)).toBe(is)
})
