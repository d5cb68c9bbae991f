import { idOf, type Recorded } from '../contracts/core.ts'
import type { ModuleEvent, ModuleFields } from '../contracts/module.ts'
import { build } from '../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

/** A row stays when its module is removed: a repeat of the removal names the module alone, and its project is found here. */
const table = tableOf({
  name: 'modules',
  key: 'id',
  columns: {
    id: 'integer',
    project: 'integer',
    name: 'text',
    parent: 'integer?',
    removed: 'boolean',
    /** Of the last event that told of this module. The highest of a project's is that of the stream. */
    revision: 'bigint',
  },
  indexes: ['project'],
})

/** The modules of all projects; one is seen while it is not removed and its project is there. */
export const modulesProjection: Projection = {
  name: table.name,
  version: 1,
  tables: [table.name],
  reads: new Set<ModuleEvent['type']>(['ModuleAdded', 'ModuleChanged', 'ModuleRemoved']),
  migrate: (sql, name) => table.create(sql, name(table.name)),
  apply: (sql, name, events) =>
    table.edit(sql, name(table.name), (rows) => {
      for (const event of events as readonly Recorded<ModuleEvent>[]) {
        const revision = Number(event.revision)
        switch (event.type) {
          case 'ModuleAdded': {
            const { module, name: called, parent } = event.data
            rows.put({ id: module, project: idOf(event.stream), name: called, parent, removed: false, revision })
            break
          }
          case 'ModuleChanged': {
            const { module, ...changes } = event.data
            rows.patch(module, { ...changes, revision })
            break
          }
          case 'ModuleRemoved':
            for (const id of [event.data.module, ...event.data.below]) rows.patch(id, { removed: true, revision })
            break
        }
      }
    }),
}

export type ModuleRow = ModuleFields & Readonly<{ id: number; project: number }>

function visible(models: ReadModels): ReturnType<typeof build> {
  return build({ modules: models.table('modules') })
    .join({ projects: models.table('projects') }, 'projects.id', 'modules.project')
    .where('modules.removed', false)
    .select('modules.id', 'modules.name', 'modules.project', 'modules.parent')
}

export function listModules(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<ModuleRow>> {
  const query = visible(models).orderBy('modules.id')
  if (filter.project !== undefined) void query.where('modules.project', filter.project)
  searched(query, 'modules.name', filter)
  return page(models, query, window)
}

/** A module; `revision` is that of its project's stream. */
export async function findModule(
  models: ReadModels,
  id: number,
): Promise<(ModuleRow & Readonly<{ revision: string }>) | undefined> {
  const revision = `(select max(told.revision) from ${models.table('modules')} told
                     where told.project = modules.project) as revision`
  const query = visible(models).select(build.raw(revision)).where('modules.id', id)
  const { rows } = await page<ModuleRow & { revision: string }>(models, query, { limit: null, offset: 0 })
  return rows[0]
}

/** The project that a module is or was of, and whether the module can be seen. A module never leaves its project. */
export type ModulePlace = Readonly<{ project: number; visible: boolean }>

/** Undefined for a module that never was. */
export async function placeOfModule(models: ReadModels, id: number): Promise<ModulePlace | undefined> {
  const [row] = await models.query<ModulePlace>(
    `select modules.project, not modules.removed and projects.id is not null as visible
     from ${models.table('modules')} modules
     left join ${models.table('projects')} projects on projects.id = modules.project
     where modules.id = $1`,
    [id],
  )
  return row
}
