import { expect, test } from '@jest/globals'
import { parseJson, type JsonObject } from '../../../contracts/json.ts'
import { bodyOf } from './body.ts'

/** What only a script can put into a request: values that JSON has no word for. */

const body = (request: object) => bodyOf(parseJson(JSON.stringify(request)) as JsonObject, () => 'b')

test('bytes are sent as they are, and shown as Python writes them', () => {
  expect(body({ data: String.raw`\0python:bytes:b'\xd5\n'`.replace(String.raw`\0`, '\0') })).toEqual({
    kind: 'bytes',
    bytes: Buffer.of(0xd5, 10),
    shown: String.raw`b'\xd5\n'`,
    type: undefined,
  })
})

test('in a form bytes stand as they are, any other as its text', () => {
  const form = body({
    data: { a: String.raw`\0python:bytes:b'\xd5 '`.replace(String.raw`\0`, '\0'), b: '\0python:complex:1j' },
  })
  expect(form.shown).toBe('a=%D5+&b=1j')
})

test('in a multipart form bytes are the content of a part', () => {
  const form = body({ files: { f: ['a.bin', String.raw`\0python:bytes:b'\xff'`.replace(String.raw`\0`, '\0')] } })
  expect(Buffer.from(form.bytes ?? []).toString('latin1')).toContain('filename="a.bin"\r\n\r\n\u00ff\r\n')
})

test('bytes of JSON are shown laid out', () => {
  expect(body({ data: `\0python:bytes:b'{"a": 1.0}'` }).shown).toBe('{\n  "a": 1.0\n}')
})

test.each([
  ['json', { json: { a: [1, '\0python:set:{1}'] } }, 'Object of type set is not JSON serializable'],
  ['a multipart form', { files: { a: '\0python:set:{1}' } }, 'Python值'],
])('any other in %s is refused', (_, request, message) => {
  expect(() => body(request)).toThrow(message)
})
