import { describe, expect, test } from '@jest/globals'
import type { KafkaMessage } from 'kafkajs'
import { decoded } from './decoded.ts'

const message = (more: object): KafkaMessage =>
  ({ key: null, value: null, offset: '0', timestamp: '0', attributes: 0, ...more }) as KafkaMessage

describe('what Kafka hands over', () => {
  test('has no header that has no value', () => {
    const headers = { none: null, many: [null, Buffer.from('a')], some: Buffer.from('b') }
    expect(decoded(message({ key: Buffer.from('k'), value: Buffer.from('v'), headers }))).toEqual({
      message: { key: 'k', value: 'v', headers: { many: 'a', some: 'b' } },
      lane: 'k',
    })
  })

  test('keeps bytes that are no UTF-8', () => {
    const value = Buffer.from([0x61, 0xff])
    expect(decoded(message({ value }))).toEqual({ message: { key: '', value: 'a\ufffd', raw: value } })
  })

  test('is told by its size and hash where it cannot be read, and never throws', () => {
    const value = Buffer.from('too long for a string')
    value.toString = () => {
      throw new RangeError('Cannot create a string longer than 0x1fffffe8 characters')
    }
    const { message: standIn, unreadable, lane } = decoded(message({ key: Buffer.from('k'), value }))
    expect(lane).toBeUndefined()
    expect(unreadable?.reason).toMatch(/cannot be read: RangeError/)
    expect(standIn.key).toBe('')
    expect(JSON.parse(standIn.value)).toEqual({
      version: 1,
      bytes: 21,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })
})
