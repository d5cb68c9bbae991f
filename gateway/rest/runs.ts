import { z } from 'zod'
import { findRun } from '../../projections/runs.ts'
import type { RunEnds } from '../../services/runs/ends.ts'
import type { Outcome } from '../../services/commands/writes.ts'
import { reportDocument, type RunReport } from '../../services/runs/report.ts'
import type { RunRequests, RunSettings, WantedCase } from '../../services/runs/request.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import { MOST_CONCURRENT, type RunState } from '../../contracts/run.ts'
import { caseContent, caseFields } from './cases.ts'
import { contextOf } from './context.ts'
import type { Modules } from './modules.ts'
import { caseResult, flowReport, recordStatus } from './results.ts'
import { type Answer, type Route, route, type User } from './route.ts'
import {
  flag,
  id,
  integer,
  isJsonObject,
  jsonObject,
  nameText,
  objectOf,
  oneOrOther,
  optionalText,
  text,
} from './schema.ts'
import { PRINTED_RESULT, PRINTED_RUN, PRINTED_SCENE_RUN, PRINTED_TASK_RUN } from './runs.printed.ts'

const target = objectOf({ url: optionalText('接口地址'), method: text('请求方法'), name: optionalText('接口名称') })

const unsaved = objectOf({
  title: nameText('用例名称'),
  interface: oneOrOther(isJsonObject, target, id('接口id'), '必须是接口对象或接口id'),
  ...caseContent,
})

/** Characters of what CI says of a build. */
const MOST_OF_BUILD = 1_000
const ofBuild = (what: string) => optionalText(what, { max: MOST_OF_BUILD })

/** What every run takes. */
const settings = {
  env: id('测试环境id'),
  host: optionalText('本次运行的域名，替代测试环境的'),
  variables: jsonObject('本次运行的全局变量，覆盖测试环境的同名变量').optional(),
  build: ofBuild('构建编号'),
  branch: ofBuild('代码分支'),
  commit: ofBuild('代码提交'),
  url: ofBuild('构建的网址'),
}

/** The body of the call that runs cases; those below of a scene's and of a task's. */
export const runCaseBody = z.object({
  ...settings,
  cases: oneOrOther(isJsonObject, unsaved, id('已保存用例的id'), '必须是用例对象或已保存用例的id'),
})

const query = z.object({ wait: flag('为 false 时不等待运行结束').default(true) })

export const runSceneBody = z.object({ ...settings, scene: id('运行的测试业务流id') })
export const runTaskBody = z.object({
  ...settings,
  task: id('运行的任务id'),
  concurrency: integer('同时运行的业务流数，默认为任务的', { min: 1, max: MOST_CONCURRENT }).optional(),
})

/** What is answered when the run goes on. */
const NOT_ENDED = {
  status: 202,
  description: '运行尚未结束',
  schema: z.object({ record: z.int(), status: z.string() }),
  example: { record: 1, status: '执行中' },
}

const cancelled = z.object({ record: z.int(), status: recordStatus, state: z.string().nullable() })

/** Milliseconds after which a cancellation no longer tries to get in between what the runner writes. */
const CANCELLED_WITHIN = 10_000

type RunModules = Modules &
  Readonly<{
    runRequests: RunRequests
    runEnds: RunEnds
    /** Seconds that an answer waits for its run. */
    runWaitSeconds: number
  }>

