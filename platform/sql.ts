/** What SQL runs on: the pool, one connection, one transaction. Rows are objects; bigint and numeric columns arrive as text, json as text. */
export interface Sql {
  query<R extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
}

/** A connection of one's own: for session locks, `listen`, and settings that must not reach others. One statement at a time. */
export interface Session extends Sql {
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Resolves with the reason when the connection has ended without `close`. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** A Postgres database. The adapter is `postgres.ts`, which alone imports the driver. */
export interface Database extends Sql {
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** `synchronousCommit: false` is for rows that can be made again: a crash of the server may lose the newest of them, never a part of one. */
  session(options: { name: string; synchronousCommit?: boolean }): Promise<Session>
  /** Calls `wake` at each NOTIFY on `channel` and after each reconnection (what was sent meanwhile is lost); answers how to stop. */
  listen(channel: string, wake: () => void): Promise<() => Promise<void>>
  close(): Promise<void>
}
