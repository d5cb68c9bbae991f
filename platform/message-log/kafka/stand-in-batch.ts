import { createHash } from 'node:crypto'

/** Why a message cannot be read, and what can be said of what came: bytes and hash of all that came, as it came. */
export type Unreadable = Readonly<{ reason: string; bytes: number; sha256: string }>

/** Where the records of a batch begin, from its leader's epoch on, and what stands before them (Kafka's protocol, record batch v2). */
const RECORDS_AT = 49
const MAGIC_AT = 4
const LAST_DELTA_AT = 11
const COUNT_AT = 45

/** Messages of a batch that a process can hold whatever is in them. */
const MOST_RECORDS = 200_000

/** By the memory that they are in: nobody outside can say of a message that it is one. */
const standIns = new WeakMap<ArrayBufferLike, Unreadable>()

/** What is said of a value that stands in for what could not be unpacked; undefined where it is what came. */
export function standsFor(value: Buffer | null): Unreadable | undefined {
  return value === null ? undefined : standIns.get(value.buffer)
}

export function unreadable(bytes: Buffer, reason: string): Unreadable {
  return { reason, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/**
 * Records as a batch would unpack to that has as many messages at the same offsets, without key. How many they are stands before what is
 * packed, which kafkajs cuts out of the batch without copying it. Throws when it does not, or they are too many.
 */
export function standInBatch(packed: Buffer, reason: string): Buffer {
  const batch = Buffer.from(packed.buffer, packed.byteOffset - RECORDS_AT, RECORDS_AT)
  if (batch[MAGIC_AT] !== 2) throw new Error(`${reason}; and it is of a format of old`)
  const [count, lastDelta] = [batch.readInt32BE(COUNT_AT), batch.readInt32BE(LAST_DELTA_AT)]
  if (count > MOST_RECORDS) throw new Error(`${reason}; and its ${count} messages are too many to put aside`)
  const records = Array.from({ length: count }, (_, n) => {
    // The last is the last; of a compacted topic some between them may be missing, and nobody knows which.
    const delta = n === count - 1 ? lastDelta : n
    const body = [0, 0, ...varint(delta), ...varint(-1), ...varint(1), 0x3f, 0]
    return Buffer.from([...varint(body.length), ...body])
  })
  const unpacked = Buffer.alloc(records.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const record of records) at += record.copy(unpacked, at)
  standIns.set(unpacked.buffer, unreadable(packed, reason))
  return unpacked
}

/** A whole number as Kafka's records have it: zigzag, seven bits a byte. */
function varint(number: number): readonly number[] {
  const bytes: number[] = []
  let rest = ((number << 1) ^ (number >> 31)) >>> 0
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return [...bytes, rest]
}
