import type { Value } from './columns.ts'
import { type AnyRow, keyId, keyValues, type Shape } from './shape.ts'

/** What a projection does to the rows of a table, in the events' order. */
export interface Edits<Row, Key> {
  /** The row is this one, whether there was one of its key or not. */
  put(row: Row): void
  /** Sets fields, or makes a new row of the old one. Passed over when no row has the key: the thing was deleted meanwhile. */
  patch(key: Key, change: Partial<Row> | ((row: Row) => Row)): void
  remove(key: Key): void
  /** Sets fields of every row whose columns have these values. */
  patchWhere(match: Partial<Row>, fields: Partial<Row>): void
  /** Removes every row whose columns have these values. */
  removeWhere(match: Partial<Row>): void
}

/** What happens to the row of one key. `base` is what the changes apply to: a row of this batch, none, or the stored one. */
export type KeyEdit = { readonly key: readonly Value[]; base: AnyRow | 'none' | 'stored'; changes: Change[] }
export type Change = (row: AnyRow) => AnyRow

/** Edits in the order in which they are written: those by key stand together, one that goes by values stands alone. */
export type Step =
  | Readonly<{ kind: 'byKey'; edits: Map<Value, KeyEdit> }>
  | Readonly<{ kind: 'patchWhere'; match: AnyRow; fields: AnyRow }>
  | Readonly<{ kind: 'removeWhere'; match: AnyRow }>

/** What `fill` said, gathered by key. */
export function collectEdits<Row extends AnyRow, Key>(
  shape: Shape,
  fill: (batch: Edits<Row, Key>) => void,
): readonly Step[] {
  const steps: Step[] = []

  function edit(key: readonly Value[]): KeyEdit {
    const last = steps.at(-1)
    const edits = last?.kind === 'byKey' ? last.edits : new Map<Value, KeyEdit>()
    if (last?.kind !== 'byKey') steps.push({ kind: 'byKey', edits })
    const id = keyId(key)
    let found = edits.get(id)
    if (found === undefined) edits.set(id, (found = { key, base: 'stored', changes: [] }))
    return found
  }
  const values = (key: Key) => (Array.isArray(key) ? key : [key]) as readonly Value[]
  const start = (key: readonly Value[], base: AnyRow | 'none') => Object.assign(edit(key), { base, changes: [] })

  fill({
    put: (row) => void start(keyValues(shape, row), row),
    remove: (key) => void start(values(key), 'none'),
    patch(key, change) {
      // The rows that a change is given are this table's own, and so of its type.
      const apply = typeof change === 'function' ? (change as unknown as Change) : setting(change)
      edit(values(key)).changes.push(apply)
    },
    patchWhere: (match, fields) => void steps.push({ kind: 'patchWhere', match: some(match), fields: some(fields) }),
    removeWhere: (match) => void steps.push({ kind: 'removeWhere', match: some(match) }),
  })
  return steps
}

const setting =
  (fields: object): Change =>
  (row) => {
    const changed: Record<string, Value> = { ...row }
    for (const [name, value] of Object.entries(fields as AnyRow)) if (value !== undefined) changed[name] = value
    return changed
  }

/** Those fields that are said at all. */
function some(fields: object): AnyRow {
  return Object.fromEntries(Object.entries(fields as AnyRow).filter(([, value]) => value !== undefined))
}
