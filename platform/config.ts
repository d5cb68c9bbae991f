import { resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { ipRange } from './ip-ranges.ts'
import { LOG_LEVELS } from './logger.ts'
import { eventStoreUrlFault, isPostgresUrl } from './server-urls.ts'

/** An environment variable: what README's table says of it, and what reads it. `default` is text as it would be set. */
type Variable<T, D = string | undefined> = Readonly<{ default: D; meaning: string; schema: z.ZodType<T> }>

function variable<T, const D extends string | undefined>(
  preset: D,
  meaning: string,
  read: (text: string) => T | Wrong,
): Variable<T, D> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text)
    if (!(value instanceof Wrong)) return value
    context.issues.push({ code: 'custom', message: value.expected, input: text })
    return z.NEVER
  })
  return { default: preset, meaning, schema }
}

/** What was expected instead. Never the value: it may be a secret that was put under the wrong name. */
export class Wrong {
  readonly expected: string
  constructor(expected: string) {
    this.expected = expected
  }
}

const anyText = (text: string): string => text

const whole =
  (min: number, max: number) =>
  (text: string): number | Wrong => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1
    return value >= min && value <= max ? value : new Wrong(`a whole number from ${min} to ${max}`)
  }

const list =
  (fits: (item: string) => boolean, expected: string) =>
  (text: string): readonly string[] | Wrong => {
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
    return items.every(fits) ? items : new Wrong(expected)
  }

const isRange = (text: string): boolean => ipRange(text) !== undefined

function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text)
}

function postgresUrl(text: string): string | Wrong {
  return isPostgresUrl(text)
    ? text
    : new Wrong(
        'a URL such as postgres://user:password@host:5432/database, special characters of the password percent-encoded',
      )
}

/** Shorter ones can be guessed from any token. 32 are better: that is what is generated. */
const MIN_SECRET_BYTES = 8

export function jwtSecret(text: string): string | Wrong {
  return Buffer.byteLength(text) >= MIN_SECRET_BYTES ? text : new Wrong(`at least ${MIN_SECRET_BYTES} bytes of text`)
}

export function masterKey(text: string): Buffer | Wrong {
  const hex = /^[0-9a-fA-F]{64}$/.test(text)
  const base64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text)
  return hex || base64 ? Buffer.from(text, hex ? 'hex' : 'base64') : new Wrong('32 bytes as hex or base64')
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600 }

/** In seconds, up to 30 days. */
function duration(text: string): number | Wrong {
  const [, digits = '', unit = ''] = /^(\d{1,7})([smh]?)$/.exec(text) ?? []
  const seconds = Number(digits) * (UNIT_SECONDS[unit] ?? 0)
  return seconds >= 1 && seconds <= 30 * 86_400
    ? seconds
    : new Wrong('a time from 1s to 720h, for example 90s, 30m or 4h')
}

function timeZone(text: string): string | Wrong {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch {
    return new Wrong('the name of a time zone, for example Asia/Shanghai')
  }
}

function adminPassword(text: string): string | Wrong {
  return text.length >= 6 && text.length <= 128 ? text : new Wrong('6 to 128 characters')
}

const RANGES = 'IP addresses or CIDR ranges, separated by commas'

/** `none` beside others is nothing beside them: Compose adds the ranges of its stores to what an operator says. */
function targetDeny(text: string): string | Wrong {
  const ranges = text.split(',').filter((item) => item.trim() !== 'none')
  if (ranges.length === 0) return ''
  const said = ranges.join(',')
  return list(isRange, RANGES)(said) instanceof Wrong ? new Wrong(`none, or ${RANGES}`) : said
}

const REGISTRATIONS = ['closed', 'open'] as const
const EVENT_STORES = ['postgres', 'esdb'] as const
const MESSAGE_LOGS = ['memory', 'kafka'] as const
const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

/** What a process does: `docs/operations.md`. */
export const ROLES = ['gateway', 'relay', 'projector', 'runner'] as const
export type Role = (typeof ROLES)[number]

const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T | Wrong =>
    values.find((value) => value === text) ?? new Wrong(`one of ${values.join(', ')}`)

function roles(text: string): readonly Role[] | Wrong {
  const names = text.split(',').map((name) => name.trim())
  const known = ROLES.filter((role) => names.includes(role))
  const wrong = names.some((name) => !ROLES.includes(name as Role))
  return known.length === 0 || wrong ? new Wrong(`some of ${ROLES.join(', ')}, separated by commas`) : known
}

function eventStoreUrl(text: string): string | Wrong {
  const expected = eventStoreUrlFault(text)
  return expected === undefined ? text : new Wrong(expected)
}

