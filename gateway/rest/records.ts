import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { dayStart } from '../../contracts/time.ts'
import { findRun, type RunRow } from '../../projections/runs.ts'
import { listRecords } from '../../projections/runs/records.ts'
import type { RunProgresses } from '../../services/runs/progress.ts'
import { durationOf, passRate } from '../../services/runs/record.ts'
import { listAnswer, listOrPage, PAGING, windowOf } from './list.ts'
import type { Modules } from './modules.ts'
import { counts, recordStatus, verdict } from './results.ts'
import { type Route, route } from './route.ts'
import { PRINTED_RECORD } from './runs.printed.ts'
import { day, id, integer, text } from './schema.ts'

const TAG = '测试运行记录和报告'
const STATES = ['success', 'fail', 'error', 'cancelled'] as const
const KINDS = ['case', 'scene', 'task'] as const

/** Seconds that a call waits for the next case to finish at most. */
const LONGEST_WAIT = 30

const ifKnown = z.string().nullable()

/** What seed 000 prints; what is ours stands behind it. */
const record = z.object({
  id: z.int(),
  env: z.string(),
  task: z.string().nullable(),
  ...counts,
  pass_rate: z.string(),
  tester: z.string(),
  status: recordStatus,
  state: z.enum(STATES).nullable(),
  type: z.enum(KINDS),
  name: z.string(),
  project: z.int(),
  start_time: ifKnown,
  end_time: ifKnown,
  duration: z.number().nullable(),
  trigger: z.enum(['manual', 'api']),
  build: ifKnown,
  branch: ifKnown,
  commit: ifKnown,
  url: ifKnown,
})

const EXAMPLE = {
  ...PRINTED_RECORD,
  state: 'success',
  type: 'task',
  name: PRINTED_RECORD.task,
  project: 1,
  start_time: '2022-07-22T16:44:14.050117+08:00',
  end_time: '2022-07-22T16:44:14.512406+08:00',
  duration: 0.462,
  trigger: 'api',
  build: '1024',
  branch: 'main',
  commit: '9fceb02',
  url: null,
}

const filters = z.object({
  ...PAGING,
  project: id('项目id').optional(),
  task: id('测试任务id').optional(),
  env: id('测试环境id').optional(),
  state: text(`运行结果：${STATES.join('、')}`).optional(),
  type: text(`运行的是什么：${KINDS.join('、')}，或 all`).default('task'),
  start_date: day('不早于这一天（YYYY-MM-DD）').optional(),
  end_date: day('不晚于这一天（YYYY-MM-DD）').optional(),
})

const cursor = z.object({
  after: integer('上次回答中的 next；0 表示从头开始', { min: 0 }).default(0),
  wait: integer('没有新结果时最多等待的秒数', { min: 0, max: LONGEST_WAIT }).default(0),
})

const progress = z.object({
  record: z.int(),
  status: recordStatus,
  state: z.enum(STATES).nullable(),
  total: z.int(),
  ...counts,
  results: z.array(
    z.object({
      scene: z.string(),
      flow: z.int(),
      index: z.int(),
      name: z.string(),
      state: verdict,
      run_time: z.string(),
    }),
  ),
  next: z.int(),
})

const EXAMPLE_PROGRESS = {
  record: 1,
  status: '执行中',
  state: null,
  total: 2,
  all: 1,
  success: 1,
  fail: 0,
  error: 0,
  results: [{ scene: '登录接口测试', flow: 0, index: 0, name: '登录成功', state: '成功', run_time: '0.01s' }],
  next: 1,
}

type RecordModules = Pick<Modules, 'models'> & Readonly<{ runProgresses: RunProgresses; timeZone: string }>

/** What became of runs (seed 000 六.2.1). */
export function recordRoutes({ models, runProgresses, timeZone }: RecordModules): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/testTask/records/',
      tag: TAG,
      access: 'content.read',
      summary: '获取任务运行记录',
      source: 'seed 000 六.2.1',
      query: filters,
      answers: [{ status: 200, description: '运行记录，最新的在前', schema: listOrPage(record), example: [EXAMPLE] }],
      async handle({ query }) {
        const { project, task, env, state, type, start_date, end_date, search } = query
        const kind = type === 'all' ? undefined : type
        const from = start_date === undefined ? undefined : dayStart(start_date, timeZone)
        const before = end_date === undefined ? undefined : dayStart(dayAfter(end_date), timeZone)
        const filter = { project, task, environment: env, state, kind, from, before, search }
        const { rows, count } = await listRecords(models, filter, windowOf(query))
        return listAnswer(query, count, rows.map(shown))
      },
    }),
    route({
      method: 'GET',
      path: '/api/testTask/records/:id/',
      tag: TAG,
      access: 'content.read',
      summary: '获取运行记录详情，total 为计划运行的用例数',
      answers: [
        {
          status: 200,
          description: '运行记录',
          schema: record.extend({ total: z.int() }),
          example: { ...EXAMPLE, total: 2 },
        },
      ],
      async handle({ params }) {
        const row = await findRun(models, params.id)
        if (!row) throw missing()
        return { status: 200, body: { ...shown(row), total: row.total }, revision: BigInt(row.revision) }
      },
    }),
    route({
      method: 'GET',
      path: '/api/testTask/records/:id/progress/',
      tag: TAG,
      access: 'content.read',
      summary: '获取运行的进度：after 之后执行完的用例，最多 1000 个；没有时等待 wait 秒，直到有新结果或运行结束',
      query: cursor,
      answers: [{ status: 200, description: '运行的进度', schema: progress, example: EXAMPLE_PROGRESS }],
      async handle({ params, query: { after, wait }, signal }) {
        const found = await runProgresses.after(params.id, after, { milliseconds: wait * 1000, signal })
        if (!found) throw missing()
        const { run, results, next } = found
        const { status, state, total, all, success, fail, error } = run
        return {
          status: 200,
          body: { record: run.id, status, state, total, all, success, fail, error, results, next },
          revision: BigInt(run.revision),
        }
      },
    }),
  ]
}

function missing(): Rejected {
  return new Rejected('not_found', '运行记录不存在')
}

function shown(row: RunRow): object {
  const { id: record, kind, name, all, success, fail, error, started_at, finished_at } = row
  const { tester, status, state, project, trigger, build, branch, commit, url } = row
  return {
    id: record,
    env: row.environment_name,
    task: kind === 'task' ? name : null,
    all,
    success,
    fail,
    error,
    pass_rate: passRate(row),
    tester,
    status,
    state,
    type: kind,
    name,
    project,
    start_time: started_at,
    end_time: finished_at,
    duration: durationOf(row),
    trigger,
    build,
    branch,
    commit,
    url,
  }
}

function dayAfter(date: string): string {
  return new Date(Date.parse(date) + 86_400_000).toISOString().replace(/T.*/, '')
}
