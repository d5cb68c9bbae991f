import type { Position, Recorded } from '../contracts/core.ts'
import type { Sql } from '../platform/sql.ts'

/**
 * A read model. `apply` is given events in the log's order, all types, and passes over those that it does not know; applied to the
 * same events from the same rows it makes the same rows. Its tables are named by `table(name)`, which carries version and generation.
 */
export interface Projection {
  readonly name: string
  /** Raised when the tables or the meaning of a row change: the new version is built beside the old one. */
  readonly version: number
  /** Names of its tables, in the order in which they are made. */
  readonly tables: readonly string[]
  /** The event types that it reads: a batch without any of them is not handed to `apply`. */
  readonly reads: ReadonlySet<string>
  migrate(sql: Sql, table: TableNames): Promise<void>
  apply(sql: Sql, table: TableNames, events: readonly Recorded[]): Promise<void>
}

/** The real name of a table in one version and generation of a projection, for example `interfaces_v1_g3`. */
export type TableNames = (name: string) => string

/** What queries and answers need of the engine. */
export interface ReadModels extends Sql {
  /** The real name of a live table: `table('interfaces')`. Ask at each query; it changes when a rebuild is switched to. */
  table(name: string): string
  /** Waits until every running projection has passed `position`, at most `milliseconds`; false when it did not. */
  passed(position: Position, milliseconds?: number): Promise<boolean>
}
