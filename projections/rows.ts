import type { Sql } from '../platform/sql.ts'
import { type Edits, collectEdits } from './rows/edits.ts'
import { type ColumnType, columnOf } from './rows/columns.ts'
import { flush } from './rows/flush.ts'
import type { Columns, KeyColumns, KeyOf, RowOf, Shape } from './rows/shape.ts'

export type { KeyOf, RowOf } from './rows/shape.ts'

/** What a projection says of one of its tables. */
export type TableDeclaration<C extends Columns, K extends KeyColumns<C>> = Readonly<{
  name: string
  /** The column, or the columns, that tell one row from another. */
  key: K
  columns: C
  /** Each one column, several, or an expression in brackets such as `(lower(name))`. */
  indexes?: readonly (Indexed | PartialIndex)[]
}>

type Indexed = string | readonly string[]

/** An index of those rows alone that `where`, a condition in SQL, names: a query finds it that has the same words among its own. */
export type PartialIndex = Readonly<{ on: Indexed; where: string }>

/** A table of a read model: how it is made, and how many rows of it are written at once. */
export interface Table<C extends Columns, K extends KeyColumns<C>> {
  readonly name: string
  /** Makes the table and its indexes under `realName`, which carries version and generation. */
  create(sql: Sql, realName: string): Promise<void>
  /**
   * Writes what `fill` says in as few statements as there can be: rows that only patches name are read first, then all are written
   * by one statement and removed by another. The result is that of each edit alone, in their order.
   */
  edit(sql: Sql, realName: string, fill: (batch: Edits<RowOf<C>, KeyOf<C, K>>) => void): Promise<void>
}

/**
 * Declares a table, for example
 * `tableOf({ name: 'interfaces', key: 'id', columns: { id: 'bigint', name: 'text', request: 'json' }, indexes: ['project'] })`.
 * What has no place in the log (a serial number, the time of writing) is no column: a rebuild must make the same rows.
 */
export function tableOf<const C extends Readonly<Record<string, ColumnType>>, const K extends KeyColumns<C>>(
  declaration: TableDeclaration<C, K>,
): Table<C, K> {
  const { name, indexes = [] } = declaration
  const shape = shapeOf(declaration)
  return {
    name,
    async create(sql, realName) {
      for (const statement of createStatements(shape, realName, indexes)) await sql.query(statement)
    },
    async edit(sql, realName, fill) {
      await flush(sql, shape, realName, collectEdits<RowOf<C>, KeyOf<C, K>>(shape, fill))
    },
  }
}

function shapeOf<C extends Columns, K extends KeyColumns<C>>({ key, columns }: TableDeclaration<C, K>): Shape {
  const all = Object.entries(columns).map(([name, type]) => columnOf(name, type))
  const names: readonly string[] = typeof key === 'string' ? [key] : key
  return { columns: all, key: names.map((name) => all.find((column) => column.name === name) as Shape['key'][number]) }
}

function createStatements(
  { columns, key }: Shape,
  realName: string,
  indexes: readonly (Indexed | PartialIndex)[],
): string[] {
  const lines = columns.map(({ name, type, nullable }) => `"${name}" ${type}${nullable ? '' : ' not null'}`)
  const primary = `primary key (${key.map(({ name }) => `"${name}"`).join(', ')})`
  return [
    `create table ${realName} (${[...lines, primary].join(', ')})`,
    ...indexes.map((index) => `create index on ${realName} ${indexOf(index)}`),
  ]
}

function indexOf(index: Indexed | PartialIndex): string {
  if (typeof index === 'object' && 'on' in index) return `(${indexed(index.on)}) where ${index.where}`
  return `(${indexed(index)})`
}

function indexed(index: Indexed): string {
  if (typeof index !== 'string') return index.map(indexed).join(', ')
  return index.startsWith('(') ? index : `"${index}"`
}
