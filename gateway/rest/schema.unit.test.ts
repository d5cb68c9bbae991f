import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { JsonNumber } from '../../contracts/json.ts'
import { decodeBody, FormText } from './body.ts'
import type { Refusal } from './dialects.ts'
import {
  changesOf,
  day,
  flag,
  id,
  integer,
  jsonAny,
  jsonArray,
  jsonObject,
  jsonSchemaOf,
  listOf,
  NO_MEMBERS,
  objectOf,
  oneOf,
  optionalText,
  orNull,
  pathId,
  text,
  validate,
} from './schema.ts'

const body = (json: string): unknown => decodeBody(Buffer.from(json), 'application/json')
const number = (written: string): JsonNumber => new JsonNumber(written)

/** What is said of one field. */
function words(schema: z.ZodType, value: unknown): string | undefined {
  try {
    validate(z.object({ field: schema }), { field: value })
    return undefined
  } catch (error) {
    return (error as Refusal).fields?.field?.[0]
  }
}

describe('text', () => {
  test('is kept letter for letter; numbers are taken by their text', () => {
    expect(validate(text(), ' a ')).toBe(' a ')
    expect(validate(text(), number('1.0'))).toBe('1.0')
    expect(validate(text(), new FormText('1'))).toBe('1')
    expect(validate(text(), 'e\u0301')).toBe('e\u0301')
  })

  test.each([
    [undefined, '为必填项'],
    [null, '必须是文本'],
    [true, '必须是文本'],
    ['', '不能为空'],
    [' \t\u3000', '不能为空'],
    [new FormText(''), '不能为空'],
    ['abcd', '不能超过 3 个字符'],
  ])('%p: %s', (value, said) => {
    expect(words(text('', { max: 3 }), value)).toBe(said)
  })

  test('optional text may be blank or left out', () => {
    expect(validate(optionalText(), undefined)).toBe('')
    expect(validate(optionalText(), '')).toBe('')
    expect(words(optionalText(), null)).toBe('必须是文本')
  })
})

describe('days', () => {
  test.each(['2026-11-21', new FormText('2024-02-29')])('%p is one', (value) => {
    expect(words(day(), value)).toBeUndefined()
  })

  test.each(['2026-02-29', '2026-11-21T00:00:00', '20261121', '', number('2026')])('%p is none', (value) => {
    expect(words(day(), value)).toBe('必须是 YYYY-MM-DD 格式的日期')
  })
})

describe('ids and integers', () => {
  test.each([number('1'), '1', new FormText('1'), '001'])('%p is the id 1', (value) => {
    expect(validate(id(), value)).toBe(1)
  })
  test('the last id', () => {
    expect(validate(id(), '2147483647')).toBe(2 ** 31 - 1)
    expect(pathId('2147483647')).toBe(2 ** 31 - 1)
  })
  test.each([number('0'), '-1', '2147483648', number('1.0'), number('1e0'), '1 ', '+1', '', 'x', true, null, '٣'])(
    '%p is no id',
    (value) => {
      expect(words(id(), value)).toBe('必须是有效的正整数')
    },
  )
  test.each(['0', '-1', '01', '1.0', '2147483648', '9'.repeat(400), '1e3', ' 1', ''])(
    '%s is no id in a path',
    (written) => {
      expect(pathId(written)).toBeUndefined()
    },
  )
  test('integers have limits, both taken', () => {
    const schema = integer('', { min: -2, max: 2 })
    expect([number('-2'), '2'].map((value) => validate(schema, value))).toEqual([-2, 2])
    expect(words(schema, '3')).toBe('不能大于 2')
    expect(words(schema, '-3')).toBe('不能小于 -2')
    expect(words(integer(), '9007199254740993')).toBe('必须是整数')
    expect(words(integer(), undefined)).toBe('为必填项')
  })
})

test('flags take their texts and numbers', () => {
  const taken = [
    true,
    'true',
    'True',
    '1',
    number('1'),
    new FormText('true'),
    false,
    'false',
    number('0'),
    new FormText('0'),
  ]
  expect(taken.map((value) => validate(flag(), value))).toEqual([
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ])
  expect(words(flag(), 'yes')).toBe('必须是布尔值')
  expect(words(flag(), number('2'))).toBe('必须是布尔值')
})

