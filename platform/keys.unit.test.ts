import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readConfig } from './config.ts'
import { loadKeys } from './keys.ts'

const HEX = 'ab'.repeat(32)

describe('keys', () => {
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'testledger-keys-'))
  })
  afterEach(() => rm(dataDir, { recursive: true }))

  test('are made once, kept for their owner alone, and the same ever after', async () => {
    const config = readConfig({ DATA_DIR: join(dataDir, 'new') })
    const made = await Promise.all([loadKeys(config), loadKeys(config), loadKeys(config)])
    expect(made[0]?.masterKey).toHaveLength(32)
    expect(made[0]?.jwtSecret).toHaveLength(64)
    expect(new Set(made.map((keys) => keys.masterKey.toString('hex') + keys.jwtSecret)).size).toBe(1)
    expect(await loadKeys(config)).toEqual(made[0])
    expect((await readdir(config.dataDir)).toSorted()).toEqual(['jwt-secret', 'master-key'])
    for (const file of ['jwt-secret', 'master-key']) {
      await chmod(join(config.dataDir, file), 0o644)
      await loadKeys(config)
      expect((await stat(join(config.dataDir, file))).mode & 0o777).toBe(0o600)
    }
  })

  test('that are set go before those that are kept, and are not written', async () => {
    const config = readConfig({ DATA_DIR: dataDir, JWT_SECRET: HEX, MASTER_KEY: HEX })
    expect(await loadKeys(config)).toEqual({ jwtSecret: HEX, masterKey: Buffer.from(HEX, 'hex') })
    expect(await readdir(dataDir)).toEqual([])
  })

  test('that are damaged are not replaced', async () => {
    await writeFile(join(dataDir, 'master-key'), 'half a key')
    const config = readConfig({ DATA_DIR: dataDir })
    await expect(loadKeys(config)).rejects.toThrow(`${join(dataDir, 'master-key')}: expected 32 bytes as hex or base64`)
  })

  test('are never made for a database of the user', async () => {
    const config = { ...readConfig({ DATA_DIR: dataDir }), databaseUrl: 'postgres://db/x' }
    await expect(loadKeys(config)).rejects.toThrow('required when DATABASE_URL is set')
    expect(await readdir(dataDir)).toEqual([])
  })
})
