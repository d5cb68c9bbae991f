import type { LongText } from '../contracts/blob.ts'
import { type BugEvent, type BugFields, type BugStatus, handleOf, type Handling } from '../contracts/bug.ts'
import { idOf, type Recorded } from '../contracts/core.ts'
import type { InterfaceEvent } from '../contracts/interface.ts'
import type { JsonText } from '../contracts/json.ts'
import { build } from '../platform/postgres.ts'
import { longTexts } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const bugs = tableOf({
  name: 'bugs',
  key: 'id',
  columns: {
    id: 'integer',
    interface: 'integer',
    project: 'integer',
    desc: 'text',
    info: 'json',
    status: 'text',
    user: 'text',
    create_time: 'text',
    revision: 'bigint',
  },
  indexes: ['project', 'interface'],
})

/** One row for each event that changed a bug; `status` is null where it stayed what it was. */
const handlings = tableOf({
  name: 'bug_handlings',
  key: ['bug', 'revision'],
  columns: { bug: 'integer', revision: 'bigint', status: 'text?', update_user: 'text', create_time: 'text' },
})

/** The URL that each interface has, or had when it was deleted: bugs outlive their interfaces. */
const urls = tableOf({ name: 'bug_urls', key: 'interface', columns: { interface: 'integer', url: 'text' } })

/** Bugs that are not deleted, how each was handled, and the URLs of all interfaces. */
export const bugsProjection: Projection = {
  name: bugs.name,
  version: 1,
  tables: [bugs.name, handlings.name, urls.name],
  reads: new Set<(BugEvent | InterfaceEvent)['type']>([
    'BugReported',
    'BugChanged',
    'BugDeleted',
    'InterfaceCreated',
    'InterfaceChanged',
  ]),

  async migrate(sql, name) {
    await bugs.create(sql, name(bugs.name))
    await handlings.create(sql, name(handlings.name))
    await urls.create(sql, name(urls.name))
  },

  async apply(sql, name, events) {
    const recorded = events as readonly Recorded<BugEvent | InterfaceEvent>[]
    await bugs.edit(sql, name(bugs.name), (rows) => {
      for (const event of recorded) {
        const revision = Number(event.revision)
        switch (event.type) {
          case 'BugReported': {
            const { interface_url: _, by: __, info, ...fields } = event.data
            rows.put({ ...fields, info: JSON.stringify(info), create_time: event.at, revision })
            break
          }
          case 'BugChanged': {
            const { interface_url: _, by: __, info: ___, ...changes } = event.data
            rows.patch(idOf(event.stream), { ...changes, ...longTexts(event.data, ['info']), revision })
            break
          }
          case 'BugDeleted':
            rows.remove(idOf(event.stream))
            break
        }
      }
    })
    await handlings.edit(sql, name(handlings.name), (rows) => {
      for (const event of recorded) {
        const bug = idOf(event.stream)
        if (event.type === 'BugDeleted') rows.removeWhere({ bug })
        if (event.type !== 'BugReported' && event.type !== 'BugChanged') continue
        const { status = null, by } = event.data
        rows.put({ bug, revision: Number(event.revision), status, update_user: by, create_time: event.at })
      }
    })
    await urls.edit(sql, name(urls.name), (rows) => {
      for (const event of recorded) {
        const told = event.type === 'InterfaceCreated' || event.type === 'InterfaceChanged'
        if (told && event.data.url !== undefined) rows.put({ interface: idOf(event.stream), url: event.data.url })
      }
    })
  },
}

/** A bug as a list shows it. `interface_url` is the URL that its interface has now, or had last. */
export type BugRow = Omit<BugFields, 'info'> &
  Readonly<{ id: number; create_time: string; interface: number; interface_url: string }>
/** `info` may be a reference. */
export type BugDetail = BugRow & Pick<BugFields, 'info'> & Readonly<{ handle: readonly Handling[]; revision: string }>

const COLUMNS = ['id', 'create_time', 'desc', 'status', 'user', 'interface'].map((name) => `bugs.${name}`)

function all(models: ReadModels): ReturnType<typeof build> {
  return build({ bugs: models.table('bugs') })
    .join({ urls: models.table('bug_urls') }, 'urls.interface', 'bugs.interface')
    .select(...COLUMNS, 'urls.url as interface_url')
}

type Filter = Search &
  Readonly<{ project?: number | undefined; interface?: number | undefined; status?: string | undefined }>

/** Those of projects that are there, whatever has become of their interfaces. */
export function listBugs(models: ReadModels, filter: Filter, window: Window): Promise<Page<BugRow>> {
  const query = all(models)
    .join({ projects: models.table('projects') }, 'projects.id', 'bugs.project')
    .orderBy('bugs.id')
  if (filter.project !== undefined) void query.where('bugs.project', filter.project)
  if (filter.interface !== undefined) void query.where('bugs.interface', filter.interface)
  if (filter.status !== undefined) void query.where('bugs.status', filter.status)
  searched(query, 'bugs.desc', filter)
  return page(models, query, window)
}

type StoredHandling = Readonly<{ status: BugStatus | null; update_user: string; create_time: string }>

type Stored = BugRow & Readonly<{ info: string; handlings: string; revision: string }>

/** The bug, were its project gone too. */
export async function findBug(models: ReadModels, id: number): Promise<BugDetail | undefined> {
  const handlings = `(select json_agg(json_build_object('status', status, 'update_user', update_user,
                                                        'create_time', create_time) order by revision)
                      from ${models.table('bug_handlings')} where bug = bugs.id) as handlings`
  const query = all(models).select('bugs.info', 'bugs.revision', build.raw(handlings)).where('bugs.id', id)
  const { rows } = await page<Stored>(models, query, { limit: null, offset: 0 })
  if (!rows[0]) return undefined
  const { info, handlings: stored, ...row } = rows[0]
  const handle = told(JSON.parse(stored) as readonly StoredHandling[])
  return { ...row, info: JSON.parse(info) as LongText<JsonText>, handle }
}

/** What was done, in words: the status is the one after it, be it an older one. */
function told(stored: readonly StoredHandling[]): readonly Handling[] {
  let present: BugStatus = '未处理'
  return stored.map(({ status, ...rest }, index) => {
    present = status ?? present
    return { handle: handleOf(index === 0 ? 'BugReported' : 'BugChanged', present), ...rest }
  })
}

/** The URL that an interface has, or had when it was deleted. */
export async function urlOfInterface(models: ReadModels, id: number): Promise<string | undefined> {
  const [row] = await models.query<{ url: string }>(
    `select url from ${models.table('bug_urls')} where interface = $1`,
    [id],
  )
  return row?.url
}
