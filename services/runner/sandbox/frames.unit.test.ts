import { describe, expect, test } from '@jest/globals'
import { encodeCommand, HostileFrame, ReplyReader } from './frames.ts'

const reply = (text: string): Buffer => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  return Buffer.concat([head, body])
}

describe('a command', () => {
  test('carries the lengths in bytes, the text and the bytes', () => {
    const frame = encodeCommand('{"a":"中"}', Buffer.from([1, 2]))
    expect(frame.readUInt32LE(0)).toBe(11)
    expect(frame.readUInt32LE(4)).toBe(2)
    expect(frame.toString('utf8', 8, 19)).toBe('{"a":"中"}')
    expect([...frame.subarray(19)]).toEqual([1, 2])
  })
})

describe('a reply', () => {
  test('is whole however it is cut', () => {
    const reader = new ReplyReader(100)
    const bytes = [...reply('{"text":"断言"}')]
    const seen = bytes.map((byte) => reader.push(Buffer.from([byte])))
    expect(seen.filter((text) => text !== undefined)).toEqual(['{"text":"断言"}'])
    expect(seen.at(-1)).toBe('{"text":"断言"}')
  })

  test('follows another once that was read', () => {
    const reader = new ReplyReader(100)
    expect(reader.push(reply('1'))).toBe('1')
    expect(reader.push(reply('2'))).toBe('2')
  })

  test('with a length over the longest is refused before its bytes come', () => {
    expect(() => new ReplyReader(100).push(Buffer.from([101, 0, 0, 0]))).toThrow(HostileFrame)
    expect(() => new ReplyReader(100).push(Buffer.from([255, 255, 255, 255]))).toThrow(HostileFrame)
  })

  test('with bytes behind it is refused', () => {
    expect(() => new ReplyReader(100).push(Buffer.concat([reply('1'), Buffer.from([0])]))).toThrow(HostileFrame)
  })
})
