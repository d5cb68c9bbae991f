import { z } from 'zod'
import { isObject } from '../../contracts/json.ts'
import { findRun } from '../../projections/runs.ts'
import type { RunEnds } from '../../services/runs/ends.ts'
import type { Outcome } from '../../services/commands/writes.ts'
import { type FlowReport, reportDocument } from '../../services/runs/report.ts'
import type { RunRequests, WantedCase } from '../../services/runs/request.ts'
import { FormText, KeptJson } from './body.ts'
import { caseContent, caseFields } from './cases.ts'
import { contextOf } from './context.ts'
import type { Modules } from './modules.ts'
import { caseResult, flowReport } from './results.ts'
import { type Answer, type Route, route } from './route.ts'
import { flag, id, objectOf, oneOrOther, optionalText, text } from './schema.ts'
import { PRINTED_RESULT, PRINTED_RUN, PRINTED_SCENE_RUN } from './runs.printed.ts'

const target = objectOf({ url: optionalText('接口地址'), method: text('请求方法'), name: optionalText('接口名称') })

const unsaved = objectOf({
  title: text('用例名称'),
  interface: oneOrOther(isJsonObject, target, id('接口id'), '必须是接口对象或接口id'),
  ...caseContent,
})

const body = z.object({
  env: id('测试环境id'),
  cases: oneOrOther(isJsonObject, unsaved, id('已保存用例的id'), '必须是用例对象或已保存用例的id'),
})

function isJsonObject(value: unknown): boolean {
  if (value instanceof FormText) return value.text.trimStart().startsWith('{')
  return value instanceof KeptJson && isObject(value.value)
}

const query = z.object({ wait: flag('为 false 时不等待运行结束').default(true) })

const sceneBody = z.object({ env: id('测试环境id'), scene: id('运行的测试业务流id') })

/** What is answered when the run goes on. */
const NOT_ENDED = {
  status: 202,
  description: '运行尚未结束',
  schema: z.object({ record: z.int(), status: z.string() }),
  example: { record: 1, status: '执行中' },
}

type RunModules = Modules &
  Readonly<{
    runRequests: RunRequests
    runEnds: RunEnds
    /** Seconds that an answer waits for its run. */
    runWaitSeconds: number
  }>

/** Running a case (seed 000 接口测试模块 2.6) or a scene (五.1.5). */
export function runRoutes({ models, blobs, runRequests, runEnds, runWaitSeconds }: RunModules): readonly Route[] {
  /** The run goes on, whoever still waits for it. */
  async function accepted(record: number, position: string): Promise<Answer> {
    const status = (await findRun(models, record))?.status ?? '未执行'
    return { status: 202, body: { record, status }, position }
  }

  /** What of the run's report the call answers, when the run has ended; else that it goes on. */
  async function answered(
    { query: { wait }, signal }: Readonly<{ query: { wait: boolean }; signal: AbortSignal }>,
    { id: record, position }: Pick<Outcome<unknown>, 'id' | 'position'>,
    part: (flow: FlowReport | undefined) => object | undefined,
    options: { whole?: boolean } = {},
  ): Promise<Answer> {
    const ended = wait && (await runEnds.ended(record, runWaitSeconds * 1000, signal))
    if (!ended) return accepted(record, position)
    const ran = await reportDocument({ models, blobs }, record, options)
    const revision = ran && BigInt(ran.run.revision)
    return { status: 200, body: { ...part(ran?.results[0]), record }, revision, position }
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
      body,
      example: PRINTED_RUN,
      answers: [
        {
          status: 200,
          description: '用例的运行结果',
          schema: caseResult.extend({ record: z.int().optional() }),
          example: PRINTED_RESULT,
        },
        NOT_ENDED,
      ],
      async handle(call) {
        const { env, cases } = call.body
        const wanted = { environment: env, case: wantedCase(cases), tester: call.user.username }
        return answered(call, await runRequests.runCase(wanted, contextOf(call)), (flow) => flow?.cases[0], {
          whole: true,
        })
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
      body: sceneBody,
      example: { env: 2, scene: 1 },
      answers: [
        {
          status: 200,
          description: '业务流的运行结果',
          schema: flowReport.extend({ record: z.int().optional() }),
          example: PRINTED_SCENE_RUN,
        },
        NOT_ENDED,
      ],
      async handle(call) {
        const { env: environment, scene } = call.body
        const wanted = { environment, scene, tester: call.user.username }
        return answered(call, await runRequests.runScene(wanted, contextOf(call)), (flow) => flow)
      },
    }),
  ]
}

function wantedCase(sent: number | z.output<typeof unsaved>): WantedCase {
  if (typeof sent === 'number') return sent
  const { interface: owner, ...content } = sent
  return { content: caseFields(content), interface: owner }
}
