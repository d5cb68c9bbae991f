import type { LongText } from '../contracts/blob.ts'
import type { Recorded } from '../contracts/core.ts'
import { type EnvironmentEvent, type EnvironmentFields, overlay, type DebugOverlay } from '../contracts/environment.ts'
import { build } from '../platform/postgres.ts'
import { lifecycle, longTexts } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'environments',
  key: 'id',
  columns: {
    id: 'integer',
    project: 'integer',
    name: 'text',
    host: 'text',
    headers: 'json',
    global_variable: 'json',
    debug_global_variable: 'json',
    debug_overlay: 'json',
    db: 'json',
    global_func: 'json',
    secrets: 'json',
    revision: 'bigint',
  },
  indexes: ['project'],
})

/** The columns that hold a text, or a reference to a long one. */
const LONG = ['headers', 'global_variable', 'debug_global_variable', 'db', 'global_func'] as const

/** Test environments that are not deleted themselves. What is secret in them stands sealed here as in the events. */
export const environmentsProjection = lifecycle({
  kind: 'Environment',
  version: 1,
  table,
  created: (data) => {
    const { id, project, name, host, secrets } = data as EnvironmentFields & { id: number; project: number }
    const texts = longTexts(data, LONG) as Record<(typeof LONG)[number], string>
    return { id, project, name, host, ...texts, secrets: JSON.stringify(secrets), debug_overlay: '{}' }
  },
  changed: (data) => {
    const { name, host, secrets, debug_global_variable } = data as Partial<EnvironmentFields>
    return {
      ...(name !== undefined && { name }),
      ...(host !== undefined && { host }),
      ...(secrets !== undefined && { secrets: JSON.stringify(secrets) }),
      ...(debug_global_variable !== undefined && { debug_overlay: '{}' }),
      ...longTexts(data, LONG),
    }
  },
  also: {
    DebugVariablesSaved: (rows, id, event) => {
      const { data } = event as Recorded<Extract<EnvironmentEvent, { type: 'DebugVariablesSaved' }>>
      rows.patch(id, (row) => ({
        ...row,
        debug_overlay: JSON.stringify(overlay(JSON.parse(row.debug_overlay) as DebugOverlay, data)),
        revision: Number(event.revision),
      }))
    },
  },
})

/** An environment as its fold has it; long texts may be references. */
export type EnvironmentRow = EnvironmentFields &
  Readonly<{ id: number; project: number; debug_overlay: DebugOverlay; revision: string }>

type Stored = Readonly<Record<(typeof LONG)[number] | 'secrets' | 'debug_overlay', string>> &
  Pick<EnvironmentRow, 'id' | 'project' | 'name' | 'host' | 'revision'>

const COLUMNS = ['id', 'project', 'name', 'host', ...LONG, 'secrets', 'debug_overlay', 'revision'].map(
  (name) => `environments.${name}`,
)

function visible(models: ReadModels): ReturnType<typeof build> {
  return build({ environments: models.table('environments') })
    .join({ projects: models.table('projects') }, 'projects.id', 'environments.project')
    .select(COLUMNS)
}

export async function listEnvironments(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<EnvironmentRow>> {
  const query = visible(models).orderBy('environments.id')
  if (filter.project !== undefined) void query.where('environments.project', filter.project)
  searched(query, 'environments.name', filter)
  const { rows, count } = await page<Stored>(models, query, window)
  return { rows: rows.map(read), count }
}

export async function findEnvironment(models: ReadModels, id: number): Promise<EnvironmentRow | undefined> {
  const { rows } = await page<Stored>(models, visible(models).where('environments.id', id), { limit: null, offset: 0 })
  return rows[0] && read(rows[0])
}

function read(row: Stored): EnvironmentRow {
  const texts = Object.fromEntries(LONG.map((name) => [name, JSON.parse(row[name]) as LongText])) as Pick<
    EnvironmentFields,
    (typeof LONG)[number]
  >
  return {
    ...row,
    ...texts,
    secrets: JSON.parse(row.secrets) as string[],
    debug_overlay: JSON.parse(row.debug_overlay) as DebugOverlay,
  }
}
