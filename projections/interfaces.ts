import type { InterfaceFields } from '../contracts/interface.ts'
import { build } from '../platform/postgres.ts'
import { lifecycle } from './lifecycle.ts'
import { page, type Page, type Window } from './page.ts'
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

/** Interfaces with the titles of their cases. */
export async function listInterfaces(
  models: ReadModels,
  filter: Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<InterfaceRow & { cases: readonly CaseTitle[] }>> {
  const query = build({ interfaces: models.table('interfaces') })
    .join({ projects: models.table('projects') }, 'projects.id', 'interfaces.project')
    .select(COLUMNS)
    .orderBy('interfaces.id')
  if (filter.project !== undefined) void query.where('interfaces.project', filter.project)
  const { rows, count } = await page<InterfaceRow>(models, query, window)
  const cases = await casesOf(
    models,
    rows.map(({ id }) => id),
  )
  return { rows: rows.map((row) => ({ ...row, cases: cases.get(row.id) ?? [] })), count }
}

export async function findInterface(
  models: ReadModels,
  id: number,
): Promise<(InterfaceRow & { cases: readonly CaseTitle[] }) | undefined> {
  const [row] = await models.query<InterfaceRow>(
    `select ${COLUMNS.join(', ')} from ${models.table('interfaces')} interfaces
     join ${models.table('projects')} projects on projects.id = interfaces.project
     where interfaces.id = $1`,
    [id],
  )
  return row && { ...row, cases: (await casesOf(models, [id])).get(id) ?? [] }
}

async function casesOf(models: ReadModels, interfaces: readonly number[]): Promise<Map<number, CaseTitle[]>> {
  const rows = await models.query<CaseTitle & { interface: number }>(
    `select id, title, interface from ${models.table('cases')} where interface = any($1::int[]) order by id`,
    [interfaces],
  )
  const byInterface = new Map<number, CaseTitle[]>()
  for (const { id, title, interface: owner } of rows) {
    const titles = byInterface.get(owner) ?? []
    titles.push({ id, title })
    byInterface.set(owner, titles)
  }
  return byInterface
}
