import { describe, expect, test } from '@jest/globals'
import type { JsonText } from '../../../contracts/json.ts'
import { CaseLog } from './case-log.ts'
import {
  MAX_SHOWN_BODY,
  heldBody,
  mergeChanges,
  publicResult,
  runTime,
  storableChanges,
  type CaseResult,
} from './result.ts'
import { basicCredentials, maskOf } from './secrets.ts'
import { storableJson, storableText } from './storable.ts'

const open = (text: string) => text
const json = (text: string) => text as JsonText

const RESULT: CaseResult = {
  name: 'login\0',
  log_data: [['INFO', 'token-1234\ud800']],
  url: 'http://h/?t=token-1234',
  method: 'GET',
  status_cede: 200,
  response_header: { 'X-T': 'token-1234' },
  requests_header: { Authorization: 'token-1234' },
  response_body: 'token-1234 \0',
  requests_body: 'token-1234',
  state: '成功',
  run_time: '0.1s',
  assertions: [{ method: '相等', expected: json('12345'), actual: json('"token-1234\\u0000"'), passed: false }],
  started_at: '2026-01-01T00:00:00Z',
}

test.each([
  [455, '0.455s'],
  [30.4, '0.0304s'],
  [10, '0.01s'],
  [1000, '1.0s'],
  [12_000, '12.0s'],
  [12_340, '12.3s'],
  [99_940, '99.9s'],
  [99_960, '100s'],
  [123_456, '123s'],
  [0.867, '0.000867s'],
  [2.8, '0.0028s'],
  [1234.567, '1.23s'],
  [0.1, '0.0001s'],
  [0, '0.0s'],
])('%d ms run are shown as %s', (milliseconds, shown) => {
  expect(runTime(milliseconds)).toBe(shown)
})

describe('secrets are hidden', () => {
  const secret = 'p@ss "中"\n&1'
  const mask = maskOf([secret, 'abc', 'token-1234', 'token-1234-longer'])

  test.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['in ASCII JSON', 'p@ss \\"\\u4e2d\\"\\n&1'],
    ["in Python's repr", 'p@ss "中"\\n&1'],
    ['in a form', 'p%40ss+%22%E4%B8%AD%22%0A%261'],
    ['in a query', 'p%40ss%20%22%E4%B8%AD%22%0A%261'],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['as a name of a form', 'p@ss %22中%22%0A&1'],
  ])('%s', (_, written) => {
    expect(mask(`before ${written} after`)).toBe('before ****** after')
  })

  test.each([0, 1, 2, 3, 4])('in the base64 of bytes, with %d before them', (before) => {
    for (const after of [0, 1, 2]) {
      const bytes = Buffer.concat([Buffer.alloc(before, 0xff), Buffer.from('token-1234'), Buffer.alloc(after, 0xff)])
      const shown = mask(bytes.toString('base64'))
      expect(shown).toContain('******')
      // What is left are the letters that share their bits with other bytes.
      const left = shown.split('******').join('')
      expect(left.length).toBeLessThanOrEqual(Math.ceil((before + after) / 3) * 4 + 4)
      expect(Buffer.from(shown.split('******')[1] ?? '', 'base64').toString()).not.toContain('1234')
    }
  })

  test.each([
    ['JSON within JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['ASCII JSON within JSON', 'p@ss \\\\\\"\\\\u4e2d\\\\\\"\\\\n&1'],
    ["JSON within Python's repr", `p@ss \\\\"中\\\\"\\\\n&1`],
    ['capital escapes', 'p@ss \\"\\u4E2D\\"\\n&1'],
    ['the escapes of Go', 'p@ss \\"中\\"\\n\\u00261'],
    ['a form with small letters', 'p%40ss+%22%e4%b8%ad%22%0a%261'],
    ['JSON in a form', new URLSearchParams({ '': JSON.stringify(secret).slice(1, -1) }).toString().slice(1)],
  ])('in %s', (_, written) => {
    expect(mask(`before ${written} after`)).toBe('before ****** after')
  })

  test.each([
    ["it's 4", String.raw`'it\'s 4 "'`],
    ['a/b=c/', String.raw`"a\/b=c\/"`],
    ['中/b=c/', String.raw`"\u4e2d\/b=c\/"`],
    ['pa\\ss', String.raw`"pa\\ss"`],
    ['pa\\ss', String.raw`\"pa\\\\ss\"`],
  ])('%j as %s', (hidden, written) => {
    expect(maskOf([hidden])(written)).toMatch(/^\W+$/)
  })

  test('each line of a key by itself, short ones but with the others', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\r\n  kqhkiG9w0BAQEF\nshort\n-----END KEY-----\n'
    const hide = maskOf([key])
    expect(hide(key)).toBe('******')
    expect(hide('MIIEvQIBADANBgkqhkiG9w0BAQEF short')).toBe('************ short')
    expect(hide(JSON.stringify(key.split('\n')[1]))).toBe('"******\\r"')
  })

  test('values in thousands, or of megabytes, however alike', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => `token-${at}-`)
    expect(maskOf(many)(many.join(' '))).toBe(many.map(() => '******').join(' '))
    const long = '"x\n'.repeat(500_000)
    expect(maskOf([long])(JSON.stringify(long))).toBe('"******"')
  })

  test('three characters are no secret, the longer of two is hidden whole', () => {
    expect(mask('abc token-1234-longer token-1234')).toBe('abc ****** ******')
  })

  test('nothing to hide changes nothing', () => {
    expect(maskOf(['', 'abc'])('abc')).toBe('abc')
  })

  test('characters that mean something to patterns mean themselves', () => {
    expect(maskOf(['a.*)('])('a.*)( axxx')).toBe('****** axxx')
  })

  test('a Basic login that holds one is hidden whole, another is not', () => {
    const login = Buffer.from('user:token-1234').toString('base64')
    const other = Buffer.from('user:public').toString('base64')
    const credentials = basicCredentials([`Basic ${login}`, `Basic ${other}`, 'Bearer x'], ['token-1234'])
    expect(credentials).toEqual([login])
    expect(maskOf(['token-1234'], credentials)(`Basic ${login}`)).toBe('Basic ******')
  })
})

