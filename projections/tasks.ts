import type { TaskFields } from '../contracts/task.ts'
import { build } from '../platform/postgres.ts'
import { lifecycle } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

/** `scenes` is the JSON of their ids, in the order of the task: deleted ones too, and one as often as it runs. */
const table = tableOf({
  name: 'tasks',
  key: 'id',
  columns: {
    id: 'integer',
    project: 'integer',
    name: 'text',
    scenes: 'json',
    concurrency: 'integer',
    revision: 'bigint',
  },
  indexes: ['project'],
})

/** Tasks that are not deleted themselves; one is seen only while its project is there. */
export const tasksProjection = lifecycle({
  kind: 'Task',
  version: 1,
  table,
  created: (data) => {
    const { scenes, ...fields } = data as TaskFields & { id: number; project: number }
    return { ...fields, scenes: JSON.stringify(scenes) }
  },
  changed: (data) => {
    const { scenes, ...fields } = data as Partial<TaskFields>
    return { ...fields, ...(scenes && { scenes: JSON.stringify(scenes) }) }
  },
})

export type TaskRow = TaskFields & Readonly<{ id: number; project: number; revision: string }>
type Stored = Omit<TaskRow, 'scenes'> & Readonly<{ scenes: string }>

function visible(models: ReadModels): ReturnType<typeof build> {
  return build({ tasks: models.table('tasks') })
    .join({ projects: models.table('projects') }, 'projects.id', 'tasks.project')
    .select('tasks.id', 'tasks.project', 'tasks.name', 'tasks.scenes', 'tasks.concurrency', 'tasks.revision')
}

export async function listTasks(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<TaskRow>> {
  const query = visible(models).orderBy('tasks.id')
  if (filter.project !== undefined) void query.where('tasks.project', filter.project)
  searched(query, 'tasks.name', filter)
  const { rows, count } = await page<Stored>(models, query, window)
  return { rows: rows.map(read), count }
}

export async function findTask(models: ReadModels, id: number): Promise<TaskRow | undefined> {
  const { rows } = await page<Stored>(models, visible(models).where('tasks.id', id), { limit: null, offset: 0 })
  return rows[0] && read(rows[0])
}

function read(row: Stored): TaskRow {
  return { ...row, scenes: JSON.parse(row.scenes) as number[] }
}
