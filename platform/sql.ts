import { Unavailable } from './unavailable.ts'

/** What SQL runs on: the pool, one connection, one transaction. Rows are objects; bigint and numeric columns arrive as text, json as text. */
export interface Sql {
  /**
   * With `values` (empty ones too) the statement is prepared once for each connection. Without them `text` may hold several
   * statements. Throws the server's error (`sqlState` tells which) or `DatabaseUnavailable`.
   */
  query<R extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
  /**
   * In a transaction alone: a statement whose answer nobody needs. It is carried out before whatever follows it, and its failure fails
   * the transaction; on a connection that is a pipeline the commit travels with it.
   */
  send?(text: string, values?: readonly unknown[]): void
}

/** Carries out a statement whose answer nobody needs: in a transaction it is not waited for. */
export async function carryOut(sql: Sql, text: string, values?: readonly unknown[]): Promise<void> {
  if (sql.send) sql.send(text, values)
  else await sql.query(text, values)
}

/** A connection of one's own: for session locks, `listen`, and settings that must not reach others. One statement at a time. */
export interface Session extends Sql {
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Resolves with the reason when the connection has ended without `close`. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

export type SessionOptions = Readonly<{
  name: string
  synchronousCommit?: boolean
  /** Statements are sent without waiting for the answers to those before them: what is sent together costs one round trip. */
  pipeline?: boolean
  /**
   * The server ends the session when this process gives no sign of life for `HEARTBEAT.lostMs`, as one that is frozen: what the session
   * holds, a lead say, is then free for others.
   */
  heartbeat?: boolean
}>

/** Milliseconds between two signs of life of a session that promises them, and until the server misses them. */
export const HEARTBEAT = { everyMs: 3_000, lostMs: 15_000 } as const

/** `long`: its statements may take half an hour, as those that build an index or wait for a lock of another process do. */
export type TransactionOptions = Readonly<{ long?: boolean }>

/** A Postgres database. The adapter is `postgres.ts`, which alone imports the driver. */
export interface Database extends Sql {
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** `synchronousCommit: false` is for rows that can be made again: a crash of the server may lose the newest of them, never a part of one. */
  session(options: SessionOptions): Promise<Session>
  /**
   * Calls `wake` at each NOTIFY on `channel`, with the server's process that sent it (`pg_backend_pid`), and without one after each
   * reconnection (what was sent meanwhile is lost); answers how to stop.
   */
  listen(channel: string, wake: (sender?: number) => void): Promise<() => Promise<void>>
  /** Sees that the server answers within `mostMs` and takes writes. Throws `DatabaseUnavailable`, which names its address and says why not. */
  reach(mostMs: number): Promise<void>
  /** Takes at most a few seconds: what is under way then is cut off. */
  close(): Promise<void>
}

/** The database cannot be reached, or was lost while it worked. */
export class DatabaseUnavailable extends Unavailable {
  constructor(where: string, cause: unknown) {
    super(`Postgres at ${where}`, cause)
    this.name = 'DatabaseUnavailable'
  }
}

/** The five characters with which the server names an error (`23505`, a row that must be unique), or undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
