import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { loadKeys, readConfig, VARIABLES } from './config.ts'

const HEX = 'ab'.repeat(32)

function problems(environment: Record<string, string>): string[] {
  try {
    readConfig(environment)
  } catch (error) {
    return (error as Error).message.split('\n').slice(1)
  }
  return []
}

describe('reading the environment', () => {
  test('nothing needs to be set', () => {
    expect(readConfig({})).toEqual({
      host: '127.0.0.1',
      port: 8600,
      dataDir: resolve('.data'),
      databaseUrl: undefined,
      admin: { username: 'admin', password: undefined },
      jwtSecret: undefined,
      masterKey: undefined,
      registration: 'closed',
      rateLimit: 1_000,
      timeZone: 'Asia/Shanghai',
      logLevel: 'info',
      corsOrigins: [],
      trustedProxies: [],
      sandboxPool: 2,
      targetDeny: '169.254.0.0/16,fe80::/10,fd00:ec2::254',
      runWaitSeconds: 300,
      runDeadline: 14_400,
      runConcurrency: 8,
    })
  })

  test('what is set to nothing is not set', () => {
    const empty = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, '']))
    expect(readConfig(empty)).toEqual(readConfig({}))
  })

  test('every variable is read', () => {
    const config = readConfig({
      HOST: '0.0.0.0',
      PORT: '0',
      DATA_DIR: '/var/lib/x',
      DATABASE_URL: 'postgres://u:p@/db?host=/run/x',
      ADMIN_USERNAME: 'root',
      ADMIN_PASSWORD: 'secret1',
      JWT_SECRET: HEX,
      MASTER_KEY: Buffer.from(HEX, 'hex').toString('base64'),
      REGISTRATION: 'open',
      RATE_LIMIT: '0',
      TIME_ZONE: 'Europe/Berlin',
      LOG_LEVEL: 'debug',
      CORS_ORIGINS: 'https://a.example, http://b.example:8080',
      TRUSTED_PROXIES: '10.0.0.0/8,::1',
      SANDBOX_POOL: '4',
      TARGET_DENY: 'none',
      RUN_WAIT_SECONDS: '60',
      RUN_DEADLINE: '90m',
      RUN_CONCURRENCY: '16',
    })
    expect(config).toEqual({
      host: '0.0.0.0',
      port: 0,
      dataDir: '/var/lib/x',
      databaseUrl: 'postgres://u:p@/db?host=/run/x',
      admin: { username: 'root', password: 'secret1' },
      jwtSecret: HEX,
      masterKey: Buffer.from(HEX, 'hex'),
      registration: 'open',
      rateLimit: 0,
      timeZone: 'Europe/Berlin',
      logLevel: 'debug',
      corsOrigins: ['https://a.example', 'http://b.example:8080'],
      trustedProxies: ['10.0.0.0/8', '::1'],
      sandboxPool: 4,
      targetDeny: '',
      runWaitSeconds: 60,
      runDeadline: 5_400,
      runConcurrency: 16,
    })
  })

  test.each([
    ['1', 1],
    ['90s', 90],
    ['30m', 1_800],
    ['720h', 2_592_000],
  ])('a time of %s is %d seconds', (text, seconds) => {
    expect(readConfig({ RUN_DEADLINE: text }).runDeadline).toBe(seconds)
  })
  test.each(['0', '0h', '721h', '-1s', '1.5h', '4d', 'h'])('%s is no time', (text) => {
    expect(problems({ RUN_DEADLINE: text })).toEqual([expect.stringContaining('a time from 1s to 720h')])
  })

  test('all that is wrong is said at once, by name and expectation, without the values', () => {
    const secret = 'hunter2-hunter2'
    const found = problems({
      PORT: '65536',
      DATABASE_URL: `mysql://${secret}@db`,
      ADMIN_PASSWORD: 'short',
      JWT_SECRET: 'hunter2',
      MASTER_KEY: secret,
      REGISTRATION: 'ajar',
      RATE_LIMIT: '1e3',
      TIME_ZONE: 'Nowhere/At_All',
      LOG_LEVEL: 'loud',
      CORS_ORIGINS: 'https://a.example/path',
      TRUSTED_PROXIES: '10.0.0.0/99',
      SANDBOX_POOL: '0',
      TARGET_DENY: 'everything',
      RUN_WAIT_SECONDS: '1.5',
      RUN_DEADLINE: '4 hours',
      RUN_CONCURRENCY: '-1',
    })
    expect(found.map((line) => line.trim().split(':')[0])).toEqual([
      'PORT',
      'DATABASE_URL',
      'ADMIN_PASSWORD',
      'JWT_SECRET',
      'MASTER_KEY',
      'REGISTRATION',
      'RATE_LIMIT',
      'TIME_ZONE',
      'LOG_LEVEL',
      'CORS_ORIGINS',
      'TRUSTED_PROXIES',
      'SANDBOX_POOL',
      'TARGET_DENY',
      'RUN_WAIT_SECONDS',
      'RUN_DEADLINE',
      'RUN_CONCURRENCY',
    ])
    expect(found[0]).toBe('  PORT: expected a whole number from 0 to 65535')
    expect(found.join('')).not.toContain('hunter2')
  })

  test('a database of the user needs keys of the user', () => {
    expect(problems({ DATABASE_URL: 'postgres://db/x' })).toEqual([
      '  JWT_SECRET: required when DATABASE_URL is set',
      '  MASTER_KEY: required when DATABASE_URL is set',
    ])
  })
})

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
