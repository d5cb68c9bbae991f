import type { LongText } from '../contracts/blob.ts'
import { idOf, type Recorded } from '../contracts/core.ts'
import {
  type Build,
  type CaseResult,
  type Counts,
  type RecordStatus,
  type RunEvent,
  type RunKind,
  type RunState,
  type RunTrigger,
  sizeOf,
  type Verdict,
} from '../contracts/run.ts'
import { isBlobRef } from '../platform/blobs.ts'
import type { Projection, ReadModels } from './port.ts'
import { type RowOf, tableOf } from './rows.ts'
import { countRuns, OF_TASKS, runCounts } from './runs/counts.ts'

const RUN_COLUMNS = {
  id: 'integer',
  kind: 'text',
  /** Null where no task was run. */
  task: 'integer?',
  name: 'text',
  project: 'integer',
  environment: 'integer',
  environment_name: 'text',
  tester: 'text',
  trigger: 'text',
  build: 'text?',
  branch: 'text?',
  commit: 'text?',
  url: 'text?',
  /** Cases that were planned. */
  total: 'integer',
  status: 'text',
  claimed: 'boolean',
  attempt: 'integer',
  state: 'text?',
  /** What the run has come to so far. */
  all: 'integer',
  success: 'integer',
  fail: 'integer',
  error: 'integer',
  reason: 'text?',
  requested_at: 'text',
  /** The same in milliseconds since 1970: days begin at other texts when the platform's time zone is changed. */
  requested_ms: 'bigint',
  /** The first claim. */
  started_at: 'text?',
  finished_at: 'text?',
  revision: 'bigint',
} as const

const STATUS = { requested: '未执行', claimed: '执行中', finished: '执行完毕' } as const satisfies Record<
  string,
  RecordStatus
>

const UNFINISHED = `status in ('${STATUS.requested}', '${STATUS.claimed}')`

const runs = tableOf({
  name: 'runs',
  key: 'id',
  columns: RUN_COLUMNS,
  // Lists show the newest first. Most runs are of single cases, most lists of tasks: their indexes cost the others nothing.
  indexes: [
    ['project', 'id'],
    { on: 'id', where: OF_TASKS },
    { on: ['project', 'id'], where: OF_TASKS },
    { on: ['task', 'id'], where: OF_TASKS },
    { on: 'id', where: UNFINISHED },
  ],
})

// Beside the runs, whose rows are written anew with each batch of results.
const flows = tableOf({
  name: 'run_flows',
  key: 'run',
  columns: { run: 'integer', flows: 'json' },
})

const results = tableOf({
  name: 'run_results',
  key: ['run', 'flow', 'index'],
  columns: {
    run: 'integer',
    flow: 'integer',
    index: 'integer',
    /** Of the event, which tells in which order they came. */
    revision: 'bigint',
    state: 'text',
    /** Null where the whole result stands in a blob, as the next. */
    name: 'text?',
    run_time: 'text?',
    result: 'json',
  },
  indexes: [['run', 'revision']],
})

const COUNTER = { 成功: 'success', 失败: 'fail', 错误: 'error' } as const satisfies Record<Verdict, keyof Counts>

type StoredRun = RowOf<typeof RUN_COLUMNS>
type RequestedRun = Extract<Recorded<RunEvent>, { type: 'RunRequested' }>

const READ: ReadonlySet<string> = new Set<RunEvent['type']>([
  'RunRequested',
  'RunClaimed',
  'CaseBegun',
  'RunReleased',
  'CaseFinished',
  'RunCancelRequested',
  'RunFinished',
])

/** Every run, for ever: names are those of the time, and no deletion of what was run touches them. */
export const runsProjection: Projection = {
  name: 'runs',
  version: 3,
  tables: [runs.name, flows.name, results.name, runCounts.name],
  reads: READ,

  async migrate(sql, name) {
    for (const table of [runs, flows, results, runCounts]) await table.create(sql, name(table.name))
  },

  async apply(sql, name, events) {
    const recorded = events as readonly Recorded<RunEvent>[]
    const requested = recorded.filter((event): event is RequestedRun => event.type === 'RunRequested')
    await countRuns(sql, { counts: name(runCounts.name), runs: name(runs.name) }, requested)
    await flows.edit(sql, name(flows.name), (rows) => {
      for (const { data } of requested) rows.put({ run: data.id, flows: JSON.stringify(plannedFlows(data)) })
    })
    await runs.edit(sql, name(runs.name), (rows) => {
      for (const event of recorded) {
        if (event.type === 'RunRequested') rows.put(waiting(event))
        else if (READ.has(event.type)) rows.patch(idOf(event.stream), (row) => followed(row, event))
      }
    })
    await results.edit(sql, name(results.name), (rows) => {
      for (const event of recorded) {
        if (event.type !== 'CaseFinished') continue
        const { flow, index, state, result } = event.data
        const { name: title, run_time } = isBlobRef(result) || typeof result === 'string' ? ELSEWHERE : result
        const place = { run: idOf(event.stream), flow, index, revision: Number(event.revision) }
        rows.put({ ...place, state, name: title, run_time, result: JSON.stringify(result) })
      }
    })
  },
}

