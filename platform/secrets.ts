import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { Rejected } from '../contracts/core.ts'
import type { Migration } from './migrations.ts'
import type { Database } from './sql.ts'

/** Part of the truth. A key whose `wrapped` is null was forgotten, and no other takes its place. */
export const secretsMigration: Migration = {
  name: 'secrets',
  statements: [
    'create table data_keys (scope text primary key, wrapped text)',
    'create table master_key (only_row boolean primary key default true check (only_row), check_value text not null)',
  ],
}

/**
 * Encryption under data keys, one for each scope (`project-1`), which the master key wraps: to forget a scope's secrets, in events and
 * backups too, its key is deleted.
 */
export interface Secrets {
  /** Throws `Rejected('conflict')` when the scope was forgotten. */
  encrypt(scope: string, text: string): Promise<string>
  /** Undefined when the scope's key is gone, or `cipher` is nothing that was encrypted for this scope. */
  decrypt(scope: string, cipher: string): Promise<string | undefined>
  /** For ever. Other processes follow within `CACHE_MS`. */
  forget(scope: string): Promise<void>
  /** A keyed hash in hexadecimal: who reads it can check no guess. */
  mac(bytes: Uint8Array | string): string
}

/** The database was written under another master key. */
export class WrongMasterKey extends Error {
  constructor() {
    super(
      'MASTER_KEY is not the key that this database was written with: secrets could not be read. Set the former key.',
    )
    this.name = 'WrongMasterKey'
  }
}

/** Milliseconds for which a data key is remembered. */
export const CACHE_MS = 60_000
const MAX_CACHED = 1_000

/**
 * Takes the master key (32 bytes) into use on a database that has `secretsMigration`. Throws `WrongMasterKey`. `now` is a clock in
 * milliseconds.
 */
export async function openSecrets(db: Database, masterKey: Buffer, now: () => number = Date.now): Promise<Secrets> {
  await checkMasterKey(db, derived(masterKey, 'check').toString('hex'))
  const wrappingKey = createSecretKey(derived(masterKey, 'wrap'))
  const macKey = derived(masterKey, 'mac')
  const cache = new Map<string, { key: Promise<KeyObject | undefined>; until: number }>()

  /** The scope's key; undefined when it was forgotten, or was never made and is not to be. */
  function keyOf(scope: string, make: boolean): Promise<KeyObject | undefined> {
    const known = cache.get(scope)
    if (known && known.until > now()) return known.key
    const key = readKey(scope, make)
    remember(scope, key)
    return key
  }

  function remember(scope: string, key: Promise<KeyObject | undefined>): void {
    const entry = { key, until: now() + CACHE_MS }
    cache.delete(scope)
    cache.set(scope, entry)
    const [oldest] = cache.keys()
    if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest)
    // Neither a failure nor the lack of a key is remembered: the next caller may make it.
    const drop = (): void => {
      if (cache.get(scope) === entry) cache.delete(scope)
    }
    key.then((found) => found ?? drop(), drop)
  }

  async function readKey(scope: string, make: boolean): Promise<KeyObject | undefined> {
    const read = (): Promise<{ wrapped: string | null }[]> =>
      db.query('select wrapped from data_keys where scope = $1', [scope])
    let [row] = await read()
    if (row === undefined && make) {
      const wrapped = seal(wrappingKey, scope, randomBytes(32))
      await db.query('insert into data_keys (scope, wrapped) values ($1, $2) on conflict do nothing', [scope, wrapped])
      ;[row] = await read()
    }
    if (!row || row.wrapped === null) return undefined
    const key = unseal(wrappingKey, scope, row.wrapped)
    if (key === undefined) throw new Error(`the data key of ${scope} is damaged`)
    return createSecretKey(key)
  }

  return {
    async encrypt(scope, text) {
      const key = await keyOf(scope, true)
      if (key === undefined) throw new Rejected('conflict', '所属项目已被删除，不能再保存加密内容')
      return seal(key, scope, Buffer.from(text))
    },

    async decrypt(scope, cipher) {
      const key = await keyOf(scope, false)
      return key && unseal(key, scope, cipher)?.toString()
    },

    async forget(scope) {
      await db.query(
        'insert into data_keys (scope, wrapped) values ($1, null) on conflict (scope) do update set wrapped = null',
        [scope],
      )
      cache.delete(scope)
    },

    mac: (bytes) => createHmac('sha256', macKey).update(bytes).digest('hex'),
  }
}

/** The first start writes the value down, every later one compares. It tells nothing about the key, from which it is derived. */
async function checkMasterKey(db: Database, value: string): Promise<void> {
  await db.query('insert into master_key (check_value) values ($1) on conflict do nothing', [value])
  const [row] = await db.query<{ check_value: string }>('select check_value from master_key', [])
  const [expected, found] = [Buffer.from(row?.check_value ?? ''), Buffer.from(value)]
  if (expected.length !== found.length || !timingSafeEqual(expected, found)) throw new WrongMasterKey()
}

/** A key of its own for each purpose. */
function derived(masterKey: Buffer, purpose: string): Buffer {
  if (masterKey.length !== 32) throw new RangeError('a master key has 32 bytes')
  return Buffer.from(hkdfSync('sha256', masterKey, '', `testledger ${purpose}`, 32))
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const VERSION = 'v1.'

/** AES-256-GCM: `v1.` and nonce, tag, ciphertext in base64url. The scope is authenticated: no ciphertext can be moved to another. */
function seal(key: KeyObject, scope: string, clear: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(scope))
  const text = Buffer.concat([cipher.update(clear), cipher.final()])
  return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')
}

function unseal(key: KeyObject, scope: string, sealed: string): Buffer | undefined {
  if (!sealed.startsWith(VERSION)) return undefined
  const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)]
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(scope)).setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}