describe('text that a database can keep', () => {
  test.each([
    ['plain 中 \u{1f600}', 'plain 中 \u{1f600}'],
    ['a\0b', 'a\\u0000b'],
    ['\ud800', '\\ud800'],
    ['\udc00\ud800x', '\\udc00\\ud800x'],
  ])('%j', (text, stored) => {
    expect(storableText(text)).toBe(stored)
  })

  test.each([
    ['{"a":1.0,"b":[2]}', '{"a":1.0,"b":[2]}'],
    // Untouched texts keep their letters, white space included.
    ['{ "a" : "\\u4e2d" }', '{ "a" : "\\u4e2d" }'],
    ['{"a\\u0000":["\\uD800",1e3]}', '{"a\\\\u0000":["\\\\ud800",1e3]}'],
    ['"\\ud83d\\ude00"', '"\u{1f600}"'],
  ])('%s', (text, stored) => {
    expect(storableJson(json(text))).toBe(stored)
  })
})

describe('bodies', () => {
  const shown = (body: string, mask = open) => {
    const held = heldBody(body)
    const { response_body = '', requests_body } = publicResult(
      { ...RESULT, response_body: held.text, requests_body: held.text },
      mask,
    )
    expect(requests_body).toBe(response_body)
    return { text: response_body, cut: held.cut }
  }

  test('up to a MiB is kept whole', () => {
    expect(shown('x'.repeat(MAX_SHOWN_BODY))).toEqual({ text: 'x'.repeat(MAX_SHOWN_BODY), cut: false })
  })

  test.each([
    ['x'.repeat(MAX_SHOWN_BODY + 1), MAX_SHOWN_BODY],
    ['x'.repeat(MAX_SHOWN_BODY * 9), MAX_SHOWN_BODY],
    // Three bytes each: the last one does not fit and is not halved.
    ['中'.repeat(MAX_SHOWN_BODY), MAX_SHOWN_BODY - 1],
    [`x${'\u{1f600}'.repeat(MAX_SHOWN_BODY)}`, MAX_SHOWN_BODY - 3],
  ])('more is cut to its first MiB (%#)', (body, bytes) => {
    const { text, cut } = shown(body)
    expect(cut).toBe(true)
    expect(Buffer.byteLength(text)).toBe(bytes)
    expect(body.startsWith(text)).toBe(true)
  })

  test('a secret across the cut is hidden, not halved', () => {
    const body = `${'x'.repeat(MAX_SHOWN_BODY - 4)}token-1234${'y'.repeat(50_000)}`
    expect(shown(body, maskOf(['token-1234'])).text.endsWith('x****')).toBe(true)
  })
})

