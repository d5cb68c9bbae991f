import type { Recorded } from '../contracts/core.ts'
import type { FileEvent, FileFields } from '../contracts/file.ts'
import { build } from '../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'files',
  key: 'id',
  columns: {
    id: 'integer',
    project: 'integer?',
    name: 'text',
    type: 'text',
    size: 'integer',
    sha256: 'text',
    deleted: 'boolean',
    revision: 'bigint',
  },
  indexes: ['project'],
})

/** Files by id. Those that are deleted stay, unseen: an id still leads to the stream, which is named by the file's name. */
export const filesProjection: Projection = {
  name: table.name,
  version: 1,
  tables: [table.name],
  reads: new Set<FileEvent['type']>(['FileUploaded', 'FileDeleted']),
  migrate: (sql, name) => table.create(sql, name(table.name)),
  apply: (sql, name, events) =>
    table.edit(sql, name(table.name), (rows) => {
      for (const event of events as readonly Recorded<FileEvent>[]) {
        const revision = Number(event.revision)
        if (event.type === 'FileUploaded') rows.put({ ...event.data, deleted: false, revision })
        if (event.type === 'FileDeleted') rows.patch(event.data.id, { deleted: true, revision })
      }
    }),
}

export type FileRow = FileFields & Readonly<{ id: number; project: number | null; revision: string }>

const COLUMNS = ['id', 'project', 'name', 'type', 'size', 'sha256', 'revision'].map((name) => `files.${name}`)

/** Files that are not deleted, of projects that are not: one without a project stands by itself. */
function visible(models: ReadModels): ReturnType<typeof build> {
  return build({ files: models.table('files') })
    .leftJoin({ projects: models.table('projects') }, 'projects.id', 'files.project')
    .where('files.deleted', false)
    .whereRaw('(files.project is null or projects.id is not null)')
    .select(COLUMNS)
}

/** Newest first. */
export function listFiles(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined }>,
  window: Window,
): Promise<Page<FileRow>> {
  const query = visible(models).orderBy('files.id', 'desc')
  if (filter.project !== undefined) void query.where('files.project', filter.project)
  searched(query, 'files.name', filter)
  return page<FileRow>(models, query, window)
}

export async function findFile(models: ReadModels, id: number): Promise<FileRow | undefined> {
  const { rows } = await page<FileRow>(models, visible(models).where('files.id', id), { limit: null, offset: 0 })
  return rows[0]
}

/** What the file with this id is or was called, deleted or not. */
export async function nameOfFile(
  models: ReadModels,
  id: number,
): Promise<Readonly<{ project: number | null; name: string }> | undefined> {
  const [row] = await models.query<{ project: number | null; name: string }>(
    `select project, name from ${models.table('files')} where id = $1`,
    [id],
  )
  return row
}
