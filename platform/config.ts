import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { errorCode } from './error-code.ts'
import { LOG_LEVELS } from './logger.ts'

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
class Wrong {
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

const isRange = (text: string): boolean => ipaddr.isValid(text) || ipaddr.isValidCIDR(text)

function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text)
}

function postgresUrl(text: string): string | Wrong {
  // One with a Unix socket in `?host=` has no host, and only the driver can read it.
  return /^postgres(?:ql)?:\/\/./.test(text) ? text : new Wrong('a URL that begins with postgres://')
}

/** Shorter ones can be guessed from any token. 32 are better: that is what is generated. */
const MIN_SECRET_BYTES = 8

function jwtSecret(text: string): string | Wrong {
  return Buffer.byteLength(text) >= MIN_SECRET_BYTES ? text : new Wrong(`at least ${MIN_SECRET_BYTES} bytes of text`)
}

function masterKey(text: string): Buffer | Wrong {
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

function targetDeny(text: string): string | Wrong {
  if (text === 'none') return ''
  return list(isRange, `none, or ${RANGES}`)(text) instanceof Wrong ? new Wrong(`none, or ${RANGES}`) : text
}

const REGISTRATIONS = ['closed', 'open'] as const

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
    (text) => {
      return REGISTRATIONS.find((one) => one === text) ?? new Wrong(`one of ${REGISTRATIONS.join(', ')}`)
    },
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
  LOG_LEVEL: variable('info', `How much is logged: ${LOG_LEVELS.join(', ')}`, (text) => {
    return LOG_LEVELS.find((level) => level === text) ?? new Wrong(`one of ${LOG_LEVELS.join(', ')}`)
  }),
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
  RUN_CONCURRENCY: variable('8', 'Runs that are executed at the same time', whole(1, 1_000)),
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
}>

/** The environment is not what the platform can start with; the message has a line for each variable that is wrong. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
  }
}

/** Reads the environment; a variable that is set to nothing is not set. Throws `ConfigError` naming all that is wrong at once. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
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
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(values as Values)
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
  }
}

/** What signs tokens and what wraps the keys of secrets (32 bytes). */
export type Keys = Readonly<{ jwtSecret: string; masterKey: Buffer }>

/**
 * The keys that are set, else those kept in `DATA_DIR` (made at the first start, mode 0600). With a database of the user's own
 * nothing is made: another process on another machine must have the same. Throws `ConfigError`.
 */
export async function loadKeys(
  config: Pick<Config, 'jwtSecret' | 'masterKey' | 'dataDir' | 'databaseUrl'>,
): Promise<Keys> {
  const kept = async <T>(
    name: 'JWT_SECRET' | 'MASTER_KEY',
    file: string,
    read: (text: string) => T | Wrong,
  ): Promise<T> => {
    if (config.databaseUrl !== undefined) throw new ConfigError([`${name}: required when DATABASE_URL is set`])
    const path = join(config.dataDir, file)
    const value = read(await keptText(path))
    if (value instanceof Wrong) throw new ConfigError([`${path}: expected ${value.expected}`])
    return value
  }
  return {
    jwtSecret: config.jwtSecret ?? (await kept('JWT_SECRET', 'jwt-secret', jwtSecret)),
    masterKey: config.masterKey ?? (await kept('MASTER_KEY', 'master-key', masterKey)),
  }
}

/**
 * The text of a file, made of 32 random bytes in hexadecimal when it is not there. It is linked in place when it is whole and on the
 * disk: a kill leaves no half key, and of two processes that make one both read the same.
 */
async function keptText(path: string): Promise<string> {
  const present = await readText(path)
  if (present !== undefined) return present
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(32).toString('hex')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(folder)
  return (await readText(path)) ?? ''
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    // A copy or a restore may have opened it to others.
    await chmod(path, 0o600)
    return text.trim()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
