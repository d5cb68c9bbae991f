import { expect, test } from '@jest/globals'
import { bytesOf, pythonValue } from './python-value.ts'

test.each<[string, number[]]>([
  ["b''", []],
  ["b'ab'", [97, 98]],
  [String.raw`b'\xd5\xc5'`, [0xd5, 0xc5]],
  [String.raw`b'\r\n\t\\\''`, [13, 10, 9, 92, 39]],
  [String.raw`bytearray(b'\xd5)')`, [0xd5, 41]],
  [`b"it's"`, [...Buffer.from("it's")]],
  // A variable was replaced inside.
  ["b'中'", [...Buffer.from('中')]],
])('%s is read as Python reads it', (repr, bytes) => {
  expect([...(bytesOf(`\0python:bytes:${repr}`) ?? [])]).toEqual(bytes)
})

test('other values are told by their type and text, and are no bytes', () => {
  expect(pythonValue('\0python:set:{1,\n2}')).toEqual({ type: 'set', repr: '{1,\n2}' })
  expect(bytesOf('\0python:set:{1}')).toBeUndefined()
})

test.each(['python:set:{1}', 'b"a"', '', null, true, undefined])('%p is none', (json) => {
  expect(pythonValue(json)).toBeUndefined()
})
