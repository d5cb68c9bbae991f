import type { ProjectFields } from '../contracts/project.ts'
import { build } from '../platform/postgres.ts'
import { lifecycle } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'projects',
  key: 'id',
  columns: { id: 'integer', name: 'text', leader: 'text', create_time: 'text', revision: 'bigint' },
})

/** Projects that are not deleted. What hangs on a project is seen only while its row is here. */
export const projectsProjection = lifecycle({
  kind: 'Project',
  version: 1,
  table,
  created: (data, event) => ({ ...(data as ProjectFields & { id: number }), create_time: event.at }),
  changed: (data) => data as Partial<ProjectFields>,
})

export type ProjectRow = ProjectFields & Readonly<{ id: number; create_time: string; revision: string }>

const COLUMNS = ['id', 'name', 'leader', 'create_time', 'revision']

export function listProjects(models: ReadModels, filter: Search, window: Window): Promise<Page<ProjectRow>> {
  const query = build(models.table('projects')).select(COLUMNS).orderBy('id')
  searched(query, 'name', filter)
  return page(models, query, window)
}

export async function findProject(models: ReadModels, id: number): Promise<ProjectRow | undefined> {
  const [row] = await models.query<ProjectRow>(
    `select ${COLUMNS.join(', ')} from ${models.table('projects')} where id = $1`,
    [id],
  )
  return row
}