test('one of several texts; the refusal names them all', () => {
  const status = oneOf(['未处理', '处理中'])
  expect(validate(status, '处理中')).toBe('处理中')
  expect(words(status, 'x')).toBe('必须是 未处理、处理中 之一')
})

describe('kept JSON', () => {
  const kept = z.object({ o: jsonObject(), a: jsonArray(), x: jsonAny() })

  test('is the very text', () => {
    const read = validate(kept, body('{"o": {"2": 1e3, "1": []}, "a": [1.0 ], "x": 1.50}'))
    expect([read.o.text, read.a.text, read.x.text]).toEqual(['{"2": 1e3, "1": []}', '[1.0 ]', '1.50'])
    expect([...read.o.value.keys()]).toEqual(['2', '1'])
  })

  test('comes as text inside a form only', () => {
    const read = validate(kept, { o: new FormText('{"a":1}'), a: new FormText(' [] '), x: new FormText('text') })
    expect([read.o.text, read.a.text, read.x.text]).toEqual(['{"a":1}', '[]', '"text"'])
    expect(words(jsonObject(), '{"a":1}')).toBe('必须是 JSON 对象')
    expect(words(jsonArray(), new FormText('{'))).toBe('必须是 JSON 数组')
  })

  test('another container is refused', () => {
    const [object, array] = Object.values(body('{"o": {}, "a": []}') as object)
    expect(words(jsonObject(), array)).toBe('必须是 JSON 对象')
    expect(words(jsonArray(), object)).toBe('必须是 JSON 数组')
    expect(words(jsonObject(), undefined)).toBe('为必填项')
    expect(words(jsonObject(), null)).toBe('必须是 JSON 对象')
  })
})

describe('what is inside', () => {
  const scene = z.object({ steps: listOf(objectOf({ id: id(), sort: integer() })), ids: listOf(id()).optional() })

  test('is read with the same coercions', () => {
    const read = validate(scene, body('{"steps": [{"id": "1", "sort": 2, "more": 3}], "ids": ["5", 6]}'))
    expect(read).toEqual({ steps: [{ id: 1, sort: 2 }], ids: [5, 6] })
    expect(validate(listOf(id()), new FormText('[1,2]'))).toEqual([1, 2])
  })

  test('is named with its place', () => {
    expect(() => validate(scene, body('{"steps": [{"id": 1, "sort": 2}, {"id": 0}, 7], "ids": {}}'))).toThrow(
      expect.objectContaining({
        message: 'steps.1.id 必须是有效的正整数',
        fields: {
          'steps.1.id': ['必须是有效的正整数'],
          'steps.1.sort': ['为必填项'],
          'steps.2': ['必须是 JSON 对象'],
          ids: ['必须是 JSON 数组'],
        },
      }),
    )
  })
})