const ELSEWHERE = { name: null, run_time: null }

/** The row of a run that has just been asked for. */
function waiting({ data, at, revision }: RequestedRun): StoredRun {
  const { id, kind, name, project, environment, tester, build = {} } = data
  return {
    id,
    kind,
    task: data.task ?? null,
    name,
    project,
    environment: environment.id,
    environment_name: environment.name,
    tester,
    // Runs were stored before what asked for them was.
    trigger: data.trigger ?? 'manual',
    build: build.build ?? null,
    branch: build.branch ?? null,
    commit: build.commit ?? null,
    url: build.url ?? null,
    total: data.flows.reduce((sum, flow) => sum + sizeOf(flow), 0),
    status: STATUS.requested,
    claimed: false,
    attempt: 0,
    state: null,
    all: 0,
    success: 0,
    fail: 0,
    error: 0,
    reason: null,
    requested_at: at,
    requested_ms: Date.parse(at),
    started_at: null,
    finished_at: null,
    revision: Number(revision),
  }
}

/** The row after an event; one that it has seen already changes nothing. */
function followed(row: StoredRun, event: Recorded<RunEvent>): StoredRun {
  const revision = Number(event.revision)
  return revision > row.revision ? { ...row, ...changes(row, event), revision } : row
}

function changes(row: StoredRun, event: Recorded<RunEvent>): Partial<StoredRun> {
  switch (event.type) {
    case 'RunClaimed': {
      const started_at = row.started_at ?? event.at
      return { status: STATUS.claimed, claimed: true, attempt: event.data.attempt, started_at }
    }
    case 'RunReleased':
      return { claimed: false }
    case 'CaseFinished': {
      const counter = COUNTER[event.data.state]
      return { all: row.all + 1, [counter]: row[counter] + 1 }
    }
    case 'RunFinished': {
      const { all, success, fail, error, state, reason = null } = event.data
      return { all, success, fail, error, state, reason, status: STATUS.finished, finished_at: event.at }
    }
    default:
      return {}
  }
}

/** A run's flow: its name at the time, of which scene it was (null for a case that ran alone), and how many cases it was to have. */
export type RunFlow = Readonly<{ name: string; scene: number | null; size: number }>

function plannedFlows({ flows: wanted, scene }: RequestedRun['data']): readonly RunFlow[] {
  return wanted.map((flow) => ({ name: flow.name, scene: flow.scene ?? scene ?? null, size: sizeOf(flow) }))
}

/** A run's record. */
export type RunRow = Counts &
  Readonly<Record<keyof Build, string | null>> &
  Readonly<{
    id: number
    kind: RunKind
    task: number | null
    name: string
    project: number
    environment: number
    environment_name: string
    tester: string
    trigger: RunTrigger
    total: number
    status: RecordStatus
    state: RunState | null
    reason: string | null
    requested_at: string
    started_at: string | null
    finished_at: string | null
    revision: string
  }>

const INTERNAL: readonly string[] = ['claimed', 'attempt', 'requested_ms']

/** The columns of a `RunRow`. */
export const RECORD_COLUMNS: readonly string[] = Object.keys(RUN_COLUMNS).filter((name) => !INTERNAL.includes(name))

export async function findRun(models: ReadModels, id: number): Promise<RunRow | undefined> {
  const columns = RECORD_COLUMNS.map((name) => `"${name}"`).join(', ')
  const [row] = await models.query<RunRow>(`select ${columns} from ${models.table('runs')} where id = $1`, [id])
  return row
}

