import { describe, expect, test } from '@jest/globals'
import {
  JsonNumber,
  JsonSyntaxError,
  RawJson,
  isArray,
  isObject,
  parseJson,
  parseMembers,
  renderJson,
  stringifyJson,
  toPlain,
  type Json,
  type JsonText,
} from './json.ts'

describe('what is read is written as it was', () => {
  test.each([
    '0',
    '-0',
    '-0.0',
    '1e3',
    '1E+3',
    '1.0',
    '1.10',
    '12345678901234567890123456789',
    '0.1000000000000000055511151231257827',
    '1e999',
    '{"b":1,"a":2}',
    '{"10":1,"2":2,"a":3,"1":4}',
    '{"__proto__":{"x":1},"constructor":2,"toString":3}',
    '[]',
    '{}',
    '[[],{},[{}]]',
    '""',
    '"中文\u{1f600}"',
    '"\\ud800"',
    '"\\u2028"',
    'true',
    'false',
    'null',
  ])('%s', (text) => {
    // Two spellings of one string are one value; everything else keeps its letters.
    const normal = text.replace('\\u2028', '\u2028')
    expect(stringifyJson(parseJson(text))).toBe(normal)
  })

  test('white space is no part of a value', () => {
    expect(stringifyJson(parseJson(' \t\r\n{ "a" : [ 1 , 2 ] } \n'))).toBe('{"a":[1,2]}')
  })
})

