import { createHash } from 'node:crypto'
import type { BlobRef } from '../contracts/blob.ts'
import { gather } from './gather.ts'
import type { Migration } from './migrations.ts'
import type { Database } from './sql.ts'

/** Part of the truth: events name what stands here, and no rebuild drops it. */
export const blobsMigration: Migration = {
  name: 'blobs',
  statements: ['create table blobs (sha256 bytea primary key, bytes bytea not null)'],
}

/** Bytes that are too long for an event, under their SHA-256 (64 lower-case hexadecimal digits). */
export interface Blobs {
  put(bytes: Uint8Array): Promise<string>
  get(hash: string): Promise<Buffer | undefined>
  /** Those of `hashes` that there are. */
  getMany(hashes: readonly string[]): Promise<ReadonlyMap<string, Buffer>>
  /**
   * Event data with each string over 16 KiB (UTF-8) in the blobs and a `BlobRef` in its place, however deep. `value` is left as it is;
   * answers it itself when nothing in it is long. Fields that may be long are declared as `LongText`.
   */
  spill<T>(value: T): Promise<T>
  /**
   * The reverse; what stands in blobs is read in one query. With `most`, of texts with more bytes of UTF-8 no more than these are read:
   * as many whole characters as they hold. Throws when one is missing.
   */
  unspill<T>(value: T, most?: number): Promise<Unspilled<T>>
}

/** `T` with every `BlobRef` back in place. */
export type Unspilled<T> = T extends BlobRef
  ? never
  : T extends string | number | boolean | bigint | null | undefined
    ? T
    : { [K in keyof T]: Unspilled<T[K]> }

/** UTF-8 bytes that a string in an event may have. */
export const MAX_INLINE_BYTES = 16 * 1024

const MOST_PUTS = 256
const MOST_BYTES = 8 * 1024 * 1024

type Blob = Readonly<{ hash: string; bytes: Uint8Array }>

export function createBlobs(db: Database): Blobs {
  const puts = gather(
    async (blobs: readonly Blob[]) => {
      // In one order in every process: two calls that held one blob each and waited for the other's would never end.
      const ordered = blobs.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
      await db.query(
        'insert into blobs (sha256, bytes) select * from unnest($1::bytea[], $2::bytea[]) on conflict do nothing',
        [ordered.map(({ hash }) => Buffer.from(hash, 'hex')), ordered.map(({ bytes }) => bytes)],
      )
      return blobs.map(({ hash }) => hash)
    },
    { most: MOST_PUTS, weight: ({ bytes }) => bytes.length, mostWeight: MOST_BYTES },
  )

  async function put(bytes: Uint8Array): Promise<string> {
    return puts({ hash: createHash('sha256').update(bytes).digest('hex'), bytes })
  }

  async function getMany(hashes: readonly string[], most?: number): Promise<ReadonlyMap<string, Buffer>> {
    const wanted = [...new Set(hashes)].map((hash) => Buffer.from(hash, 'hex'))
    if (wanted.length === 0) return new Map()
    const bytes = most === undefined ? 'bytes' : 'substring(bytes from 1 for $2::integer) as bytes'
    const rows = await db.query<{ sha256: Buffer; bytes: Buffer }>(
      `select sha256, ${bytes} from blobs where sha256 = any($1::bytea[])`,
      most === undefined ? [wanted] : [wanted, most],
    )
    return new Map(rows.map(({ sha256, bytes }) => [sha256.toString('hex'), bytes]))
  }

  return {
    put,
    getMany: (hashes) => getMany(hashes),

    async get(hash) {
      return (await getMany([hash])).get(hash)
    },

    async spill<T>(value: T): Promise<T> {
      const long = new Map<string, BlobRef>()
      visit(value, (leaf) => {
        if (typeof leaf === 'string' && isLong(leaf)) long.set(leaf, { $blob: '', bytes: 0 })
      })
      await Promise.all(
        [...long.keys()].map(async (text) => {
          const bytes = Buffer.from(text)
          long.set(text, { $blob: await put(bytes), bytes: bytes.length })
        }),
      )
      return replace(value, (leaf) => (typeof leaf === 'string' ? long.get(leaf) : undefined)) as T
    },

    async unspill<T>(value: T, most?: number): Promise<Unspilled<T>> {
      const hashes: string[] = []
      visit(value, (leaf) => {
        if (isBlobRef(leaf)) hashes.push(leaf.$blob)
      })
      // One byte more than is wanted tells whether a character ends there.
      const blobs = await getMany(hashes, most === undefined ? undefined : most + 1)
      return replace(value, (leaf) => {
        if (typeof leaf === 'string') return most === undefined ? undefined : textStart(leaf, most)
        if (!isBlobRef(leaf)) return undefined
        const bytes = blobs.get(leaf.$blob)
        if (bytes === undefined) throw new Error(`blob ${leaf.$blob} is missing`)
        return most === undefined ? bytes.toString() : textStart(bytes, most)
      }) as Unspilled<T>
    },
  }
}

/** The text as far as its first `most` bytes of UTF-8 go, without a character that they cut. */
function textStart(text: string | Buffer, most: number): string {
  if (typeof text === 'string' && text.length * 3 <= most) return text
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return bytes.toString()
  let end = most
  while (end > 0 && isContinuation(bytes[end] ?? 0)) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** Whether a byte of UTF-8 goes on with a character that has begun before it. */
function isContinuation(byte: number): boolean {
  return (byte & 0b1100_0000) === 0b1000_0000
}

// A UTF-16 unit is one to three bytes of UTF-8: most strings need not be measured.
function isLong(text: string): boolean {
  if (text.length > MAX_INLINE_BYTES) return true
  return text.length * 3 > MAX_INLINE_BYTES && Buffer.byteLength(text) > MAX_INLINE_BYTES
}

/** Whether a value of an event stands for a blob. What users name (variables, headers) is text below its name and never looks like it. */
export function isBlobRef(value: unknown): value is BlobRef {
  if (typeof value !== 'object' || value === null || !('$blob' in value) || !('bytes' in value)) return false
  return typeof value.$blob === 'string' && typeof value.bytes === 'number'
}

/** Calls `see` for every string and every reference in `value`. */
function visit(value: unknown, see: (leaf: unknown) => void): void {
  if (typeof value === 'string' || isBlobRef(value)) see(value)
  else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) visit(member, see)
}

/** `value` with what `instead` answers for strings and references; what holds none of them is not copied. */
function replace(value: unknown, instead: (leaf: unknown) => unknown): unknown {
  if (typeof value === 'string' || isBlobRef(value)) return instead(value) ?? value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => replace(item, instead))
    return items.every((item, index) => item === value[index]) ? value : items
  }
  const members = Object.entries(value).map(([name, member]) => [name, member, replace(member, instead)] as const)
  if (members.every(([, before, after]) => before === after)) return value
  return Object.fromEntries(members.map(([name, , after]) => [name, after]))
}