function brokers(text: string): readonly string[] | Wrong {
  const items = list(isBroker, '')(text)
  return items instanceof Wrong || items.length === 0 ? new Wrong('host:port pairs, separated by commas') : items
}

function isBroker(text: string): boolean {
  const [, name, address = '', digits] = /^(?:([\w.-]+)|\[([^\]]+)\]):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  return (name !== undefined || ipaddr.IPv6.isValid(address)) && port >= 1 && port <= 65_535
}

/** Where a path can be put behind it. One that is no URL must not get to the exporter, whose complaint repeats it with its password. */
function baseUrl(text: string): string | Wrong {
  return /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)
    ? text
    : new Wrong('a URL that begins with http:// or https://, without blanks, ? and #')
}

function topicPrefix(text: string): string | Wrong {
  return /^[\w.-]{1,100}$/.test(text) ? text : new Wrong('up to 100 letters, digits, dots, underscores and hyphens')
}

/** Everything that can be set. README's table is checked against this one. */
export const VARIABLES = {
  HOST: variable('127.0.0.1', 'Address to listen on', anyText),
  PORT: variable('8600', 'Port to listen on; 0 takes any that is free', whole(0, 65_535)),
  DATA_DIR: variable('.data', 'Folder of the embedded database, generated keys and passwords', (text) => resolve(text)),
  DATABASE_URL: variable(undefined, 'A Postgres to use instead of the embedded one', postgresUrl),
  ADMIN_USERNAME: variable('admin', 'Name of the first user; counts only while there is none', anyText),
  ADMIN_PASSWORD: variable(undefined, 'Password of the first user; generated when not set', adminPassword),
  JWT_SECRET: variable(
    undefined,
    'Signs tokens, at least 8 bytes, better 32; kept in DATA_DIR when not set, required with DATABASE_URL',
    jwtSecret,
  ),
  MASTER_KEY: variable(
    undefined,
    'Wraps the keys of secrets, 32 bytes as hex or base64; kept in DATA_DIR when not set, required with DATABASE_URL',
    masterKey,
  ),
  REGISTRATION: variable(
    'closed',
    'Whether people may make accounts of their own, as testers: closed, open',
    oneOf(REGISTRATIONS),
  ),
  RATE_LIMIT: variable(
    '1000',
    'Writes that a user may make in a second; 0 is as many as there are',
    whole(0, 1_000_000),
  ),
  TIME_ZONE: variable(
    'Asia/Shanghai',
    'Time zone of new times; those recorded before a change keep theirs: what was answered once stays as it was',
    timeZone,
  ),
  LOG_LEVEL: variable('info', `How much is logged: ${LOG_LEVELS.join(', ')}`, oneOf(LOG_LEVELS)),
  CORS_ORIGINS: variable(
    undefined,
    'Origins whose pages may call the platform, separated by commas; * is every one',
    list(isOrigin, 'origins such as https://tests.example.com, separated by commas'),
  ),
  TRUSTED_PROXIES: variable(
    undefined,
    'Addresses or ranges of proxies whose X-Forwarded-For is believed',
    list(isRange, RANGES),
  ),
  SANDBOX_POOL: variable('2', 'Sandboxes for Python scripts that are kept warm', whole(1, 64)),
  TARGET_DENY: variable(
    '169.254.0.0/16,fe80::/10,fd00:ec2::254',
    'Addresses or ranges that test cases must not reach; none allows all',
    targetDeny,
  ),
  RUN_WAIT_SECONDS: variable(
    '300',
    'Seconds that a call waits for its run to end before it answers 202',
    whole(1, 86_400),
  ),
  RUN_DEADLINE: variable(
    '4h',
    'How long a run may take from when it is asked for, in seconds or as 90s, 30m, 4h; then it is ended as 错误',
    duration,
  ),
  RUN_CONCURRENCY: variable('8', 'Runs that a process executes at the same time', whole(1, 1_000)),
  ROLES: variable(
    ROLES.join(','),
    `What this process does, separated by commas: ${ROLES.join(', ')}; anything but all of it needs MESSAGE_LOG=kafka and DATABASE_URL`,
    roles,
  ),
  EVENT_STORE: variable('postgres', 'Where events are kept: postgres, esdb (EventStoreDB)', oneOf(EVENT_STORES)),
  EVENTSTOREDB_URL: variable(
    undefined,
    'Connection string of EventStoreDB, esdb://... or esdb+discover://...; required with EVENT_STORE=esdb',
    eventStoreUrl,
  ),
  MESSAGE_LOG: variable('memory', 'What carries requests for work: memory (one process), kafka', oneOf(MESSAGE_LOGS)),
  KAFKA_BROKERS: variable(
    undefined,
    'Addresses of Kafka brokers, host:port, separated by commas; required with MESSAGE_LOG=kafka',
    brokers,
  ),
  KAFKA_TOPIC_PREFIX: variable(undefined, 'Put before the name of every topic and consumer group', topicPrefix),
  KAFKA_PARTITIONS: variable('12', 'Partitions of topics that are made at start', whole(1, 1_000)),
  KAFKA_REPLICATION: variable(
    '0',
    "Replicas of topics that are made at start; 0 is the brokers' default",
    whole(0, 15),
  ),
  KAFKA_RETENTION: variable('168h', 'How long made topics keep messages, in seconds or as 90s, 30m, 168h', duration),
  KAFKA_SESSION_SECONDS: variable(
    '15',
    'Seconds after which the brokers give the partitions of a silent consumer to others',
    whole(6, 300),
  ),
  KAFKA_TLS: variable('off', 'Whether connections to Kafka are encrypted: off, on', oneOf(['off', 'on'] as const)),
  KAFKA_TLS_CA: variable(undefined, 'File with the certificates (PEM) that brokers must be signed by', anyText),
  KAFKA_TLS_CERT: variable(undefined, "File with this client's certificate (PEM), with KAFKA_TLS_KEY", anyText),
  KAFKA_TLS_KEY: variable(undefined, "File with the key (PEM) of this client's certificate", anyText),
  KAFKA_SASL_MECHANISM: variable(
    undefined,
    `How the client says who it is: ${SASL_MECHANISMS.join(', ')}; needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`,
    oneOf(SASL_MECHANISMS),
  ),
  KAFKA_SASL_USERNAME: variable(undefined, "Kafka user's name", anyText),
  KAFKA_SASL_PASSWORD: variable(undefined, "Kafka user's password", anyText),
  METRICS_ALLOW: variable(
    '127.0.0.0/8,::1',
    'Addresses or ranges that may read /metrics without an API token; none allows none',
    (text) => (text === 'none' ? [] : list(isRange, `none, or ${RANGES}`)(text)),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    undefined,
    'Where traces are sent (OTLP over HTTP), for example http://collector:4318; nothing is traced when not set',
    baseUrl,
  ),
  OTEL_SERVICE_NAME: variable('testledger', 'Name of this service in traces', anyText),
} as const

