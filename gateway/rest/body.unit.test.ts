import { describe, expect, test } from '@jest/globals'
import type { JsonNumber } from '../../contracts/json.ts'
import { decodeBody, type Fields, FormText, type KeptJson } from './body.ts'
import type { Refusal } from './dialects.ts'

const json = (text: string): Fields => decodeBody(Buffer.from(text), 'application/json') as Fields
const form = (text: string): Fields =>
  decodeBody(Buffer.from(text, 'latin1'), 'application/x-www-form-urlencoded; charset=utf-8') as Fields

const array = (text: string, type = 'application/json'): unknown => decodeBody(Buffer.from(text), type, 'array')

function refusal(decode: () => unknown): Refusal {
  try {
    decode()
  } catch (error) {
    return error as Refusal
  }
  throw new Error('was taken')
}

describe('JSON', () => {
  test('keeps objects and arrays letter for letter, and the text of numbers', () => {
    const fields = json(
      '{"headers": {"b": 1e3, "1": 1.0, "b": 2}, "list": [ 1 ], "n": 12345678901234567890, "t": "x", "z": null}',
    )
    expect((fields.headers as KeptJson).text).toBe('{"b": 1e3, "1": 1.0, "b": 2}')
    expect((fields.list as KeptJson).text).toBe('[ 1 ]')
    expect((fields.n as JsonNumber).text).toBe('12345678901234567890')
    expect([fields.t, fields.z]).toEqual(['x', null])
  })

  test('a field named __proto__ is a field and changes nothing else', () => {
    const fields = json('{"__proto__": {"polluted": 1}, "constructor": 2}')
    expect(Object.keys(fields)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(fields)).toBeNull()
    expect('polluted' in {}).toBe(false)
  })

  test('a byte order mark and space around are passed over', () => {
    expect(json('\ufeff {"a": true} \n').a).toBe(true)
  })

  const UNSTORABLE: [place: string, body: string, field: string][] = [
    ['in a text', String.raw`{"a":"x\u0000"}`, 'a'],
    ['deep inside', String.raw`{"b":{"c":["x",{"d":"\u0000"}]}}`, 'b'],
    ['in a nested name', String.raw`{"b":{"\u0000":1}}`, 'b'],
    ['in a name', String.raw`{"n\u0000":1}`, String.raw`n\u0000`],
    ['in a field that no schema knows', String.raw`{"unknown":"\u0000"}`, 'unknown'],
    ['half a pair', String.raw`{"a":"\ud83d"}`, 'a'],
    ['half a pair in a nested name', String.raw`{"a":[{"\udc00":1}]}`, 'a'],
  ]
  test.each(UNSTORABLE)('a NUL or half a surrogate pair is 422: %s', (_, body, field) => {
    const { code, message, fields } = refusal(() => json(body))
    expect(code).toBe('invalid')
    expect(message.startsWith(`${field} `)).toBe(true)
    expect(Object.keys(fields ?? {})).toEqual([field])
  })

  test('a whole pair and an escaped backslash before u0000 are no such thing', () => {
    expect(json(String.raw`{"a":"\ud83d\ude00","b":"\\u0000"}`)).toEqual({ a: '😀', b: String.raw`\u0000` })
  })

  test.each(['', ' ', '{', '{"a":1}x', "{'a':1}", '{"a":01}', '{"a":NaN}', '{"a":1,}', '{"a":"\n"}'])(
    '%j is no JSON',
    (text) => {
      if (text === '') expect(json(text)).toEqual({})
      else expect(refusal(() => json(text)).code).toBe('not_json')
    },
  )

  test.each(['[]', '"a"', '1', 'null'])('%s is no object', (text) => {
    expect(refusal(() => json(text)).code).toBe('invalid')
  })

  test('where an array is asked for, an array alone is taken', () => {
    expect((array(' [{"id": 1}] ') as KeptJson).text).toBe('[{"id": 1}]')
    expect(refusal(() => array('{}')).code).toBe('invalid')
    expect(refusal(() => array('')).code).toBe('not_json')
    const stored = refusal(() => array(String.raw`[{}, {"sort": {"\u0000": 1}}]`))
    expect([stored.code, Object.keys(stored.fields ?? {})]).toEqual(['invalid', ['1']])
    expect(refusal(() => array('a=1', 'application/x-www-form-urlencoded')).code).toBe('unsupported_media_type')
  })
})

describe('forms', () => {
  test('are read as browsers write them', () => {
    const fields = form('name=%E7%99%BB%E5%BD%95+a%2Bb&empty=&bare&p=100%&p=50%25&=x&&__proto__=y')
    expect(fields).toEqual(
      Object.assign(Object.create(null), {
        name: new FormText('登录 a+b'),
        empty: new FormText(''),
        bare: new FormText(''),
        p: new FormText('100%', '50%'),
        '': new FormText('x'),
        ['__proto__']: new FormText('y'),
      }),
    )
  })

  test('the last of a name counts, and all of them for a list, however its items are named', () => {
    expect(form('p=1&q=x&p=2').p).toEqual(new FormText('1', '2'))
    expect((form('p=1&q=x&p=2').p as FormText).text).toBe('2')
    expect(form('s[]=1&s%5B%5D=3&s=4').s).toEqual(new FormText('1', '3', '4'))
    expect(Object.keys(form('s[]=1&__proto__[]=2&[]=3&s[0]=4'))).toEqual(['s', '__proto__', '', 's[0]'])
  })

  test('a name may come as often as a body has room', () => {
    expect((form('s=1&'.repeat(500_000)).s as FormText).texts).toHaveLength(500_000)
  })

  test('raw UTF-8 is taken, other bytes are refused, escaped or not', () => {
    expect(form(Buffer.from('a=登录').toString('latin1')).a).toEqual(new FormText('登录'))
    expect(refusal(() => form('a=%ff')).code).toBe('bad_request')
    expect(refusal(() => form('a=\u00ff')).code).toBe('bad_request')
    expect(refusal(() => form('a=%00')).code).toBe('invalid')
  })
})

describe('content types', () => {
  test.each(['application/json', 'Application/JSON; charset="UTF-8"', 'application/json;charset=utf8; x=y'])(
    '%s is taken',
    (type) => {
      expect(decodeBody(Buffer.from('{}'), type)).toEqual({})
    },
  )

  test.each([undefined, '', 'text/json', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16'])(
    '%s is not',
    (type) => {
      expect(refusal(() => decodeBody(Buffer.from('{}'), type)).code).toBe('unsupported_media_type')
    },
  )
})
