import type { CaseFields } from '../contracts/case.ts'
import type { LongText } from '../contracts/blob.ts'
import { build } from '../platform/postgres.ts'
import type { CaseTitle, InterfaceRow } from './interfaces.ts'
import { lifecycle, longTexts } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'cases',
  key: 'id',
  columns: {
    id: 'integer',
    interface: 'integer',
    title: 'text',
    headers: 'json',
    request: 'json',
    file: 'json',
    setup_script: 'json',
    teardown_script: 'json',
    revision: 'bigint',
  },
  indexes: ['interface'],
})

/** The columns that hold a text, or a reference to a long one. */
const LONG = ['headers', 'request', 'file', 'setup_script', 'teardown_script'] as const
type Long = (typeof LONG)[number]

/** Cases that are not deleted themselves; one is seen only while its interface and project are there. */
export const casesProjection = lifecycle({
  kind: 'Case',
  version: 1,
  table,
  created: (data) => {
    const { id, interface: owner, title } = data as CaseFields & { id: number; interface: number }
    return { id, interface: owner, title, ...(longTexts(data, LONG) as Record<Long, string>) }
  },
  changed: (data) => {
    const { title, interface: owner } = data as Partial<CaseFields & { interface: number }>
    return {
      ...(title !== undefined && { title }),
      ...(owner !== undefined && { interface: owner }),
      ...longTexts(data, LONG),
    }
  },
})

/** A case with the interface that it belongs to; long texts may be references. */
export type CaseRow = CaseFields & Readonly<{ id: number; interface: Omit<InterfaceRow, 'revision'>; revision: string }>

function visible(models: ReadModels): ReturnType<typeof build> {
  return build({ cases: models.table('cases') })
    .join({ interfaces: models.table('interfaces') }, 'interfaces.id', 'cases.interface')
    .join({ projects: models.table('projects') }, 'projects.id', 'interfaces.project')
}

/** Leaves the cases that the scene's steps run, each where it runs first. */
function inScene(models: ReadModels, query: ReturnType<typeof visible>, scene: number): void {
  const first = build({ steps: models.table('steps') })
    .join({ scenes: models.table('scenes') }, 'scenes.id', 'steps.scene')
    .distinctOn('steps.icase')
    .select('steps.icase', 'steps.sort', 'steps.id')
    .where({ 'steps.scene': scene, 'steps.removed': false })
    .orderBy(['steps.icase', 'steps.sort', 'steps.id'])
  void query.join(first.as('steps'), 'steps.icase', 'cases.id').orderBy(['steps.sort', 'steps.id'])
}

export function listCases(
  models: ReadModels,
  filter: Search &
    Readonly<{ interface?: number | undefined; project?: number | undefined; scene?: number | undefined }>,
  window: Window,
): Promise<Page<CaseTitle>> {
  const query = visible(models).select('cases.id', 'cases.title')
  if (filter.scene === undefined) void query.orderBy('cases.id')
  else inScene(models, query, filter.scene)
  if (filter.interface !== undefined) void query.where('cases.interface', filter.interface)
  if (filter.project !== undefined) void query.where('interfaces.project', filter.project)
  searched(query, 'cases.title', filter)
  return page(models, query, window)
}

type Joined = Readonly<
  Record<Long | 'title' | 'name' | 'url' | 'method' | 'type' | 'revision', string> &
    Record<'id' | 'interface' | 'project', number>
>

export async function findCase(models: ReadModels, id: number): Promise<CaseRow | undefined> {
  const [row] = await models.query<Joined>(
    `select cases.id, cases.title, cases.headers, cases.request, cases.file, cases.setup_script, cases.teardown_script,
            cases.revision, cases.interface, interfaces.name, interfaces.url, interfaces.method, interfaces.type,
            interfaces.project
     from ${models.table('cases')} cases
     join ${models.table('interfaces')} interfaces on interfaces.id = cases.interface
     join ${models.table('projects')} projects on projects.id = interfaces.project
     where cases.id = $1`,
    [id],
  )
  if (!row) return undefined
  const { title, revision, interface: owner, name, url, method, type, project } = row
  const texts = Object.fromEntries(LONG.map((column) => [column, JSON.parse(row[column]) as LongText]))
  return {
    id,
    interface: { id: owner, name, url, method, type, project },
    title,
    ...(texts as Pick<CaseFields, Long>),
    revision,
  }
}
