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
    module: 'integer?',
    revision: 'bigint',
  },
  indexes: ['project', 'module'],
})

/** Interfaces that are not deleted themselves; one is seen only while its project is there. */
export const interfacesProjection = lifecycle({
  kind: 'Interface',
  version: 2,
  table,
  created: (data) => ({ module: null, ...(data as InterfaceFields & { id: number; project: number }) }),
  changed: (data) => data as Partial<InterfaceFields>,
})

export type InterfaceRow = InterfaceFields & Readonly<{ id: number; project: number; revision: string }>
export type CaseTitle = Readonly<{ id: number; title: string }>

const COLUMNS = ['id', 'project', 'name', 'url', 'method', 'type', 'revision'].map((name) => `interfaces.${name}`)

/** An interface with the titles of its cases, in one row. `module` is null when there is none, or none any more. */
export type InterfaceWithCases = InterfaceRow & Readonly<{ module: number | null; cases: readonly CaseTitle[] }>
type Stored = Omit<InterfaceWithCases, 'cases'> & Readonly<{ cases: string }>

function visible(models: ReadModels): ReturnType<typeof build> {
  const cases = `coalesce((select json_agg(json_build_object('id', id, 'title', title) order by id)
                           from ${models.table('cases')} where interface = interfaces.id), '[]') as cases`
  return build({ interfaces: models.table('interfaces') })
    .join({ projects: models.table('projects') }, 'projects.id', 'interfaces.project')
    .leftJoin({ modules: models.table('modules') }, (on) => {
      void on.on('modules.id', 'interfaces.module').andOnVal('modules.removed', false)
    })
    .select(...COLUMNS, 'modules.id as module', build.raw(cases))
}

export async function listInterfaces(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined; module?: number | undefined }>,
  window: Window,
): Promise<Page<InterfaceWithCases>> {
  const query = visible(models).orderBy('interfaces.id')
  if (filter.project !== undefined) void query.where('interfaces.project', filter.project)
  if (filter.module !== undefined) void query.where('modules.id', filter.module)
  searched(query, 'interfaces.name', filter)
  const { rows, count } = await page<Stored>(models, query, window)
  return { rows: rows.map(read), count }
}

export async function findInterface(models: ReadModels, id: number): Promise<InterfaceWithCases | undefined> {
  const { rows } = await page<Stored>(models, visible(models).where('interfaces.id', id), { limit: null, offset: 0 })
  return rows[0] && read(rows[0])
}

function read(row: Stored): InterfaceWithCases {
  return { ...row, cases: JSON.parse(row.cases) as CaseTitle[] }
}
