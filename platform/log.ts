/** What an adapter needs to say about its own state; pino's loggers fit. Fields never hold a secret or a body. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
