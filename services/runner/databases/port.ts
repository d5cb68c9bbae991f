/** What scripts and databases under test say to each other. Values travel as texts; the kind of a column says what Python makes of them. */

/** What Python makes of a column's texts. `array:` stands before the kind of its elements; `base64` and `hex` become bytes. */
export type Kind =
  | 'int'
  | 'float'
  | 'decimal'
  | 'bool'
  | 'str'
  | 'base64'
  | 'hex'
  | 'date'
  | 'datetime'
  | 'time'
  | 'duration'
  | 'interval'
  | 'json'
export type ColumnKind = Kind | `array:${Kind}`
export type Column = readonly [name: string, kind: ColumnKind]
/** A value as its database writes it; elements of an array in their order. */
export type Value = null | string | readonly Value[]

/** What a script gives for one placeholder. Texts are as Python prints them; `bytes` is base64. */
export type Scalar =
  null | readonly [kind: 'bool' | 'int' | 'float' | 'decimal' | 'str' | 'bytes' | 'datetime', text: string]

/** A statement as the database reads it: placeholders in its own spelling, and a value for each. Without values it goes as it is. */
export type Statement = Readonly<{ sql: string; values: readonly Scalar[] | null }>

/** Why a script got no rows: a Python `DatabaseError` with these `args` (MySQL's are a number and a sentence) and this `pgcode`. */
export class DatabaseFault extends Error {
  readonly args: readonly (string | number)[]
  readonly pgcode: string | null

  constructor(args: readonly [string] | readonly [number, string], pgcode: string | null = null) {
    super(String(args.at(-1)))
    this.name = 'DatabaseFault'
    this.args = args
    this.pgcode = pgcode
  }
}

/** Where a statement's rows go. */
export interface RowTaker {
  /** A result begins; what an earlier one of the same statement brought is forgotten. */
  begin(columns: readonly Column[]): void
  row(values: readonly Value[]): void
  /** So many bytes have come from the database. */
  received(bytes: number): void
}

/** One connection to a database under test, with autocommit. Statements follow one another. */
export interface Session {
  /** Whether it can take another statement. */
  readonly usable: boolean
  /** Rejects with what the database says, with what `rows` throws, or when `signal` is aborted with its reason; after the last two it is not usable. */
  run(statement: Statement, rows: RowTaker, signal: AbortSignal): Promise<void>
  /** Says goodbye. */
  end(): Promise<void>
}
