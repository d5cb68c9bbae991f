import { describe, expect, test } from '@jest/globals'
import { parseJson } from '../../../contracts/json.ts'
import { dumps, dumpsIndented, floatText, isFiniteJson, repr, str, truthy } from './python.ts'

/** Every expectation was printed by CPython. */

test.each([
  [0, '0.0'],
  [-0, '-0.0'],
  [1, '1.0'],
  [100, '100.0'],
  [0.1, '0.1'],
  [-2.5, '-2.5'],
  [123456.789, '123456.789'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [1.5e-7, '1.5e-07'],
  [5e-324, '5e-324'],
  [1e15, '1000000000000000.0'],
  [123456789012345680, '1.2345678901234568e+17'],
  [9007199254740992, '9007199254740992.0'],
  [1e16, '1e+16'],
  [1e22, '1e+22'],
  [1e300, '1e+300'],
  [-1.7976931348623157e308, '-1.7976931348623157e+308'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
  [Number.NaN, 'nan'],
])('repr of the float %d', (value, text) => {
  expect(floatText(value)).toBe(text)
})

describe('numbers after reading', () => {
  test.each([
    ['1234567890123456789', '1234567890123456789'],
    ['-0', '0'],
    ['-0.0', '-0.0'],
    ['1.0', '1.0'],
    ['1.10', '1.1'],
    ['1e3', '1000.0'],
    ['1E400', 'Infinity'],
    ['-1E400', '-Infinity'],
    ['100000000000000000000000000000000000000000', '100000000000000000000000000000000000000000'],
  ])('json.dumps of %s', (text, dumped) => {
    expect(dumps(parseJson(text))).toBe(dumped)
    expect(dumpsIndented(parseJson(text))).toBe(dumped)
  })
})

describe('json.dumps', () => {
  test.each([
    ['{"a":1,"b":[true,null,1.5]}', '{"a": 1, "b": [true, null, 1.5]}'],
    ['{"2":1,"1":2}', '{"2": 1, "1": 2}'],
    ['[]', '[]'],
    ['{}', '{}'],
    ['"中é\\u007f\\u0000\\n\\"\\\\/"', '"\\u4e2d\\u00e9\\u007f\\u0000\\n\\"\\\\/"'],
    ['"\\ud83d\\ude00\\ud800"', '"\\ud83d\\ude00\\ud800"'],
  ])('%s', (text, dumped) => {
    expect(dumps(parseJson(text))).toBe(dumped)
  })
})

describe('json.dumps with indent=2 and ensure_ascii=False', () => {
  test.each([
    [
      '{"a":{"b":[1,{}],"c":[]},"d":"中"}',
      '{\n  "a": {\n    "b": [\n      1,\n      {}\n    ],\n    "c": []\n  },\n  "d": "中"\n}',
    ],
    ['[]', '[]'],
    ['"\\u007f\\u0001\\b\\f/"', '"\u007f\\u0001\\b\\f/"'],
    // A lone surrogate stays itself, and an escaped backslash before `ud800` stays two backslashes.
    ['"\\ud800x\\\\ud800"', '"\ud800x\\\\ud800"'],
    ['"\\udc00"', '"\udc00"'],
    ['"\\u2028"', '"\u2028"'],
  ])('%s', (text, shown) => {
    expect(dumpsIndented(parseJson(text))).toBe(shown)
  })
})

describe('repr and str', () => {
  test.each([
    ['null', 'None'],
    ['true', 'True'],
    ['false', 'False'],
    ['5', '5'],
    ['1e3', '1000.0'],
    ['{"a":"b","c":[1,null]}', "{'a': 'b', 'c': [1, None]}"],
    ['[]', '[]'],
    ['{}', '{}'],
    ['["it\'s"]', '["it\'s"]'],
    ['["say \\"hi\\""]', '[\'say "hi"\']'],
    ['["it\'s \\"both\\""]', "['it\\'s \"both\"']"],
    ['["a\\\\b\\n\\r\\t\\u0000\\u001b\\u007f\\u00a0\\u00ad"]', "['a\\\\b\\n\\r\\t\\x00\\x1b\\x7f\\xa0\\xad']"],
    ['["\\u2028\\u3000\\u200b\\ud800\\ufeff"]', "['\\u2028\\u3000\\u200b\\ud800\\ufeff']"],
    ['["中é \\ud83d\\ude00"]', "['中é \u{1f600}']"],
    ['["\\udb40\\udc01"]', "['\\U000e0001']"],
  ])('repr of %s', (text, shown) => {
    expect(repr(parseJson(text))).toBe(shown)
    expect(str(parseJson(text))).toBe(shown)
  })

  test('str of a string is the string', () => {
    expect(str("it's\n")).toBe("it's\n")
    expect(repr("it's\n")).toBe('"it\'s\\n"')
  })
})

test.each([
  ['null', false],
  ['false', false],
  ['true', true],
  ['0', false],
  ['0.0', false],
  ['-0', false],
  ['0.1', true],
  ['""', false],
  ['" "', true],
  ['[]', false],
  ['[0]', true],
  ['{}', false],
  ['{"a":0}', true],
])('bool(%s)', (text, value) => {
  expect(truthy(parseJson(text))).toBe(value)
})

test('a missing value is false', () => {
  expect(truthy(undefined)).toBe(false)
})

test.each([
  ['[1,{"a":1.5}]', true],
  [`[${'9'.repeat(400)}]`, true],
  ['[{"a":[1e999]}]', false],
  ['NaN', false],
])('whether JSON can say %s', (text, finite) => {
  expect(isFiniteJson(parseJson(text, { nonFinite: true }))).toBe(finite)
})
