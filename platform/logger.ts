import { destination, pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Bytes that wait for a slow reader of the log at most; what comes on top is dropped, for the platform goes first. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

/** Milliseconds that a line waits for others at most; what waits when the process exits is written then. */
const FLUSH_MS = 100

/** Names whose values are never written, in a log's fields and one level below. Code should not pass them at all. */
const SECRET_NAMES = new Set([
  'authorization',
  'cookie',
  'password',
  'old_password',
  'password_hash',
  'secret',
  'token',
  'refresh',
  'jwtSecret',
  'masterKey',
  'adminPassword',
  'databaseUrl',
  'body',
])

/**
 * The log: one JSON object a line, on stderr (stdout has the ready line alone). `pid` and `host` are left out; who collects logs
 * knows them.
 */
export function createLogger(level: LogLevel, stream: DestinationStream = stderr()): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: redacted },
      serializers: { err: describeError, error: describeError },
    },
    stream,
  )
}

/** pino's own redaction copies every object it is given: it took a third of what a line costs. */
function redacted(fields: Record<string, unknown>): Record<string, unknown> {
  let result = fields
  for (const name in fields) {
    const value = fields[name]
    const shown = SECRET_NAMES.has(name) && value !== undefined ? '[redacted]' : redactedInside(value)
    if (shown !== value) result = { ...result, [name]: shown }
  }
  return result
}

function redactedInside(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error || Array.isArray(value)) return value
  const names = Object.keys(value).filter((name) => SECRET_NAMES.has(name))
  return names.length === 0 ? value : { ...value, ...Object.fromEntries(names.map((name) => [name, '[redacted]'])) }
}

function stderr(): DestinationStream {
  return destination({ dest: 2, sync: false, minLength: 4096, periodicFlush: FLUSH_MS, maxLength: MAX_WAITING_BYTES })
}

/**
 * What an error says of itself. Not its other properties: a driver's error carries the row and the statement's values, a client's the
 * request with its headers.
 */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: error.name,
    message: error.message,
    ...(code !== undefined && { code }),
    stack: error.stack,
    ...(error.cause !== undefined && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  }
}