/** The flows of a run, in order; none when there is no such run. */
export async function flowsOf(models: ReadModels, run: number): Promise<readonly RunFlow[]> {
  const [row] = await models.query<{ flows: string }>(`select flows from ${models.table('run_flows')} where run = $1`, [
    run,
  ])
  return row ? (JSON.parse(row.flows) as RunFlow[]) : []
}

/** `result` may be the JSON text of one, by reference; the texts in one may be references. */
export type ResultRow = Readonly<{ flow: number; index: number; result: CaseResult | LongText }>

/** The results of a run so far, in order; with `place` that of one case. */
export async function resultsOf(
  models: ReadModels,
  run: number,
  place: Readonly<{ flow: number; index: number }> | null = null,
): Promise<readonly ResultRow[]> {
  const rows = await models.query<{ flow: number; index: number; result: string }>(
    `select flow, "index", result from ${models.table('run_results')}
     where run = $1 ${place ? 'and flow = $2 and "index" = $3' : ''} order by flow, "index"`,
    place ? [run, place.flow, place.index] : [run],
  )
  return rows.map((row) => ({ ...row, result: JSON.parse(row.result) as ResultRow['result'] }))
}

/** A result as it came: `revision` tells it from those before it. Where the name stands in a blob, `whole` is the result. */
export type NewResult = Readonly<{
  flow: number
  index: number
  revision: number
  state: Verdict
  name: string | null
  run_time: string | null
  whole: ResultRow['result'] | null
}>

type Joined = RunRow & Readonly<{ at: string | null; told: string }>

/**
 * A run, and its results that came after a revision, in the order in which they came, `most` of them at most: both of one moment, so
 * that one that has ended lacks none. Undefined when there is no such run.
 */
export async function resultsAfter(
  models: ReadModels,
  id: number,
  revision: number,
  most: number,
): Promise<Readonly<{ run: RunRow; results: readonly NewResult[] }> | undefined> {
  const columns = RECORD_COLUMNS.map((name) => `runs."${name}"`).join(', ')
  const rows = await models.query<Joined>(
    `select ${columns}, results.revision as at,
            json_build_object('flow', flow, 'index', "index", 'state', results.state, 'name', results.name,
              'run_time', run_time, 'whole', case when results.name is null then result end) as told
     from ${models.table('runs')} runs
     left join lateral (
       select flow, "index", revision, state, name, run_time, result from ${models.table('run_results')}
       where run = runs.id and revision > $2 order by revision limit $3
     ) results on true
     where runs.id = $1 order by results.revision`,
    [id, revision, most],
  )
  const [row] = rows
  if (!row) return undefined
  const { at: _, told: __, ...run } = row
  const results = rows.flatMap(({ at, told }) =>
    at === null ? [] : [{ revision: Number(at), ...(JSON.parse(told) as Omit<NewResult, 'revision'>) }],
  )
  return { run, results }
}

/** A run that has not ended; `claimed` while a runner has it, `attempt` is the last one, 0 for none. */
export type UnfinishedRun = Readonly<{ id: number; attempt: number; claimed: boolean; requested_at: string }>

/** Runs that have not ended, in the order in which they were asked for. */
export async function unfinishedRuns(models: ReadModels): Promise<readonly UnfinishedRun[]> {
  // Planned each time: prepared once among a few runs it would still read all of them when there are many.
  return models.query<UnfinishedRun>(
    `select id, attempt, claimed, requested_at from ${models.table('runs')} where ${UNFINISHED} order by id`,
  )
}

/** How many runs wait, or are under way, and since when (ms since 1970) the longest waiting of those that no runner has was asked for. */
export type Unfinished = Readonly<{ accepted: number; running: number; waitingSince: number | null }>

/** Runs that are counted at most. */
const MOST_COUNTED = 100_000

export async function countUnfinished(models: ReadModels): Promise<Unfinished> {
  const [row] = await models.query<{ accepted: string; running: string; since: string | null }>(
    `select count(*) filter (where status = '${STATUS.requested}') as accepted,
            count(*) filter (where status = '${STATUS.claimed}') as running,
            min(requested_ms) filter (where not claimed) as since
     from (select status, claimed, requested_ms from ${models.table('runs')} where ${UNFINISHED} limit ${MOST_COUNTED}) unfinished`,
  )
  const { accepted = 0, running = 0, since = null } = row ?? {}
  return { accepted: Number(accepted), running: Number(running), waitingSince: since === null ? null : Number(since) }
}
