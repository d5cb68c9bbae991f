import { describe, expect, test } from '@jest/globals'
import { encodeCommand, FrameReader, HostileFrame } from './frames.ts'

const frame = (text: string, mark: number): Buffer => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length + mark)
  return Buffer.concat([head, body])
}
const reply = (text: string): Buffer => frame(text, 0)
const question = (text: string): Buffer => frame(text, 2 ** 31)
const reading = (): FrameReader => new FrameReader({ reply: 100, question: 20 })

describe('a command', () => {
  test('carries the lengths in bytes, the text and the bytes', () => {
    const frame = encodeCommand('{"a":"中"}', Buffer.from([1, 2]))
    expect(frame.readUInt32LE(0)).toBe(11)
    expect(frame.readUInt32LE(4)).toBe(2)
    expect(frame.toString('utf8', 8, 19)).toBe('{"a":"中"}')
    expect([...frame.subarray(19)]).toEqual([1, 2])
  })
})

describe('a frame', () => {
  test.each([
    ['reply', reply],
    ['question', question],
  ])('is whole however it is cut: a %s', (kind, made) => {
    const reader = reading()
    const seen = [...made('{"t":"断言"}')].map((byte) => reader.push(Buffer.from([byte])))
    const whole = { kind, json: '{"t":"断言"}' }
    expect(seen.filter((each) => each !== undefined)).toEqual([whole])
    expect(seen.at(-1)).toEqual(whole)
  })

  test('follows another once that was read', () => {
    const reader = reading()
    expect(reader.push(question('1'))).toEqual({ kind: 'question', json: '1' })
    expect(reader.push(reply('2'))).toEqual({ kind: 'reply', json: '2' })
  })

  test('with a length over the longest of its kind is refused before its bytes come', () => {
    expect(() => reading().push(Buffer.from([101, 0, 0, 0]))).toThrow(HostileFrame)
    expect(() => reading().push(Buffer.from([21, 0, 0, 128]))).toThrow(HostileFrame)
    expect(reading().push(Buffer.from([20, 0, 0, 128]))).toBeUndefined()
    expect(() => reading().push(Buffer.from([255, 255, 255, 255]))).toThrow(HostileFrame)
  })

  test('with bytes behind it is refused', () => {
    expect(() => reading().push(Buffer.concat([reply('1'), Buffer.from([0])]))).toThrow(HostileFrame)
    expect(() => reading().push(Buffer.concat([question('1'), reply('1')]))).toThrow(HostileFrame)
  })
})