/** Running a case (seed 000 接口测试模块 2.6), a scene (五.1.5) or a task (六.1.6), and cancelling it. */
export function runRoutes(modules: RunModules): readonly Route[] {
  const { models, blobs, writes, runRequests, runEnds, runWaitSeconds } = modules

  /** The run goes on, whoever still waits for it. */
  async function accepted(record: number, position: string): Promise<Answer> {
    const status = (await findRun(models, record))?.status ?? '未执行'
    return { status: 202, body: { record, status }, position }
  }

  /** What of the run's report the call answers, when the run has ended; else that it goes on. */
  async function answered(
    { query: { wait }, signal }: Readonly<{ query: { wait: boolean }; signal: AbortSignal }>,
    { id: record, position }: Pick<Outcome<unknown>, 'id' | 'position'>,
    part: (report: RunReport) => object | undefined,
    options: { whole?: boolean } = {},
  ): Promise<Answer> {
    const ended = wait && (await runEnds.ended(record, runWaitSeconds * 1000, signal))
    if (!ended) return accepted(record, position)
    const ran = await reportDocument({ models, blobs }, record, options)
    if (!ran) return accepted(record, position)
    return { status: 200, body: { ...part(ran), record }, revision: BigInt(ran.run.revision), position }
  }

  return [
    route({
      method: 'POST',
      path: '/api/TestInterFace/cases/run/',
      tag: '接口用例管理',
      access: 'runs.start',
      summary: '运行接口测试用例',
      source: 'seed 000 接口测试模块 2.6',
      query,
      body: runCaseBody,
      example: PRINTED_RUN,
      answers: [
        {
          status: 200,
          description: '用例的运行结果',
          schema: caseResult.extend({ record: z.int() }),
          example: { ...PRINTED_RESULT, record: 1 },
        },
        NOT_ENDED,
      ],
      async handle(call) {
        const wanted = { ...settingsOf(call), case: wantedCase(call.body.cases) }
        return answered(call, await runRequests.runCase(wanted, contextOf(call)), onlyCase, { whole: true })
      },
    }),
    route({
      method: 'POST',
      path: '/api/testFlow/scenes/run/',
      tag: '业务流管理',
      access: 'runs.start',
      summary: '运行测试业务流',
      source: 'seed 000 五.1.5',
      query,
      body: runSceneBody,
      example: { env: 2, scene: 1 },
      answers: [
        {
          status: 200,
          description: '业务流的运行结果',
          schema: flowReport.extend({ record: z.int() }),
          example: { ...PRINTED_SCENE_RUN, scene: 1, record: 1 },
        },
        NOT_ENDED,
      ],
      async handle(call) {
        const wanted = { ...settingsOf(call), scene: call.body.scene }
        return answered(call, await runRequests.runScene(wanted, contextOf(call)), ({ results: [flow] }) => flow)
      },
    }),
    route({
      method: 'POST',
      path: '/api/testTask/tasks/run/',
      tag: '测试任务管理',
      access: 'runs.start',
      summary: '运行测试任务',
      source: 'seed 000 六.1.6',
      query,
      body: runTaskBody,
      example: { env: 2, task: 1 },
      answers: [
        {
          status: 200,
          description: '任务的运行结果',
          schema: flowReport.omit({ scene: true }).extend({ results: z.array(flowReport), record: z.int() }),
          example: { ...PRINTED_TASK_RUN, results: [{ ...PRINTED_TASK_RUN, scene: 1 }], record: 1 },
        },
        NOT_ENDED,
      ],
      async handle(call) {
        const { task, concurrency } = call.body
        const wanted = { ...settingsOf(call), task, concurrency }
        return answered(call, await runRequests.runTask(wanted, contextOf(call)), ofTask)
      },
    }),
    route({
      method: 'POST',
      path: '/api/testTask/records/:id/cancel/',
      tag: '测试运行记录和报告',
      access: 'runs.start',
      summary: '取消运行：正在执行的用例结束后，不再执行后面的用例',
      answers: [
        {
          status: 200,
          description: '运行已结束',
          schema: cancelled,
          example: { record: 1, status: '执行完毕', state: 'cancelled' },
        },
        {
          status: 202,
          description: '正在执行的用例尚未结束',
          schema: cancelled,
          example: { record: 1, status: '执行中', state: null },
        },
      ],
      async handle(call) {
        const record = call.params.id
        const command = () => ({ type: 'CancelRun', by: call.user.username }) as const
        const { revision, position } = await writes.change(aggregates.run, record, command, contextOf(call), {
          commutesForMs: CANCELLED_WITHIN,
        })
        const ran = await findRun(models, record)
        const state: RunState | null = ran?.state ?? null
        const answer = { record, status: ran?.status ?? '执行中', state }
        return { status: state === null ? 202 : 200, body: answer, revision, position }
      },
    }),
  ]
}

type Wanted = z.output<z.ZodObject<typeof settings>>

function settingsOf({ body: sent, user }: Readonly<{ body: Wanted; user: User }>): RunSettings {
  const { env, host, variables, build, branch, commit, url } = sent
  const said = Object.entries({ build, branch, commit, url }).filter(([, value]) => value.trim() !== '')
  return {
    environment: env,
    tester: user.username,
    trigger: user.via === 'token' ? 'api' : 'manual',
    host: host.trim() === '' ? undefined : host,
    variables: variables?.text,
    build: said.length > 0 ? Object.fromEntries(said) : undefined,
  }
}

const onlyCase = ({ results: [flow] }: RunReport) => flow?.cases[0]

/** The union of what is printed for a task's run (seed 000 六.1.6) and its report. */
function ofTask({ run: { all, success, fail, error, state, name }, results }: RunReport): object {
  return { all, success, fail, error, cases: results.flatMap(({ cases }) => cases), state, name, results }
}

function wantedCase(sent: number | z.output<typeof unsaved>): WantedCase {
  if (typeof sent === 'number') return sent
  const { interface: owner, ...content } = sent
  return { content: caseFields(content), interface: owner }
}
