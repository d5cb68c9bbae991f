import type { RunState } from '../../contracts/run.ts'
import { build, run } from '../../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from '../page.ts'
import type { ReadModels } from '../port.ts'
import { RECORD_COLUMNS, type RunRow } from '../runs.ts'
import { type CountedBy, countOfRuns } from './counts.ts'

/** What lists of records are narrowed by; `from` and `before` are milliseconds since 1970 between which the run was asked for. */
export type RecordFilter = CountedBy &
  Search &
  Readonly<{
    environment?: number | undefined
    state?: RunState | undefined
    from?: number | undefined
    before?: number | undefined
  }>

/** Records of runs, newest first; they are searched for the name of what was run. */
export async function listRecords(models: ReadModels, filter: RecordFilter, window: Window): Promise<Page<RunRow>> {
  const { project, kind, task, environment, state, from, before, search = '' } = filter
  const query = build(models.table('runs')).select(RECORD_COLUMNS).orderBy('id', 'desc')
  for (const [column, value] of Object.entries({ project, kind, task, environment, state })) {
    if (value !== undefined) void query.where(column, value)
  }
  if (from !== undefined) void query.where('requested_ms', '>=', from)
  if (before !== undefined) void query.where('requested_ms', '<', before)
  searched(query, 'name', filter)
  const narrowed = search !== '' || [environment, state, from, before].some((value) => value !== undefined)
  if (narrowed || window.limit === null) return page(models, query, window)
  // How many these are is known: nobody counts all runs for one page of them.
  const shown = run<RunRow>(models, query.limit(window.limit).offset(window.offset))
  const [rows, count] = await Promise.all([shown, countOfRuns(models, { project, kind, task })])
  return { rows, count }
}
