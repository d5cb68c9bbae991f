import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { LongText } from '../contracts/blob.ts'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { type Blobs, blobsMigration, createBlobs, MAX_INLINE_BYTES } from './blobs.ts'
import { migrate } from './migrations.ts'
import { openDatabase } from './postgres.ts'
import type { Database } from './sql.ts'

describe('blobs', () => {
  let database: TestDatabase
  let db: Database
  let blobs: Blobs
  beforeAll(async () => {
    database = await freshDatabase()
    db = await openDatabase({ connection: database.url, log: quiet })
    await migrate(db, [blobsMigration])
    blobs = createBlobs(db)
  })
  afterAll(async () => {
    await db.close()
    await database.drop()
  })

  const count = async () => Number((await db.query<{ count: string }>('select count(*) from blobs'))[0]?.count)

  test('are found again by their SHA-256, byte for byte', async () => {
    const all = [Buffer.from([0, 255, 92, 34, 10]), new Uint8Array([1, 2]), Buffer.alloc(0), randomBytes(300_000)]
    const hashes = await Promise.all(all.map((bytes) => blobs.put(bytes)))
    expect(hashes).toEqual(all.map((bytes) => createHash('sha256').update(bytes).digest('hex')))
    for (const [index, bytes] of all.entries()) {
      expect(Buffer.compare(bytes, (await blobs.get(hashes[index] ?? '')) ?? Buffer.from('?'))).toBe(0)
    }
    expect([...(await blobs.getMany([...hashes, ...hashes, '00'.repeat(32)])).keys()].toSorted()).toEqual(
      hashes.toSorted(),
    )
    expect(await blobs.get('00'.repeat(32))).toBeUndefined()
  })

  test('stand once, however often and however many at once they are put', async () => {
    const other = createBlobs(db)
    const contents = Array.from({ length: 100 }, () => randomBytes(50))
    const before = await count()
    await Promise.all(contents.flatMap((bytes) => [blobs.put(bytes), other.put(bytes), blobs.put(Buffer.from(bytes))]))
    await blobs.put(contents[0] ?? Buffer.alloc(0))
    expect(await count()).toBe(before + 100)
  })

  describe('take the long texts of an event', () => {
    type Data = { title: string; script: LongText; deep: readonly { log: readonly (LongText | number | null)[] }[] }
    const long = `${'名'.repeat(6000)}!`

    test('wherever they stand, and give them back', async () => {
      const data: Data = { title: 't', script: long, deep: [{ log: [1, null, 'short', `${long}?`] }] }
      const spilled = await blobs.spill(data)
      expect(spilled).toEqual({
        title: 't',
        script: { $blob: createHash('sha256').update(long).digest('hex'), bytes: 18_001 },
        deep: [{ log: [1, null, 'short', { $blob: expect.stringMatching(/^[\da-f]{64}$/), bytes: 18_002 }] }],
      })
      expect(data.script).toBe(long)
      expect(await blobs.unspill(spilled)).toEqual(data)
    })

    test('over 16 KiB of UTF-8 and not before', async () => {
      const most = 'x'.repeat(MAX_INLINE_BYTES)
      const texts: { [name: string]: LongText } = { ascii: most, wide: 'é'.repeat(MAX_INLINE_BYTES / 2) }
      expect(await blobs.spill(texts)).toBe(texts)
      const over = { ascii: `${most}x`, wide: `${'é'.repeat(MAX_INLINE_BYTES / 2)}x` }
      expect(await blobs.spill(over)).toMatchObject({ ascii: { bytes: 16_385 }, wide: { bytes: 16_385 } })
    })

    test('and leave alone what is not long, without a copy', async () => {
      const data: Data = { title: 't', script: 's', deep: [{ log: [] }] }
      expect(await blobs.spill(data)).toBe(data)
      expect(await blobs.unspill(data)).toBe(data)
    })

    test('and take no text of a user for a reference', async () => {
      const data = { set: { $blob: '"x"', bytes: '1' } }
      expect(await blobs.unspill(data)).toEqual(data)
    })

    describe('and give back no more than the start that is wanted', () => {
      const most = 65_536

      test('of texts in blobs and beside them', async () => {
        const data: { [name: string]: LongText } = { inBlob: 'a'.repeat(most + 1), inline: 'abcdef', short: 'a' }
        const spilled = await blobs.spill(data)
        expect(await blobs.unspill(spilled, most)).toEqual({ ...data, inBlob: 'a'.repeat(most) })
        expect(await blobs.unspill({ inline: 'abcdef', short: 'a' }, 3)).toEqual({ inline: 'abc', short: 'a' })
      })

      test('which is all of a text that is just as long', async () => {
        const text: LongText = `${'名'.repeat(21_845)}x`
        expect(await blobs.unspill(await blobs.spill({ text }), most)).toEqual({ text })
      })

      // The limit falls before, into and behind a character of each width.
      test.each(['é', '名', '😀'])('in whole characters, as %s', async (character) => {
        const width = Buffer.byteLength(character)
        for (let before = 0; before <= width; before += 1) {
          const start = 'x'.repeat(before)
          const text: LongText = start + character.repeat(40_000)
          const fitting = Math.floor((most - before) / width)
          const wanted = start + character.repeat(fitting)
          expect([before, await blobs.unspill(await blobs.spill({ text }), most)]).toEqual([before, { text: wanted }])
          expect([before, await blobs.unspill({ text }, most)]).toEqual([before, { text: wanted }])
        }
      })

      test('and read no more of it', async () => {
        const seen: number[] = []
        const watched: Database = {
          ...db,
          async query<R extends object>(text: string, values?: readonly unknown[]) {
            const rows = await db.query<R>(text, values)
            for (const row of rows) if ('bytes' in row && row.bytes instanceof Buffer) seen.push(row.bytes.length)
            return rows
          },
        }
        const spilled = await blobs.spill<{ text: LongText }>({ text: 'long'.repeat(1_000_000) })
        await createBlobs(watched).unspill(spilled, most)
        expect(seen).toEqual([most + 1])
      })
    })

    test('and say when one is missing', async () => {
      const missing = { script: { $blob: '11'.repeat(32), bytes: 20_000 } }
      await expect(blobs.unspill(missing)).rejects.toThrow(`blob ${'11'.repeat(32)} is missing`)
    })
  })
})