describe('names', () => {
  test('of one that stands twice the last value wins at the place of the first', () => {
    expect(stringifyJson(parseJson('{"a":1,"b":2,"a":3}'))).toBe('{"a":3,"b":2}')
  })

  test('__proto__ is a name like any other', () => {
    const object = parseJson('{"__proto__":{"polluted":true}}')
    expect(isObject(object) && [...object.keys()]).toEqual(['__proto__'])
    const plain = toPlain(object) as Record<string, unknown>
    expect(Object.keys(plain)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('escapes', () => {
  test.each([
    ['"\\u4e2d\\n\\t\\"\\\\\\/\\b\\f\\r"', '中\n\t"\\/\b\f\r'],
    ['"\\ud83d\\ude00"', '\u{1f600}'],
    ['"\\uD83D"', '\ud83d'],
    ['"\\u0000"', '\0'],
  ])('%s', (text, value) => {
    expect(parseJson(text)).toBe(value)
  })
})

describe('what is no JSON is refused where it stops being JSON', () => {
  test.each([
    ['', 0],
    ['  ', 2],
    ['{', 1],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ['{"a" 1}', 5],
    ['01', 1],
    ['-', 0],
    ['+1', 0],
    ['.5', 0],
    ['1.', 1],
    ['1e', 1],
    ['0x10', 1],
    ['tru', 0],
    ['nul', 0],
    ['NaN', 0],
    ['Infinity', 0],
    ["'a'", 0],
    ['"a', 2],
    ['"\n"', 1],
    ['"\\x"', 3],
    ['"\\u12g4"', 3],
    ['1 2', 2],
    ['[1]]', 3],
    ['\ufeff1', 0],
  ])('%j', (text, offset) => {
    expect(() => parseJson(text)).toThrow(JsonSyntaxError)
    try {
      parseJson(text)
    } catch (error) {
      expect((error as JsonSyntaxError).offset).toBe(offset)
    }
  })

  test('too deep a nesting is refused, not a stack overflow', () => {
    expect(() => parseJson('['.repeat(500) + ']'.repeat(500))).not.toThrow()
    expect(() => parseJson('['.repeat(501) + ']'.repeat(501))).toThrow('nested too deeply')
    expect(() => parseJson('{"a":'.repeat(100_000))).toThrow('nested too deeply')
  })

  test('depth is what is open, not what was seen', () => {
    expect(() => parseJson(`[${'[],'.repeat(5000)}[]]`)).not.toThrow()
  })
})

test("Python's non-finite numbers are read when asked for", () => {
  const values = parseJson('[NaN,Infinity,-Infinity,1]', { nonFinite: true })
  expect(isArray(values) && values.map((value) => (value as JsonNumber).text)).toEqual([
    'NaN',
    'Infinity',
    '-Infinity',
    '1',
  ])
  expect(() => parseJson('[-NaN]', { nonFinite: true })).toThrow(JsonSyntaxError)
  expect(() => parseJson('[NaN]')).toThrow(JsonSyntaxError)
})

describe('members keep the very text they were written with', () => {
  test('white space around is left out, inside is kept', () => {
    const members = parseMembers(' {"a" : { "x":1.0 } , "b": [1, 2] } ')
    expect([...(members ?? [])].map(([name, { text }]) => [name, text])).toEqual([
      ['a', '{ "x":1.0 }'],
      ['b', '[1, 2]'],
    ])
  })

  test('what is JSON but no object is undefined, what is no JSON throws', () => {
    expect(parseMembers('[1]')).toBeUndefined()
    expect(() => parseMembers('{"a":1} x')).toThrow(JsonSyntaxError)
    expect(() => parseMembers('[1')).toThrow(JsonSyntaxError)
  })
})

test('an answer holds texts as they are, maps in order, and leaves undefined members out', () => {
  const answer = {
    id: 1,
    request: new RawJson('{"b": 1.0, "a": 12345678901234567890}' as JsonText),
    map: new Map<string, Json>([
      ['2', new JsonNumber('1e3')],
      ['1', null],
    ]),
    gone: undefined,
    list: [undefined, new JsonNumber('7')],
  }
  expect(renderJson(answer)).toBe(
    '{"id":1,"request":{"b": 1.0, "a": 12345678901234567890},"map":{"2":1e3,"1":null},"list":[null,7]}',
  )
})

describe('fuzz', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? 20_240_817)
  /** mulberry32: the same seed, the same documents. */
  const random = ((state: number) => () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  })(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const characters = [
    'a',
    '"',
    '\\',
    '\n',
    '\u0000',
    '中',
    '\u{1f600}',
    '\ud800',
    '\udc00',
    '/',
    '\u007f',
    '\u2028',
    ' ',
  ]
  const text = () => Array.from({ length: Math.floor(random() * 6) }, () => pick(characters)).join('')

  function document(depth: number): Json {
    const kind = random()
    if (depth > 4 || kind < 0.4) return pick<Json>([null, true, false, text(), new JsonNumber(String(random() * 1e6))])
    const size = Math.floor(random() * 4)
    if (kind < 0.7) return Array.from({ length: size }, () => document(depth + 1))
    return new Map(Array.from({ length: size }, () => [pick(['1', '__proto__', text()]), document(depth + 1)]))
  }

  test(`2,000 documents survive a round trip, and JSON.parse agrees (seed ${seed})`, () => {
    for (let round = 0; round < 2000; round++) {
      const written = stringifyJson(document(0))
      const read = parseJson(written)
      expect(stringifyJson(read)).toBe(written)
      expect(JSON.parse(JSON.stringify(toPlain(read)))).toEqual(JSON.parse(written))
    }
  })

  const DAMAGE = ['{', '}', '[', ']', ',', ':', '"', '\\', '0', '1', '-', '.', 'e', 't', ' ', '']

  test(`what JSON.parse refuses is refused, what it reads is read (seed ${seed})`, () => {
    for (let round = 0; round < 5000; round++) {
      const written = stringifyJson(document(0))
      const at = Math.floor(random() * (written.length + 1))
      const broken = written.slice(0, at) + pick(DAMAGE) + written.slice(at + Math.floor(random() * 2))
      const refused = (read: (from: string) => unknown) => {
        try {
          read(broken)
          return false
        } catch {
          return true
        }
      }
      expect([broken, refused(parseJson)]).toEqual([broken, refused((from) => JSON.parse(from) as unknown)])
    }
  })
})