describe('what forms send', () => {
  const form = (text: string): unknown => decodeBody(Buffer.from(text), 'application/x-www-form-urlencoded')

  test.each(['ids=1&ids=3', 'ids[]=1&ids[]=3', 'ids%5B%5D=1&ids=3', 'ids=[1,3]', 'ids=%5B%221%22%2C+3%5D'])(
    'a list: %s',
    (sent) => {
      expect(validate(z.object({ ids: listOf(id(), '', { max: 2 }) }), form(sent))).toEqual({ ids: [1, 3] })
    },
  )

  test.each(['ids=7', 'ids[]=7', 'ids=[7]'])('a list of one: %s', (sent) => {
    expect(validate(z.object({ ids: listOf(id()) }), form(sent))).toEqual({ ids: [7] })
  })

  test('lists of texts and of objects, and a list of nothing', () => {
    const lists = z.object({ texts: listOf(text()), steps: listOf(objectOf({ id: id() })), none: listOf(id()) })
    const sent = 'texts=a,b&texts=[c&steps={"id":1}&steps={"id":"2"}&none=[]'
    expect(validate(lists, form(sent))).toEqual({ texts: ['a,b', '[c'], steps: [{ id: 1 }, { id: 2 }], none: [] })
  })

  test.each([
    ['ids=1&ids=x', 'ids.1 必须是有效的正整数'],
    ['ids=x', 'ids.0 必须是有效的正整数'],
    ['ids=[1]&ids=2', 'ids.0 必须是有效的正整数'],
    ['ids=&ids=2', 'ids.0 必须是有效的正整数'],
    ['ids=', 'ids 不能为空，没有内容的列表写作 []'],
    ['ids[]=', 'ids 不能为空，没有内容的列表写作 []'],
    ['ids=1&ids=2&ids=3', 'ids 不能超过 2 项'],
    ['other=1', 'ids 为必填项'],
  ])('a list that is none: %s', (sent, said) => {
    expect(() => validate(z.object({ ids: listOf(id(), '', { max: 2 }) }), form(sent))).toThrow(said)
  })

  test.each(['parent=', 'parent=+', 'parent=null'])('nothing, where that may be: %s', (sent) => {
    const schema = z.object({ parent: orNull(id()).default(5) })
    expect(validate(schema, form(sent))).toEqual({ parent: null })
    expect(validate(changesOf(schema), form(sent))).toEqual({ parent: null })
  })

  test('what may be nothing is something else, or absent', () => {
    const schema = z.object({ parent: orNull(id('上级')).default(5) })
    expect(validate(schema, form('parent=3'))).toEqual({ parent: 3 })
    expect(validate(schema, form('a=1'))).toEqual({ parent: 5 })
    expect(validate(changesOf(schema), form('a=1'))).toEqual({})
    expect(validate(schema, body('{"parent": null}'))).toEqual({ parent: null })
    for (const wrong of ['""', '"null"', '0', 'false'])
      expect(() => validate(schema, body(`{"parent": ${wrong}}`))).toThrow('parent 必须是有效的正整数')
    expect(() => validate(schema, form('parent=nil'))).toThrow('parent 必须是有效的正整数')
    expect(() => validate(z.object({ parent: orNull(id()) }), form(''))).toThrow('parent 为必填项')
    expect(jsonSchemaOf(orNull(id()))).toEqual({
      anyOf: [{ type: 'integer', minimum: 1, maximum: 2 ** 31 - 1 }, { type: 'null' }],
    })
    expect(jsonSchemaOf(schema)).not.toHaveProperty('required')
  })
})

describe('whole schemas', () => {
  const environment = z.object({ name: text('名称'), func: optionalText(), headers: jsonObject().default(NO_MEMBERS) })

  test('what is left out has its default, in a PATCH it stays out', () => {
    expect(validate(environment, body('{"name":"a"}'))).toEqual({ name: 'a', func: '', headers: NO_MEMBERS })
    const changes: { name?: string; func?: string } = validate(changesOf(environment), body('{}'))
    expect(changes).toEqual({})
    expect(Object.keys(changes)).toEqual([])
    expect(() => validate(changesOf(environment), body('{"name":""}'))).toThrow('name 不能为空')
  })

  test('unknown keys are ignored, or named where they are refused', () => {
    expect(validate(z.object({ a: id().optional() }), body('{"x":1,"__proto__":{}}'))).toEqual({})
    expect(() => validate(z.strictObject({}), body('{"x":1}'))).toThrow('请求体 含有未知的键：x')
  })

  test('words of zod itself are Chinese too', () => {
    expect(() => validate(z.object({ a: z.email() }), { a: 'x' })).toThrow(/^a .*\p{Script=Han}/u)
  })

  test('say what OpenAPI needs', () => {
    expect(jsonSchemaOf(environment)).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, description: '名称' },
        func: { type: 'string' },
        headers: { type: 'object', additionalProperties: true },
      },
      required: ['name'],
    })
    expect(jsonSchemaOf(changesOf(environment))).not.toHaveProperty('required')
    expect(jsonSchemaOf(listOf(objectOf({ id: id() })))).toMatchObject({
      type: 'array',
      items: { type: 'object', properties: { id: { type: 'integer', maximum: 2 ** 31 - 1 } }, required: ['id'] },
    })
  })
})
