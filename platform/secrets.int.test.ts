import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Rejected } from '../contracts/core.ts'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { migrate } from './migrations.ts'
import { openDatabase } from './postgres.ts'
import { CACHE_MS, openSecrets, type Secrets, secretsMigration, WrongMasterKey } from './secrets.ts'
import type { Database } from './sql.ts'

const masterKey = randomBytes(32)
let home: TestDatabase
let db: Database
let secrets: Secrets
let now = 0

beforeAll(async () => {
  home = await freshDatabase()
  db = await openDatabase({ connection: home.url, log: quiet })
  await migrate(db, [secretsMigration])
  secrets = await openSecrets(db, masterKey, () => now)
})
afterAll(async () => {
  await db.close()
  await home.drop()
})

/** As another process, or the next start, sees it. */
const another = (): Promise<Secrets> => openSecrets(db, masterKey, () => now)

describe('encryption', () => {
  test.each(['', '密码 🔑', 'x'.repeat(100_000)])(
    'what was encrypted is read again, in another process too',
    async (text) => {
      const cipher = await secrets.encrypt('project-1', text)
      expect(cipher).toMatch(/^v1\.[\w-]+$/)
      expect(await secrets.decrypt('project-1', cipher)).toBe(text)
      expect(await (await another()).decrypt('project-1', cipher)).toBe(text)
    },
  )

  test('the same text never looks the same', async () => {
    expect(await secrets.encrypt('project-1', 'a')).not.toBe(await secrets.encrypt('project-1', 'a'))
  })

  test('a scope reads nothing of another, and nothing that was changed', async () => {
    const cipher = await secrets.encrypt('project-1', 'a secret')
    await secrets.encrypt('project-2', 'b')
    expect(await secrets.decrypt('project-2', cipher)).toBeUndefined()
    const bytes = Buffer.from(cipher.slice(3), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      expect(await secrets.decrypt('project-1', `v1.${changed.toString('base64url')}`)).toBeUndefined()
    }
    for (const text of ['', 'plain', 'v1.', 'v1.AAAA', cipher.slice(0, 20), cipher.replace('v1', 'v2')]) {
      expect(await secrets.decrypt('project-1', text)).toBeUndefined()
    }
  })

  test('a key is in the database only wrapped', async () => {
    const rows = await db.query<{ wrapped: string }>("select wrapped from data_keys where scope = 'project-1'", [])
    expect(rows).toEqual([{ wrapped: expect.stringMatching(/^v1\.[\w-]{80}$/) }])
  })

  test("a scope's key is of no use under another scope's name", async () => {
    const cipher = await secrets.encrypt('project-8', 'x')
    await db.query(
      "insert into data_keys (scope, wrapped) select 'project-9', wrapped from data_keys where scope = 'project-8'",
      [],
    )
    await expect(secrets.decrypt('project-9', cipher)).rejects.toThrow('the data key of project-9 is damaged')
  })

  test('two processes that begin with a scope at once take one key', async () => {
    const processes = await Promise.all(Array.from({ length: 8 }, another))
    const ciphers = await Promise.all(processes.map((one) => one.encrypt('project-3', 'x')))
    const read = await Promise.all(ciphers.map((cipher) => secrets.decrypt('project-3', cipher)))
    expect(read).toEqual(Array(8).fill('x'))
  })

  test('reading what never was makes no key', async () => {
    expect(await secrets.decrypt('project-404', 'v1.AAAA')).toBeUndefined()
    expect(await db.query("select from data_keys where scope = 'project-404'", [])).toEqual([])
    const cipher = await secrets.encrypt('project-404', 'now')
    expect(await secrets.decrypt('project-404', cipher)).toBe('now')
  })
})

describe('forgetting', () => {
  test('makes a scope unreadable for ever, in other processes after their cache', async () => {
    const other = await another()
    const cipher = await secrets.encrypt('project-5', 'gone')
    expect(await other.decrypt('project-5', cipher)).toBe('gone')
    await secrets.forget('project-5')
    expect(await secrets.decrypt('project-5', cipher)).toBeUndefined()
    await expect(secrets.encrypt('project-5', 'again')).rejects.toThrow(Rejected)
    now += CACHE_MS
    expect(await other.decrypt('project-5', cipher)).toBeUndefined()
    await expect(other.encrypt('project-5', 'again')).rejects.toThrow(Rejected)
  })

  test('holds for a scope that had no key yet', async () => {
    await secrets.forget('project-6')
    await expect(secrets.encrypt('project-6', 'late')).rejects.toThrow(Rejected)
  })
})

describe('the master key', () => {
  test('that is another one is refused, and the right one is taken afterwards', async () => {
    const wrong = openSecrets(db, randomBytes(32))
    await expect(wrong).rejects.toThrow(WrongMasterKey)
    await expect(wrong).rejects.toThrow('MASTER_KEY is not the key that this database was written with')
    await another()
  })

  test('is not in the database', async () => {
    const rows = JSON.stringify(await db.query('select * from master_key', []))
    expect(rows).not.toContain(masterKey.toString('hex'))
    expect(rows).not.toContain(masterKey.toString('base64'))
  })

  test('keys the hashes: the same in every process, others under another key', async () => {
    expect(secrets.mac('body')).toBe((await another()).mac(Buffer.from('body')))
    expect(secrets.mac('body')).toMatch(/^[0-9a-f]{64}$/)
    expect(secrets.mac('body')).not.toBe(secrets.mac('body '))
  })
})

test('a failure is not remembered', async () => {
  let broken = true
  const flaky: Database = {
    ...db,
    query: (text, values) => (broken ? Promise.reject(new Error('down')) : db.query(text, values)),
  }
  broken = false
  const process = await openSecrets(flaky, masterKey)
  broken = true
  await expect(process.encrypt('project-7', 'x')).rejects.toThrow('down')
  broken = false
  expect(await process.decrypt('project-7', await process.encrypt('project-7', 'x'))).toBe('x')
})
