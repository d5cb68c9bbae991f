import type { Recorded } from '../../contracts/core.ts'
import type { RunEventOf } from '../../contracts/run.ts'
import { build, run } from '../../platform/postgres.ts'
import { carryOut, type Sql } from '../../platform/sql.ts'
import type { ReadModels } from '../port.ts'
import { tableOf } from '../rows.ts'

/** How many runs there are, so that no list counts all of them. `task` is 0 where no task was run. Runs are never deleted. */
export const runCounts = tableOf({
  name: 'run_counts',
  key: ['project', 'kind', 'task'],
  columns: { project: 'integer', kind: 'text', task: 'integer', runs: 'integer' },
  indexes: ['task'],
})

/** Counts the runs that `table`, of runs, does not have yet: to be called before it has, so that an event that comes twice counts once. */
export async function countRuns(
  sql: Sql,
  name: Readonly<{ counts: string; runs: string }>,
  requested: readonly Recorded<RunEventOf<'RunRequested'>>[],
): Promise<void> {
  const fresh = [...new Map(requested.map(({ data }) => [data.id, data])).values()]
  if (fresh.length === 0) return
  await carryOut(
    sql,
    `insert into ${name.counts} as counted (project, kind, task, runs)
     select project, kind, task, count(*)
     from unnest($1::integer[], $2::integer[], $3::text[], $4::integer[]) as asked (id, project, kind, task)
     where not exists (select from ${name.runs} known where known.id = asked.id)
     group by project, kind, task
     on conflict (project, kind, task) do update set runs = counted.runs + excluded.runs`,
    [
      fresh.map(({ id }) => id),
      fresh.map(({ project }) => project),
      fresh.map(({ kind }) => kind),
      fresh.map(({ task }) => task ?? 0),
    ],
  )
}

/** Runs of a project, of a kind, of a task, or of all of these. */
export type CountedBy = Readonly<{
  project?: number | undefined
  kind?: string | undefined
  task?: number | undefined
}>

/** How many runs there are of these. */
export async function countOfRuns(models: ReadModels, by: CountedBy): Promise<number> {
  const query = build(models.table(runCounts.name)).sum({ runs: 'runs' })
  const [row] = await run<{ runs: string | null }>(models, ofThese(query, by))
  return Number(row?.runs ?? 0)
}

/** What indexes of tasks' runs are of; queries say it in the same words, for with a parameter in them none of these would be found. */
export const OF_TASKS = "kind = 'task'"

/** Leaves the rows of these; those that nothing is said of are all left. */
export function ofThese(query: ReturnType<typeof build>, { project, kind, task }: CountedBy): typeof query {
  if (kind === 'task') void query.whereRaw(OF_TASKS)
  else if (kind !== undefined) void query.where({ kind })
  for (const [column, value] of Object.entries({ project, task }))
    if (value !== undefined) void query.where(column, value)
  return query
}
