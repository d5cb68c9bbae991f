import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { readConfig, VARIABLES } from './config.ts'

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
      roles: ['gateway', 'relay', 'projector', 'runner'],
      eventStoreUrl: undefined,
      kafka: undefined,
      metricsAllow: ['127.0.0.0/8', '::1'],
      tracing: undefined,
    })
  })

  test('what is set to nothing is not set', () => {
    const empty = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, '']))
    expect(readConfig(empty)).toEqual(readConfig({}))
  })

  test('no address is denied with none, and those that stand beside it are', () => {
    expect(readConfig({ TARGET_DENY: 'none' }).targetDeny).toBe('')
    expect(readConfig({ TARGET_DENY: 'none,10.231.86.0/24' }).targetDeny).toBe('10.231.86.0/24')
    expect(() => readConfig({ TARGET_DENY: 'none,everything' })).toThrow('TARGET_DENY')
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
      ROLES: 'runner, relay',
      EVENT_STORE: 'esdb',
      EVENTSTOREDB_URL: 'esdb://admin:changeit@store:2113?tls=false',
      MESSAGE_LOG: 'kafka',
      KAFKA_BROKERS: 'kafka-1:9092, [::1]:9093',
      KAFKA_TOPIC_PREFIX: 'tests.',
      KAFKA_PARTITIONS: '24',
      KAFKA_REPLICATION: '3',
      KAFKA_RETENTION: '48h',
      KAFKA_SESSION_SECONDS: '10',
      KAFKA_TLS: 'on',
      KAFKA_TLS_CA: '/run/ca.pem',
      KAFKA_TLS_CERT: '/run/cert.pem',
      KAFKA_TLS_KEY: '/run/key.pem',
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'ledger',
      KAFKA_SASL_PASSWORD: 'secret2',
      METRICS_ALLOW: '10.0.0.0/8',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_SERVICE_NAME: 'tests',
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
      roles: ['relay', 'runner'],
      eventStoreUrl: 'esdb://admin:changeit@store:2113?tls=false',
      kafka: {
        brokers: ['kafka-1:9092', '[::1]:9093'],
        prefix: 'tests.',
        partitions: 24,
        replication: 3,
        retentionMs: 172_800_000,
        sessionMs: 10_000,
        tls: { ca: '/run/ca.pem', cert: '/run/cert.pem', key: '/run/key.pem' },
        sasl: { mechanism: 'scram-sha-512', username: 'ledger', password: 'secret2' },
      },
      metricsAllow: ['10.0.0.0/8'],
      tracing: { endpoint: 'http://collector:4318', service: 'tests' },
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

  test('what is no role, server or address is said as well', () => {
    const found = problems({
      ROLES: 'gateway,cook',
      EVENT_STORE: 'files',
      EVENTSTOREDB_URL: 'http://store:2113',
      MESSAGE_LOG: 'pigeons',
      KAFKA_BROKERS: 'kafka',
      KAFKA_TOPIC_PREFIX: 'a b',
      KAFKA_PARTITIONS: '0',
      KAFKA_TLS: 'yes',
      KAFKA_SASL_MECHANISM: 'guess',
      METRICS_ALLOW: 'all',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
    })
    expect(found.slice(0, 11)).toEqual([
      '  ROLES: expected some of gateway, relay, projector, runner, separated by commas',
      '  EVENT_STORE: expected one of postgres, esdb',
      '  EVENTSTOREDB_URL: expected a URL that begins with esdb:// or esdb+discover://',
      '  MESSAGE_LOG: expected one of memory, kafka',
      '  KAFKA_BROKERS: expected host:port pairs, separated by commas',
      '  KAFKA_TOPIC_PREFIX: expected up to 100 letters, digits, dots, underscores and hyphens',
      '  KAFKA_PARTITIONS: expected a whole number from 1 to 1000',
      '  KAFKA_TLS: expected one of off, on',
      '  KAFKA_SASL_MECHANISM: expected one of plain, scram-sha-256, scram-sha-512',
      '  METRICS_ALLOW: expected none, or IP addresses or CIDR ranges, separated by commas',
      '  OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL that begins with http:// or https://, without blanks, ? and #',
    ])
  })

  test('a URL of a server that cannot be taken apart is, without its password', () => {
    const keys = { JWT_SECRET: HEX, MASTER_KEY: HEX }
    for (const DATABASE_URL of ['postgres://u:hid#den@db:5432/x', 'postgres://u:hidden@db:99999/x']) {
      expect(problems({ ...keys, DATABASE_URL })).toEqual([
        '  DATABASE_URL: expected a URL such as postgres://user:password@host:5432/database, special characters of the password percent-encoded',
      ])
    }
    expect(problems({ ...keys, DATABASE_URL: 'postgres://u:p@/db?host=/run' })).toEqual([])
    expect(problems({ EVENTSTOREDB_URL: 'esdb://admin:hidden@store:2113?tls=maybe' })).toEqual([
      '  EVENTSTOREDB_URL: expected true or false as its option tls',
    ])
  })

  test.each(['kafka:0', 'kafka:65536', '[::::]:9092', '[kafka]:9092', '::1:9092', 'kafka:9092,other', ' ', ','])(
    '%j is no address of a broker',
    (KAFKA_BROKERS) => {
      expect(problems({ KAFKA_BROKERS })).toEqual(['  KAFKA_BROKERS: expected host:port pairs, separated by commas'])
    },
  )

  test.each(['', ' ', '\n', '/ /x', '?key=hidden', '#hidden', ':port'])(
    'no path can be put behind a collector that ends in %j',
    (end) => {
      const found = problems({ OTEL_EXPORTER_OTLP_ENDPOINT: `https://user:hidden@collector${end}` })
      expect(found).toEqual(
        end === '' ? [] : [expect.stringMatching(/^ {2}OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL/)],
      )
      expect(found.join('')).not.toContain('hidden')
    },
  )

  test('a process with some of the roles needs what the others can reach', () => {
    expect(problems({ ROLES: 'runner' })).toEqual([
      '  ROLES: expected all of gateway, relay, projector, runner with MESSAGE_LOG=memory, which no other process can read',
      '  DATABASE_URL: required when ROLES are not all',
    ])
    expect(problems({ ROLES: 'runner,gateway,projector,relay' })).toEqual([])
    const keys = { JWT_SECRET: HEX, MASTER_KEY: HEX, DATABASE_URL: 'postgres://db/x' }
    expect(problems({ ...keys, ROLES: 'runner', MESSAGE_LOG: 'kafka', KAFKA_BROKERS: 'k:9092' })).toEqual([])
  })

  test.each([
    [{ EVENT_STORE: 'esdb' }, '  EVENTSTOREDB_URL: required when EVENT_STORE is esdb'],
    [{ MESSAGE_LOG: 'kafka' }, '  KAFKA_BROKERS: required when MESSAGE_LOG is kafka'],
    [{ KAFKA_TLS: 'on', KAFKA_TLS_KEY: '/k' }, '  KAFKA_TLS_CERT: required when KAFKA_TLS_KEY is set'],
    [{ KAFKA_TLS: 'on', KAFKA_TLS_CERT: '/k' }, '  KAFKA_TLS_KEY: required when KAFKA_TLS_CERT is set'],
    [{ KAFKA_TLS_CA: '/ca' }, '  KAFKA_TLS: expected on when KAFKA_TLS_CA is set'],
    [
      { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' },
      '  KAFKA_SASL_PASSWORD: required when KAFKA_SASL_MECHANISM is set',
    ],
    [{ KAFKA_SASL_PASSWORD: 'hidden' }, '  KAFKA_SASL_MECHANISM: required when KAFKA_SASL_PASSWORD is set'],
  ])('%j lacks something', (environment, problem) => {
    expect(problems(environment as Record<string, string>)).toEqual([problem])
  })

  test('a database of the user needs keys of the user', () => {
    expect(problems({ DATABASE_URL: 'postgres://db/x' })).toEqual([
      '  JWT_SECRET: required when DATABASE_URL is set',
      '  MASTER_KEY: required when DATABASE_URL is set',
    ])
  })
})
