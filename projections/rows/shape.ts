import type { Column, ColumnType, Value, ValueOf } from './columns.ts'

export type Columns = Readonly<Record<string, ColumnType>>

/** One column's name, or several. */
export type KeyColumns<C extends Columns> = (keyof C & string) | readonly (keyof C & string)[]

export type RowOf<C extends Columns> = { readonly [N in keyof C]: ValueOf<C[N]> }

/** What names a row: the value of its key's column, or those of all in order. */
export type KeyOf<C extends Columns, K extends KeyColumns<C>> = K extends keyof C
  ? ValueOf<C[K]>
  : { readonly [I in keyof K]: K[I] extends keyof C ? ValueOf<C[K[I]]> : never }

/** A row of any table. */
export type AnyRow = Readonly<Record<string, Value>>

/** What reading and writing need to know of a table. */
export type Shape = Readonly<{ columns: readonly Column[]; key: readonly Column[] }>

/** The key's values of a row, in order. */
export function keyValues({ key }: Shape, row: AnyRow): readonly Value[] {
  return key.map(({ name }) => row[name] ?? null)
}

/** One text or number for each key, to find it by in a map. */
export function keyId(values: readonly Value[]): Value {
  return values.length === 1 ? (values[0] ?? null) : JSON.stringify(values)
}
