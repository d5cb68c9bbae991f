import { destination, pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Bytes that wait for a slow reader of the log at most; what comes on top is dropped, for the platform goes first. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

/** Names whose values are never written, in a log's fields and one level below. Code should not pass them at all. */
const SECRET_NAMES = [
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
]

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
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
      serializers: { err: describeError, error: describeError },
    },
    stream,
  )
}

function stderr(): DestinationStream {
  return destination({ dest: 2, sync: false, minLength: 0, maxLength: MAX_WAITING_BYTES })
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
