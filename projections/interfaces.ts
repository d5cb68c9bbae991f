import type { InterfaceFields } from '../contracts/interface.ts'
import { build } from '../platform/postgres.ts'
import { lifecycle } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'interfaces',
  key: 'id',
  columns: {
    id: 'integer',
    project: 'integer',
    name: 'text',
    url: 'text',
    method: 'text',
    type: 'text',
    revision: 'bigint',
  },
  indexes: ['project'],
})

/** Interfaces that are not deleted themselves; one is seen only while its project is there. */
export const interfacesProjection = lifecycle({
  kind: 'Interface',
  version: 1,
  table,
  created: (data) => data as InterfaceFields & { id: number; project: number },
  changed: (data) => data as Partial<InterfaceFields>,
})

export type InterfaceRow = InterfaceFields & Readonly<{ id: number; project: number; revision: string }>
export type CaseTitle = Readonly<{ id: number; title: string }>

const COLUMNS = ['id', 'project', 'name', 'url', 'method', 'type', 'revision'].map((name) => `interfaces.${name}`)

/** An interface with the titles of its cases, in one row. */
export type InterfaceWithCases = InterfaceRow & Readonly<{ cases: readonly CaseTitle[] }>
type Stored = InterfaceRow & Readonly<{ cases: string }>

function casesOf(models: ReadModels): string {
  return `coalesce((select json_agg(json_build_object('id', id, 'title', title) order by id)
                    from ${models.table('cases')} where interface = interfaces.id), '[]') as cases`
}

export async function listInterfaces(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<InterfaceWithCases>> {
  const query = build({ interfaces: models.table('interfaces') })
    .join({ projects: models.table('projects') }, 'projects.id', 'interfaces.project')
    .select(...COLUMNS, build.raw(casesOf(models)))
    .orderBy('interfaces.id')
  if (filter.project !== undefined) void query.where('interfaces.project', filter.project)
  searched(query, 'interfaces.name', filter)
  const { rows, count } = await page<Stored>(models, query, window)
  return { rows: rows.map(read), count }
}

export async function findInterface(models: ReadModels, id: number): Promise<InterfaceWithCases | undefined> {
  const [row] = await models.query<Stored>(
    `select ${COLUMNS.join(', ')}, ${casesOf(models)} from ${models.table('interfaces')} interfaces
     join ${models.table('projects')} projects on projects.id = interfaces.project
     where interfaces.id = $1`,
    [id],
  )
  return row && read(row)
}

function read(row: Stored): InterfaceWithCases {
  return { ...row, cases: JSON.parse(row.cases) as CaseTitle[] }
}
