import { carryOut, type Sql } from '../../platform/sql.ts'
import { arrayParameter, arrayText, type Column, type Value } from './columns.ts'
import type { KeyEdit, Step } from './edits.ts'
import { type AnyRow, keyId, keyValues, type Shape } from './shape.ts'

/** Writes collected edits: at most one select, one insert and one delete for all that go by key. */
export async function flush(sql: Sql, shape: Shape, table: string, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'byKey') await byKey(sql, shape, table, [...step.edits.values()])
    else if (step.kind === 'removeWhere') await removeWhere(sql, shape, table, step.match)
    else await patchWhere(sql, shape, table, step)
  }
}

async function byKey(sql: Sql, shape: Shape, table: string, edits: readonly KeyEdit[]): Promise<void> {
  const patched = edits.filter(({ base, changes }) => base === 'stored' && changes.length > 0)
  const stored = await read(sql, shape, table, patched)
  const written: AnyRow[] = []
  const removed: KeyEdit[] = []
  for (const edit of edits) {
    if (edit.base === 'none') removed.push(edit)
    else {
      const base = edit.base === 'stored' ? stored.get(keyId(edit.key)) : edit.base
      if (base !== undefined) written.push(changed(shape, base, edit))
    }
  }
  await write(sql, shape, table, written)
  await remove(sql, shape, table, removed)
}

function changed(shape: Shape, base: AnyRow, { key, changes }: KeyEdit): AnyRow {
  if (changes.length === 0) return base
  const row = changes.reduce((before, change) => change(before), base)
  if (keyId(keyValues(shape, row)) !== keyId(key)) throw new Error(`a patch must not change the key ${key.join(', ')}`)
  return row
}

async function read(sql: Sql, shape: Shape, table: string, edits: readonly KeyEdit[]): Promise<Map<Value, AnyRow>> {
  if (edits.length === 0) return new Map()
  const columns = shape.columns.map(({ name }) => `t."${name}"::text`).join(', ')
  const text = `select ${columns} from ${table} t join ${keysAsRows(shape)} on ${sameKey(shape)}`
  const rows = await sql.query<Record<string, string | null>>(text, keyArrays(shape, edits))
  return new Map(
    rows.map((texts) => {
      const row = Object.fromEntries(
        shape.columns.map((column) => [column.name, column.read(texts[column.name] ?? null)]),
      )
      return [keyId(keyValues(shape, row)), row]
    }),
  )
}

async function write(sql: Sql, { columns, key }: Shape, table: string, rows: readonly AnyRow[]): Promise<void> {
  if (rows.length === 0) return
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  const set = columns.filter((column) => !key.includes(column)).map(({ name }) => `"${name}" = excluded."${name}"`)
  const conflict = `on conflict (${key.map(({ name }) => `"${name}"`).join(', ')})`
  await carryOut(
    sql,
    `insert into ${table} (${names}) select * from unnest(${arrays(columns)})
     ${conflict} do ${set.length === 0 ? 'nothing' : `update set ${set.join(', ')}`}`,
    columns.map((column) =>
      arrayText(
        column,
        rows.map((row) => row[column.name] ?? null),
      ),
    ),
  )
}

async function remove(sql: Sql, shape: Shape, table: string, edits: readonly KeyEdit[]): Promise<void> {
  if (edits.length === 0) return
  const text = `delete from ${table} t using ${keysAsRows(shape)} where ${sameKey(shape)}`
  await carryOut(sql, text, keyArrays(shape, edits))
}

async function removeWhere(sql: Sql, shape: Shape, table: string, match: AnyRow): Promise<void> {
  const where = matching(shape, match, 1)
  await carryOut(sql, `delete from ${table} where ${where.text}`, where.values)
}

async function patchWhere(
  sql: Sql,
  shape: Shape,
  table: string,
  { match, fields }: { match: AnyRow; fields: AnyRow },
): Promise<void> {
  const set = Object.keys(fields).map((name, index) => `"${name}" = $${index + 1}::${typeOf(shape, name)}`)
  if (set.length === 0) return
  const where = matching(shape, match, set.length + 1)
  await carryOut(sql, `update ${table} set ${set.join(', ')} where ${where.text}`, [
    ...Object.values(fields),
    ...where.values,
  ])
}

// `is not distinct from` would do for null as well, but finds no index.
function matching(shape: Shape, match: AnyRow, first: number): { text: string; values: Value[] } {
  const terms: string[] = []
  const values: Value[] = []
  for (const [name, value] of Object.entries(match)) {
    if (value === null) terms.push(`"${name}" is null`)
    else terms.push(`"${name}" = $${first + values.push(value) - 1}::${typeOf(shape, name)}`)
  }
  if (terms.length === 0)
    throw new Error('rows to change or to remove need at least one condition: without it all would go')
  return { text: terms.join(' and '), values }
}

function typeOf({ columns }: Shape, name: string): string {
  const column = columns.find((candidate) => candidate.name === name)
  if (column === undefined) throw new Error(`there is no column ${name}`)
  return column.type
}

const arrays = (columns: readonly Column[]) =>
  columns.map((column, index) => arrayParameter(column, index + 1)).join(', ')
const keysAsRows = ({ key }: Shape) => `unnest(${arrays(key)}) as k (${key.map((_, index) => `c${index}`).join(', ')})`
const sameKey = ({ key }: Shape) => key.map(({ name }, index) => `t."${name}" = k.c${index}`).join(' and ')
const keyArrays = ({ key }: Shape, edits: readonly KeyEdit[]) =>
  key.map((column, index) =>
    arrayText(
      column,
      edits.map((edit) => edit.key[index] ?? null),
    ),
  )
