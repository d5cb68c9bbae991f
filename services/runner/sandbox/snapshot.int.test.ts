import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SNAPSHOT_DIGEST_BYTES } from './child/contract.mjs'
import { givenCase, givenPool, SANDBOX_CACHE } from './given-sandbox.ts'
import { findWalls } from './walls.ts'
import { snapshotIn } from './snapshot.ts'

/** Of the code's length, behind it. */
const LENGTH_BYTES = 4

let snapshot: Buffer
let name: string
let folder: string

beforeAll(async () => {
  const { wrapper } = await findWalls()
  const file = await snapshotIn(SANDBOX_CACHE, wrapper, 256, new AbortController().signal).open()
  snapshot = await file.readFile()
  await file.close()
  name = (await readdir(SANDBOX_CACHE)).find((each) => each.endsWith('.snapshot')) ?? ''
  folder = await mkdtemp(join(tmpdir(), 'testledger-test-'))
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Its memory and its code. */
function parts(): readonly [memory: Buffer, code: Buffer] {
  const payload = snapshot.subarray(0, -SNAPSHOT_DIGEST_BYTES)
  const end = payload.length - LENGTH_BYTES
  const start = end - payload.readUInt32LE(end)
  return [payload.subarray(0, start), payload.subarray(start, end)]
}

/** Runs a script in an interpreter that starts from the same memory with this code, and answers how it ended and what it printed. */
async function ranWith(code: Buffer): Promise<{ kind: string; printed: readonly string[]; same: boolean }> {
  const [memory] = parts()
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(code.length)
  const payload = Buffer.concat([memory, code, length])
  const whole = Buffer.concat([payload, createHash('sha256').update(payload).digest()])
  await writeFile(join(folder, name), whole)
  const pool = givenPool({ cacheDir: folder })
  try {
    const { end, log } = await (await givenCase(pool)).setup('print(sum(range(5)))')
    // One that does not start is made anew.
    const same = (await readFile(join(folder, name))).equals(whole)
    return { kind: end.kind, printed: log.map(({ text }) => text), same }
  } finally {
    await pool.stop()
  }
}

test('a snapshot brings code along', () => {
  expect(parts()[1].length).toBeGreaterThan(500_000)
})

test('code that is not of this V8 is passed over', async () => {
  const [, code] = parts()
  const foreign = Buffer.from(code).fill(7, 0, 64)
  expect(await ranWith(foreign)).toEqual({ kind: 'done', printed: ['10'], same: true })
}, 60_000)

test('an interpreter without code runs all the same', async () => {
  expect(await ranWith(Buffer.alloc(0))).toEqual({ kind: 'done', printed: ['10'], same: true })
}, 60_000)
