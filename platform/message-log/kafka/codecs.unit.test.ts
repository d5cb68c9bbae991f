import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { unpackEverything } from './codecs.ts'
import { standsFor } from './stand-in-batch.ts'

const require = createRequire(import.meta.url)
type Decoded = Readonly<{ records: readonly Readonly<{ offset: string; key: Buffer | null; value: Buffer }>[] }>
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object
const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<Decoded>
const lz4 = require('lz4js') as { compress(bytes: Buffer): Uint8Array }
const snappy = require('snappyjs') as { compress(bytes: Buffer): Buffer }

const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4]
const FIRST = 1_000
const MOST_BYTES = 1024 * 1024

/** A batch of Kafka's format that says that it has so many records, packed so, and has these bytes as them. */
function batch(compression: number, packed: Uint8Array, count: number, lastDelta = count - 1): Buffer {
  const head = Buffer.alloc(61)
  head.writeBigInt64BE(BigInt(FIRST), 0)
  head.writeInt32BE(49 + packed.length, 8)
  head[16] = 2
  head.writeInt16BE(compression, 21)
  head.writeInt32BE(lastDelta, 23)
  head.writeInt32BE(count, 57)
  return Buffer.concat([head, packed])
}

const unpacked = (bytes: Buffer): Promise<Decoded> => decode(new Decoder(bytes))

describe('a batch that cannot be unpacked', () => {
  beforeAll(() => unpackEverything(MOST_BYTES))
  const bomb = Buffer.alloc(MOST_BYTES + 1)
  /** Java's framing: two pieces that are too much together. */
  function framed(): Buffer {
    const piece = snappy.compress(bomb.subarray(0, bomb.length / 2 + 1))
    const length = Buffer.alloc(4)
    length.writeInt32BE(piece.length)
    return Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.alloc(8), length, piece, length, piece])
  }

  test.each([
    ['GZIP', GZIP, () => gzipSync(bomb)],
    ['GZIP', GZIP, () => Buffer.from('none')],
    ['ZSTD', ZSTD, () => zstdCompressSync(bomb)],
    ['ZSTD', ZSTD, () => Buffer.from('none')],
    ['LZ4', LZ4, () => lz4.compress(bomb)],
    ['LZ4', LZ4, () => Buffer.from('none')],
    ['Snappy', SNAPPY, framed],
    ['Snappy', SNAPPY, () => snappy.compress(bomb)],
    ['Snappy', SNAPPY, () => Buffer.from('none')],
  ])('of %s is as many stand-ins as it has messages, at their offsets', async (name, compression, make) => {
    const packed = make()
    const { records } = await unpacked(batch(compression, packed, 300, 350))
    const offsets = records.map(({ offset }) => Number(offset) - FIRST)
    expect(offsets).toEqual([...Array.from({ length: 299 }, (_, n) => n), 350])
    const sha256 = createHash('sha256').update(packed).digest('hex')
    for (const { key, value } of records) {
      expect(key).toBeNull()
      expect(standsFor(value)).toEqual({
        reason: expect.stringMatching(new RegExp(`^its batch, packed with ${name}, cannot be unpacked: `)),
        bytes: packed.length,
        sha256,
      })
    }
  })

  test('of more messages than a process can hold is refused before one is made', async () => {
    await expect(unpacked(batch(GZIP, Buffer.from('none'), 2_000_000_000))).rejects.toThrow(/too many to put aside/)
  })
})
