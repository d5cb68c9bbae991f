import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gunzip, gzip, zstdCompress, zstdDecompress } from 'node:zlib'
import { standInBatch } from './stand-in-batch.ts'

/** Bytes to which a batch may unpack: many times what a producer puts into one, and what a process can hold a few times. */
const MOST_UNPACKED_BYTES = 64 * 1024 * 1024

type Packing = Readonly<{
  pack?: (bytes: Buffer) => Promise<Buffer>
  /** Throws when it unpacks to more bytes, or to nothing that makes sense. */
  unpack(packed: Buffer, mostBytes: number): Promise<Buffer> | Buffer
}>

type Codec = Readonly<{
  compress(encoder: Readonly<{ buffer: Buffer }>): Promise<Buffer>
  decompress(packed: Buffer): Promise<Buffer>
}>

const require = createRequire(import.meta.url)
/** Node finds no `CompressionCodecs` among what kafkajs exports. */
const { Types, Codecs } = require('kafkajs/src/protocol/message/compression') as {
  Types: Readonly<Record<keyof typeof PACKINGS, number>>
  Codecs: Record<number, () => Codec>
}
const snappyJs = require('snappyjs') as {
  uncompress(packed: Buffer, mostBytes: number): Buffer
}
const lz4Js = require('lz4js') as {
  decompressBound(frame: Buffer): number
  decompressFrame(frame: Buffer, target: Uint8Array): number
}

/** The framing of Java's clients: a header of 16 bytes, then pieces of Snappy, each behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

const PACKINGS: Readonly<Record<'GZIP' | 'Snappy' | 'LZ4' | 'ZSTD', Packing>> = {
  GZIP: {
    pack: promisify<Buffer, Buffer>(gzip),
    unpack: (packed, maxOutputLength) => promisify(gunzip)(packed, { maxOutputLength }),
  },
  ZSTD: {
    pack: promisify<Buffer, Buffer>(zstdCompress),
    unpack: (packed, maxOutputLength) => promisify(zstdDecompress)(packed, { maxOutputLength }),
  },
  Snappy: { unpack: unpackSnappy },
  LZ4: { unpack: unpackLz4 },
}

/**
 * Teaches kafkajs, in this process, all compressions that Kafka's producers know; by itself it unpacks GZIP alone, to any size. A batch that
 * cannot be unpacked is handed over as a stand-in for each of its messages: kafkajs would stop at it for ever.
 */
export function unpackEverything(mostBytes = MOST_UNPACKED_BYTES): void {
  for (const name of Object.keys(PACKINGS) as (keyof typeof PACKINGS)[]) {
    const codec = codecOf(name, mostBytes)
    Codecs[Types[name]] = () => codec
  }
}

function codecOf(name: keyof typeof PACKINGS, mostBytes: number): Codec {
  const { pack, unpack } = PACKINGS[name]
  return {
    async compress({ buffer }) {
      if (pack === undefined) throw new Error(`nothing is packed with ${name} here`)
      return pack(buffer)
    },
    async decompress(packed) {
      try {
        return await unpack(packed, mostBytes)
      } catch (error) {
        return standInBatch(packed, `its batch, packed with ${name}, cannot be unpacked: ${whyOf(error)}`)
      }
    },
  }
}

function unpackSnappy(packed: Buffer, mostBytes: number): Buffer {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return snappyJs.uncompress(packed, mostBytes)
  const pieces: Buffer[] = []
  let left = mostBytes
  for (let at = XERIAL_HEADER_BYTES; at < packed.length;) {
    const bytes = packed.readInt32BE(at)
    at += 4
    if (bytes < 0 || at + bytes > packed.length) throw new Error('a piece ends behind its batch')
    const piece = snappyJs.uncompress(packed.subarray(at, at + bytes), left)
    left -= piece.length
    pieces.push(piece)
    at += bytes
  }
  return Buffer.concat(pieces)
}

function unpackLz4(packed: Buffer, mostBytes: number): Buffer {
  // What a frame says of its size, or its blocks at their largest: more than there is, as a rule.
  const target = Buffer.alloc(Math.min(lz4Js.decompressBound(packed), mostBytes))
  const bytes = lz4Js.decompressFrame(packed, target)
  // What finds no room is not written, and counted all the same.
  if (bytes > target.length) throw new Error(`it has more than ${target.length} bytes`)
  return target.subarray(0, bytes)
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
