import { idOf, type Recorded } from '../contracts/core.ts'
import type { Projection } from './port.ts'
import type { RowOf, Table } from './rows.ts'
import type { Edits } from './rows/edits.ts'
import type { Columns, KeyColumns } from './rows/shape.ts'

type Rows<C extends Columns> = Edits<RowOf<C>, number>

/** How the rows of one kind of thing follow its events: `Created`, `Changed` and `Deleted`, each with the kind's name before it. */
type Lifecycle<C extends Columns> = Readonly<{
  /** `Project` for ProjectCreated, ProjectChanged, ProjectDeleted. */
  kind: string
  version: number
  table: Table<C, 'id' & KeyColumns<C>>
  /** The row of a thing that has just been created, `revision` apart. */
  created(data: Readonly<Record<string, unknown>>, event: Recorded): Omit<RowOf<C>, 'revision'>
  /** The fields that a change sets. */
  changed(data: Readonly<Record<string, unknown>>): Partial<RowOf<C>>
  /** What other events of the thing's stream do. */
  also?: Readonly<Record<string, (rows: Rows<C>, id: number, event: Recorded) => void>>
}>

/** The read model of one kind of thing: a row while it is not deleted, with the revision of its stream. */
export function lifecycle<C extends Columns>({
  kind,
  version,
  table,
  created,
  changed,
  also = {},
}: Lifecycle<C>): Projection {
  const handlers: Readonly<Record<string, (rows: Rows<C>, id: number, event: Recorded) => void>> = {
    ...also,
    [`${kind}Created`]: (rows, _id, event) =>
      rows.put({ ...created(dataOf(event), event), revision: Number(event.revision) } as RowOf<C>),
    [`${kind}Changed`]: (rows, id, event) =>
      rows.patch(id, { ...changed(dataOf(event)), revision: Number(event.revision) }),
    [`${kind}Deleted`]: (rows, id) => rows.remove(id),
  }
  return {
    name: table.name,
    version,
    tables: [table.name],
    reads: new Set(Object.keys(handlers)),
    migrate: (sql, name) => table.create(sql, name(table.name)),
    apply: (sql, name, events) =>
      table.edit(sql, name(table.name), (rows) => {
        for (const event of events) handlers[event.type]?.(rows as Rows<C>, idOf(event.stream), event)
      }),
  }
}

function dataOf(event: Recorded): Readonly<Record<string, unknown>> {
  return event.data as Readonly<Record<string, unknown>>
}

/** Those of the long texts that `data` holds, each as the JSON that its column keeps: a text, or a reference to a blob. */
export function longTexts(
  data: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const present = names.filter((name) => data[name] !== undefined)
  return Object.fromEntries(present.map((name) => [name, JSON.stringify(data[name])]))
}
