import { build, run } from '../../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from '../page.ts'
import type { ReadModels } from '../port.ts'
import { RECORD_COLUMNS, type RunRow } from '../runs.ts'
import { type CountedBy, countOfRuns, ofThese } from './counts.ts'

/** What lists of records are narrowed by; `from` and `before` are milliseconds since 1970 between which the run was asked for. */
export type RecordFilter = CountedBy &
  Search &
  Readonly<{
    environment?: number | undefined
    state?: string | undefined
    from?: number | undefined
    before?: number | undefined
  }>

/** Records of runs, newest first; they are searched for the name of what was run. */
export async function listRecords(models: ReadModels, filter: RecordFilter, window: Window): Promise<Page<RunRow>> {
  const { environment, state, from, before, search = '' } = filter
  const query = build(models.table('runs')).select(RECORD_COLUMNS).orderBy('id', 'desc')
  void ofThese(query, await fewest(models, filter))
  for (const [column, value] of Object.entries({ environment, state })) {
    if (value !== undefined) void query.where(column, value)
  }
  if (from !== undefined) void query.where('requested_ms', '>=', from)
  if (before !== undefined) void query.where('requested_ms', '<', before)
  searched(query, 'name', filter)
  const narrowed = search !== '' || [environment, state, from, before].some((value) => value !== undefined)
  if (narrowed || window.limit === null) return page(models, query, window)
  // How many these are is known: nobody counts all runs for one page of them.
  const shown = run<RunRow>(models, query.limit(window.limit).offset(window.offset))
  const [rows, count] = await Promise.all([shown, countOfRuns(models, filter)])
  return { rows, count }
}

/**
 * The fewest conditions that leave the same runs. Those of a task are all of its kind and its project: the database does not know that,
 * thinks that hardly any run is of all three, and rather sorts all of the task's than read the newest of them.
 */
async function fewest(models: ReadModels, { project, kind, task }: CountedBy): Promise<CountedBy> {
  if (task === undefined) return { project, kind }
  const [both, ofTask] = await Promise.all([
    countOfRuns(models, { project, kind: kind ?? 'task', task }),
    countOfRuns(models, { task }),
  ])
  return both === ofTask ? { kind: 'task', task } : { project, kind, task }
}
