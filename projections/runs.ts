import type { LongText } from '../contracts/blob.ts'
import { idOf, type Recorded } from '../contracts/core.ts'
import type { CaseResult, Counts, RecordStatus, RunEvent, RunState } from '../contracts/run.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const runs = tableOf({
  name: 'runs',
  key: 'id',
  columns: {
    id: 'integer',
    kind: 'text',
    name: 'text',
    project: 'integer',
    environment: 'integer',
    environment_name: 'text',
    tester: 'text',
    flows: 'json',
    status: 'text',
    claimed: 'boolean',
    attempt: 'integer',
    state: 'text?',
    all: 'integer',
    success: 'integer',
    fail: 'integer',
    error: 'integer',
    reason: 'text?',
    requested_at: 'text',
    finished_at: 'text?',
    revision: 'bigint',
  },
  indexes: ['project', 'status'],
})

const results = tableOf({
  name: 'run_results',
  key: ['run', 'flow', 'index'],
  columns: { run: 'integer', flow: 'integer', index: 'integer', result: 'json' },
})

const STATUS = { requested: '未执行', claimed: '执行中', finished: '执行完毕' } as const satisfies Record<
  string,
  RecordStatus
>

/** Every run, for ever: names are those of the time, and no deletion of what was run touches them. */
export const runsProjection: Projection = {
  name: 'runs',
  version: 2,
  tables: [runs.name, results.name],
  reads: new Set<RunEvent['type']>(['RunRequested', 'RunClaimed', 'RunReleased', 'CaseFinished', 'RunFinished']),

  async migrate(sql, name) {
    await runs.create(sql, name(runs.name))
    await results.create(sql, name(results.name))
  },

  async apply(sql, name, events) {
    const recorded = events as readonly Recorded<RunEvent>[]
    await runs.edit(sql, name(runs.name), (rows) => {
      for (const event of recorded) {
        const id = idOf(event.stream)
        const revision = Number(event.revision)
        switch (event.type) {
          case 'RunRequested': {
            const { kind, project, environment, tester, flows } = event.data
            rows.put({
              id,
              kind,
              name: event.data.name,
              project,
              environment: environment.id,
              environment_name: environment.name,
              tester,
              flows: JSON.stringify(flows.map((flow) => flow.name)),
              status: STATUS.requested,
              claimed: false,
              attempt: 0,
              state: null,
              all: 0,
              success: 0,
              fail: 0,
              error: 0,
              reason: null,
              requested_at: event.at,
              finished_at: null,
              revision,
            })
            break
          }
          case 'RunClaimed':
            rows.patch(id, { status: STATUS.claimed, claimed: true, attempt: event.data.attempt, revision })
            break
          case 'RunReleased':
            rows.patch(id, { claimed: false, revision })
            break
          case 'RunFinished': {
            const { all, success, fail, error, state, reason } = event.data
            const end = { status: STATUS.finished, finished_at: event.at, reason: reason ?? null, revision }
            rows.patch(id, { all, success, fail, error, state, ...end })
            break
          }
          case 'CaseFinished':
            rows.patch(id, { revision })
            break
        }
      }
    })
    await results.edit(sql, name(results.name), (rows) => {
      for (const event of recorded) {
        if (event.type !== 'CaseFinished') continue
        const { flow, index, result } = event.data
        rows.put({ run: idOf(event.stream), flow, index, result: JSON.stringify(result) })
      }
    })
  },
}

export type RunRow = Counts &
  Readonly<{
    id: number
    kind: string
    name: string
    project: number
    environment: number
    environment_name: string
    tester: string
    flows: readonly string[]
    status: RecordStatus
    state: RunState | null
    reason: string | null
    requested_at: string
    finished_at: string | null
    revision: string
  }>

/** A run's record; its long texts may be references. */
export async function findRun(models: ReadModels, id: number): Promise<RunRow | undefined> {
  const [row] = await models.query<Omit<RunRow, 'flows'> & { flows: string }>(
    `select id, kind, name, project, environment, environment_name, tester, flows, status, state, "all", success, fail,
            error, reason, requested_at, finished_at, revision
     from ${models.table('runs')} where id = $1`,
    [id],
  )
  return row && { ...row, flows: JSON.parse(row.flows) as string[] }
}

/** `result` may be the JSON text of one, by reference. */
export type ResultRow = Readonly<{ flow: number; index: number; result: CaseResult | LongText }>

/** The results of a run so far, in order. */
export async function resultsOf(models: ReadModels, run: number): Promise<readonly ResultRow[]> {
  const rows = await models.query<{ flow: number; index: number; result: string }>(
    `select flow, "index", result from ${models.table('run_results')} where run = $1 order by flow, "index"`,
    [run],
  )
  return rows.map((row) => ({ ...row, result: JSON.parse(row.result) as ResultRow['result'] }))
}

/** A run that has not ended; `claimed` while a runner has it, `attempt` is the last one, 0 for none. */
export type UnfinishedRun = Readonly<{ id: number; attempt: number; claimed: boolean; requested_at: string }>

/** Runs that have not ended, in the order in which they were asked for. */
export async function unfinishedRuns(models: ReadModels): Promise<readonly UnfinishedRun[]> {
  return models.query<UnfinishedRun>(
    `select id, attempt, claimed, requested_at from ${models.table('runs')} where status <> $1 order by id`,
    [STATUS.finished],
  )
}