type Variables = typeof VARIABLES
type Values = {
  [N in keyof Variables]: Variables[N] extends Variable<infer T, infer D> ? T | (D & undefined) : never
}

/** What the platform was told, checked. */
export type Config = Readonly<{
  host: string
  port: number
  dataDir: string
  databaseUrl: string | undefined
  admin: Readonly<{ username: string; password: string | undefined }>
  jwtSecret: string | undefined
  masterKey: Buffer | undefined
  registration: (typeof REGISTRATIONS)[number]
  /** Writes of a user in a second; 0 is no limit. */
  rateLimit: number
  timeZone: string
  logLevel: (typeof LOG_LEVELS)[number]
  corsOrigins: readonly string[]
  trustedProxies: readonly string[]
  sandboxPool: number
  /** Comma-separated addresses and ranges. */
  targetDeny: string
  runWaitSeconds: number
  /** Seconds. */
  runDeadline: number
  runConcurrency: number
  /** In the order of `ROLES`. */
  roles: readonly Role[]
  /** URL of EventStoreDB; undefined where events are kept in Postgres. */
  eventStoreUrl: string | undefined
  /** Undefined where messages stay in memory. */
  kafka: KafkaConfig | undefined
  /** Addresses and ranges. */
  metricsAllow: readonly string[]
  /** Undefined where nothing is traced. */
  tracing: Readonly<{ endpoint: string; service: string }> | undefined
}>

/** How Kafka is reached, and what its topics are made with. */
export type KafkaConfig = Readonly<{
  /** `host:port`. */
  brokers: readonly string[]
  /** Before every topic and group; may be empty. */
  prefix: string
  partitions: number
  /** 0 is the brokers' default. */
  replication: number
  retentionMs: number
  sessionMs: number
  /** Paths of PEM files. */
  tls: Readonly<{ ca?: string; cert?: string; key?: string }> | undefined
  sasl: Readonly<{ mechanism: (typeof SASL_MECHANISMS)[number]; username: string; password: string }> | undefined
}>

/** The environment is not what the platform can start with; the message has a line for each variable that is wrong. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
  }
}

/** Reads the environment; a variable that is set to nothing is not set. Throws `ConfigError` naming all that is wrong at once. */
export function readConfig(environment: Environment): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { default: preset, schema }] of Object.entries<Variable<unknown>>(VARIABLES)) {
    const text = environment[name] || preset
    if (text === undefined) continue
    const result = schema.safeParse(text)
    if (result.success) values[name] = result.data
    else problems.push(...result.error.issues.map(({ message }) => `${name}: expected ${message}`))
  }
  if (environment.DATABASE_URL) {
    for (const name of ['JWT_SECRET', 'MASTER_KEY']) {
      if (!environment[name]) problems.push(`${name}: required when DATABASE_URL is set`)
    }
  }
  problems.push(...missing(environment, values))
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(values as Values)
}