describe('log', () => {
  test('DEBUG and EXCEPT stand alone, the others name their level', () => {
    const log = new CaseLog(true)
    log.add('INFO', 'a')
    log.add('EXCEPT', 'b')
    log.debug(() => 'c')
    expect(log.lines(open)).toEqual([
      ['INFO', '【INFO】  |   a'],
      ['EXCEPT', 'b'],
      ['DEBUG', 'c'],
    ])
  })

  test("the engine's DEBUG lines are for debug runs, a script's kept lines are for all", () => {
    const log = new CaseLog(false)
    log.debug(() => 'gone')
    log.debugBody('请求体', () => 'gone')
    log.append([['DEBUG', 'printed']])
    expect(log.lines(open)).toEqual([['DEBUG', 'printed']])
  })

  test('the first MiB is kept, said so once, and the verdict comes in any case', () => {
    const log = new CaseLog(false)
    log.append([
      ['DEBUG', 'x'.repeat(1024 * 1024 - 10)],
      ['DEBUG', 'y'.repeat(100)],
      ['DEBUG', 'z'],
    ])
    log.verdict('INFO', 'end')
    expect(log.lines(open).slice(1)).toEqual([
      ['DEBUG', 'y'.repeat(10)],
      ['WARNING', '【WARNING】  |   日志超过1MiB，其余不再保存'],
      ['INFO', '【INFO】  |   end'],
    ])
  })

  test('secrets are hidden before a line or a body is cut, also those that are known only at the end', () => {
    const mask = maskOf(['token-1234'])
    const log = new CaseLog(true)
    log.debugBody('响应体', () => `${'x'.repeat(64 * 1024 - 4)}token-1234${'y'.repeat(9)}`)
    log.append([['DEBUG', `${'x'.repeat(1024 * 1024 - 65_590)}token-1234`]])
    for (const [, text] of log.lines(mask)) expect(text).not.toContain('toke')
    expect(log.lines(mask)[0]?.[1]).toMatch(/x\*{4}…/)
  })

  test('what is collected has an end too', () => {
    const log = new CaseLog(false)
    for (let at = 0; at < 5; at++) log.append([['DEBUG', 'token-1234'.repeat(100_000)]])
    // Masked it would fit three times over: what was left out is told all the same.
    const shown = log.lines((text) => text.replaceAll('token-1234', ''))
    expect(shown.at(-1)).toEqual(['WARNING', '【WARNING】  |   日志超过1MiB，其余不再保存'])
  })

  test('one big variable does not take the reason of a later verdict out of the log', () => {
    const log = new CaseLog(true)
    log.debugBody('全局变量', () => 'x'.repeat(3 * 1024 * 1024))
    log.append([['DEBUG', 'y'.repeat(2 * 1024 * 1024)]])
    log.add('ERROR', '前置脚本执行错误')
    log.add('EXCEPT', 'z'.repeat(70_000))
    const shown = log.lines(open)
    expect(shown[0]?.[1].length).toBeLessThan(70_000)
    expect(shown.at(-2)?.[1]).toContain('前置脚本执行错误')
    expect(shown.at(-1)?.[1]).toMatch(/^z{65536}…/)
  })

  test('a long body is named as cut', () => {
    const log = new CaseLog(true)
    log.debugBody('响应体', () => 'x'.repeat(70_000))
    expect(log.lines(open)[0]?.[1]).toMatch(/^响应体：\nx+…\(日志中只显示前65536个字符\)$/)
  })
})

describe('a result', () => {
  test('has the documented keys in the documented order, masked and storable throughout', () => {
    const stored = publicResult(RESULT, maskOf(['token-1234', '12345']))
    expect(Object.keys(stored)).toEqual(Object.keys(RESULT))
    const text = JSON.stringify(stored)
    expect(text).not.toContain('token-1234')
    // Nothing that a text column would refuse: JSON.stringify writes NUL and lone surrogates as single escapes.
    expect(text).not.toMatch(/(?<!\\)(?:\\\\)*\\u(0000|d8)/)
    expect(stored.name).toBe('login\\u0000')
    expect(stored.url).toBe('http://h/?t=******')
    // A masked number is a string, so that the text remains JSON.
    expect(stored.assertions[0]).toEqual({
      method: '相等',
      expected: '"******"',
      actual: '"******\\\\u0000"',
      passed: false,
    })
  })

  test.each([
    ['"pa\\\\ss \\"1\\""', '"******"'],
    ['{"a":["x","\\u0070a\\\\ss \\"1\\""],"pa\\\\ss \\"1\\"":1.0}', '{"a":["x","******"],"******":1.0}'],
    ['[4711, 47110, null, true, 1e5]', '["******","******0",null,true,1e5]'],
    // Nothing hidden: letter for letter.
    ['{ "a" : [1.50, "x"] }', '{ "a" : [1.50, "x"] }'],
  ])('hides what assertions compared by its meaning: %s', (compared, stored) => {
    const assertions = [{ method: '相等', expected: json(compared), actual: json('1'), passed: true }]
    const mask = maskOf(['pa\\ss "1"', '4711'])
    expect(publicResult({ ...RESULT, assertions }, mask).assertions[0]?.expected).toBe(stored)
  })

  test('without an answer has none of the keys that tell of one', () => {
    const { name, log_data, state, run_time, assertions, started_at } = RESULT
    expect(Object.keys(publicResult({ name, log_data, state, run_time, assertions, started_at }, open))).toEqual([
      'name',
      'log_data',
      'state',
      'run_time',
      'assertions',
      'started_at',
    ])
  })
})

describe('changes of a scope', () => {
  test('the later word counts', () => {
    expect(
      mergeChanges(
        { set: { a: json('1'), b: json('2') }, deleted: ['c', 'd'] },
        { set: { c: json('3'), a: json('4') }, deleted: ['b'] },
      ),
    ).toEqual({ set: { a: '4', c: '3' }, deleted: ['d', 'b'] })
  })

  test('can be stored, names too', () => {
    expect(
      storableChanges({ set: { 'a\0': json('["\\u0000"]'), __proto__x: json('1.0') }, deleted: ['\ud800'] }),
    ).toEqual({
      set: { 'a\\u0000': '["\\\\u0000"]', __proto__x: '1.0' },
      deleted: ['\\ud800'],
    })
  })
})
