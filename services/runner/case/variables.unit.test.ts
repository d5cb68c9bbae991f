import { describe, expect, test } from '@jest/globals'
import { parseJson, stringifyJson, type JsonObject } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { substitute } from './variables.ts'

function scopes(env: string, ENV = '{}') {
  return { env: parseJson(env) as JsonObject, ENV: parseJson(ENV) as JsonObject }
}

function substituted(text: string, env: string, ENV?: string): string {
  return stringifyJson(substitute(parseJson(text), scopes(env, ENV)))
}

/** Variables of which each refers to the next; the last one is text. */
function chain(length: number): JsonObject {
  return new Map(Array.from({ length }, (_, i) => [`v${i}`, i === length - 1 ? 'end' : `\${{v${i + 1}}}`]))
}

describe('a reference that is the whole value keeps its type', () => {
  test.each([
    ['5', '5'],
    ['1.0', '1.0'],
    ['1234567890123456789', '1234567890123456789'],
    ['true', 'true'],
    ['false', 'false'],
    ['0', '0'],
    ['""', '""'],
    ['"text"', '"text"'],
    ['"5"', '"5"'],
    ['[1,{"a":null}]', '[1,{"a":null}]'],
    ['{}', '{}'],
    ['"it\'s \\"so\\"\\nhere"', '"it\'s \\"so\\"\\nhere"'],
  ])('%s', (value, result) => {
    expect(substituted('{"v":"${{x}}"}', `{"x":${value}}`)).toBe(`{"v":${result}}`)
  })
})

describe("inside longer text it becomes Python's text", () => {
  test.each([
    ['5', 'a5b'],
    ['1e3', 'a1000.0b'],
    ['true', 'aTrueb'],
    ['"it\'s"', "ait'sb"],
    ['[1,"x",null]', "a[1, 'x', None]b"],
    ['{"k":"v"}', "a{'k': 'v'}b"],
    ['"$1 $& $$"', 'a$1 $& $$b'],
  ])('%s', (value, result) => {
    expect(substitute('a${{x}}b', scopes(`{"x":${value}}`))).toBe(result)
  })
})

describe('where references stand', () => {
  test('in every value, also deep and several in one text', () => {
    expect(substituted('{"a":["${{x}}",{"b":"${{x}}-${{y}}"}],"c":1}', '{"x":1,"y":"z"}')).toBe(
      '{"a":[1,{"b":"1-z"}],"c":1}',
    )
  })

  test('in names, whose text is what counts', () => {
    expect(substituted('{"${{x}}":1,"k${{y}}":2}', '{"x":5,"y":true}')).toBe('{"5":1,"kTrue":2}')
  })

  test.each(['${{ x }}', '${{x }}', '${{\tx}}'])('white space around the name: %s', (text) => {
    expect(substitute(text, scopes('{"x":"v"}'))).toBe('v')
  })

  test('a variable whose name has spaces is found as written first', () => {
    expect(substitute('${{ x }}', scopes('{" x ":"spaced","x":"plain"}'))).toBe('spaced')
  })

  test.each(['${x}', '{{x}}', '$ {{x}}', '${{}}', '${{x}', 'plain'])('%s is no reference', (text) => {
    expect(substitute(text, scopes('{"x":"v"}'))).toBe(text)
  })
})

describe('scopes', () => {
  test('the temporary one wins', () => {
    expect(substitute('${{x}}', scopes('{"x":"env"}', '{"x":"ENV"}'))).toBe('env')
  })

  test('a temporary null falls back to the global one, false and 0 and "" do not', () => {
    expect(substitute('${{x}}', scopes('{"x":null}', '{"x":"ENV"}'))).toBe('ENV')
    expect(substitute('${{x}}', scopes('{"x":false}', '{"x":"ENV"}'))).toBe(false)
    expect(substitute('${{x}}', scopes('{"x":""}', '{"x":"ENV"}'))).toBe('')
  })

  test.each(['{}', '{"x":null}'])('missing or null in both (%s) is an error with the name', (ENV) => {
    expect(() => substitute(parseJson('{"a":"中${{x}}"}'), scopes('{"x":null}', ENV))).toThrow(
      new CaseFault('变量引用错误：\n{\n  "a": "中${{x}}"\n}\n中的变量x,在当前运行环境中未找到'),
    )
  })
})

describe('references that lead to references', () => {
  test('through several variables, types kept', () => {
    expect(substituted('"${{a}}"', '{"a":"${{b}}","b":"${{c}}","c":[7,"${{d}}"],"d":1.0}')).toBe('[7,1.0]')
  })

  test('text that completes a reference together with its neighbours', () => {
    expect(substitute('${{a}}b}}', scopes('{"a":"${{","b":"found"}'))).toBe('found')
  })

  test.each([
    ['{"a":"${{a}}"}', 'a -> a'],
    ['{"a":"x${{b}}","b":["${{c}}"],"c":{"k":"${{a}}"}}', 'a -> b -> c -> a'],
  ])('a cycle is an error, not a hang: %s', (env, way) => {
    expect(() => substitute('${{a}}', scopes(env))).toThrow(new RegExp(`：${way}$`))
  })

  test('a cycle that only neighbours close is an error too', () => {
    expect(() => substitute('${{a}}a}}', scopes('{"a":"${{a}}x${{"}'))).toThrow(CaseFault)
    expect(() => substitute('${{a}}b}}', scopes('{"a":"${{","b":"${{a}}b}}"}'))).toThrow(CaseFault)
  })

  test('more than 50 steps are an error, 50 are not', () => {
    expect(substitute('${{v0}}', { env: chain(50), ENV: new Map() })).toBe('end')
    expect(() => substitute('${{v0}}', { env: chain(51), ENV: new Map() })).toThrow('超过50')
  })

  test.each(['"${{NEXT}}${{NEXT}}"', '["${{NEXT}}","${{NEXT}}"]'])('doubling %s is stopped by its size', (shape) => {
    const members = Array.from({ length: 45 }, (_, i) => `"v${i}":${shape.replaceAll('NEXT', `v${i + 1}`)}`)
    expect(() => substitute('${{v0}}', scopes(`{${members.join(',')},"v45":"x"}`))).toThrow('过大')
  })
})

test.each([
  ['1e400', 'inf'],
  ['[{"a":-1e400}]', 'inf'],
  ['"${{n}}"', 'nan'],
])('%s, which no request can hold, is the old engine’s error', (text, name) => {
  const variables = scopes('{}')
  variables.env.set('n', parseJson('NaN', { nonFinite: true }))
  expect(() => substitute(parseJson(text), variables)).toThrow(
    expect.objectContaining({ type: 'NameError', message: `name '${name}' is not defined` }),
  )
})

test('a reference on two lines is one too', () => {
  expect(() => substitute('${{a\nb}}', scopes('{}'))).toThrow('变量a\nb,')
})