type Environment = Readonly<Record<string, string | undefined>>

/** What one variable asks of others. */
function missing(environment: Environment, values: Partial<Values>): string[] {
  const problems = [...missingForRoles(environment, values), ...missingForKafka(environment, values)]
  if (values.EVENT_STORE === 'esdb') problems.unshift(...needed(environment, 'EVENTSTOREDB_URL', 'EVENT_STORE is esdb'))
  return problems
}

function needed(environment: Environment, name: keyof Variables, why: string): readonly string[] {
  return environment[name] ? [] : [`${name}: required when ${why}`]
}

function missingForRoles(environment: Environment, { ROLES: own, MESSAGE_LOG }: Partial<Values>): readonly string[] {
  if (own === undefined || own.length === ROLES.length) return []
  const alone = `ROLES: expected all of ${ROLES.join(', ')} with MESSAGE_LOG=memory, which no other process can read`
  return [...(MESSAGE_LOG === 'memory' ? [alone] : []), ...needed(environment, 'DATABASE_URL', 'ROLES are not all')]
}

function missingForKafka(environment: Environment, values: Partial<Values>): readonly string[] {
  const need = (name: keyof Variables, why: keyof Variables): readonly string[] =>
    values[why] === undefined ? [] : needed(environment, name, `${why} is set`)
  const files = ['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'] as const
  const idle = values.KAFKA_TLS === 'off' ? files.filter((name) => values[name] !== undefined) : []
  return [
    ...(values.MESSAGE_LOG === 'kafka' ? needed(environment, 'KAFKA_BROKERS', 'MESSAGE_LOG is kafka') : []),
    ...need('KAFKA_TLS_KEY', 'KAFKA_TLS_CERT'),
    ...need('KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'),
    ...idle.map((name) => `KAFKA_TLS: expected on when ${name} is set`),
    ...need('KAFKA_SASL_USERNAME', 'KAFKA_SASL_MECHANISM'),
    ...need('KAFKA_SASL_PASSWORD', 'KAFKA_SASL_MECHANISM'),
    ...need('KAFKA_SASL_MECHANISM', values.KAFKA_SASL_USERNAME ? 'KAFKA_SASL_USERNAME' : 'KAFKA_SASL_PASSWORD'),
  ]
}

function configOf(values: Values): Config {
  return {
    host: values.HOST,
    port: values.PORT,
    dataDir: values.DATA_DIR,
    databaseUrl: values.DATABASE_URL,
    admin: { username: values.ADMIN_USERNAME, password: values.ADMIN_PASSWORD },
    jwtSecret: values.JWT_SECRET,
    masterKey: values.MASTER_KEY,
    registration: values.REGISTRATION,
    rateLimit: values.RATE_LIMIT,
    timeZone: values.TIME_ZONE,
    logLevel: values.LOG_LEVEL,
    corsOrigins: values.CORS_ORIGINS ?? [],
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    sandboxPool: values.SANDBOX_POOL,
    targetDeny: values.TARGET_DENY,
    runWaitSeconds: values.RUN_WAIT_SECONDS,
    runDeadline: values.RUN_DEADLINE,
    runConcurrency: values.RUN_CONCURRENCY,
    roles: values.ROLES,
    eventStoreUrl: values.EVENT_STORE === 'esdb' ? values.EVENTSTOREDB_URL : undefined,
    kafka: values.MESSAGE_LOG === 'kafka' ? kafkaOf(values) : undefined,
    metricsAllow: values.METRICS_ALLOW,
    tracing: values.OTEL_EXPORTER_OTLP_ENDPOINT
      ? { endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT, service: values.OTEL_SERVICE_NAME }
      : undefined,
  }
}

function kafkaOf(values: Values): KafkaConfig {
  const { KAFKA_TLS_CA: ca, KAFKA_TLS_CERT: cert, KAFKA_TLS_KEY: key, KAFKA_SASL_MECHANISM: mechanism } = values
  const { KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = values
  return {
    brokers: values.KAFKA_BROKERS ?? [],
    prefix: values.KAFKA_TOPIC_PREFIX ?? '',
    partitions: values.KAFKA_PARTITIONS,
    replication: values.KAFKA_REPLICATION,
    retentionMs: values.KAFKA_RETENTION * 1000,
    sessionMs: values.KAFKA_SESSION_SECONDS * 1000,
    tls: values.KAFKA_TLS === 'on' ? { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } : undefined,
    sasl: mechanism && { mechanism, username, password },
  }
}
