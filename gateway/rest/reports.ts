import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { BODIES, type BodyName, bodyOf, MOST_SHOWN } from '../../services/runs/bodies.ts'
import { reportDocument } from '../../services/runs/report.ts'
import type { Modules } from './modules.ts'
import { counts, flowReport, recordStatus } from './results.ts'
import { type Route, route } from './route.ts'
import { PRINTED_REPORT } from './runs.printed.ts'
import { pathId } from './schema.ts'

const TAG = '测试运行记录和报告'

const report = z.object({
  id: z.int(),
  info: z.object({
    results: z.array(flowReport),
    ...counts,
    task: z.string().nullable(),
    test_env: z.int(),
    tester: z.string(),
  }),
  record: z.int(),
  status: recordStatus.optional(),
})

/** What runs came to (seed 000 六.2.2). */
export function reportRoutes({ models, blobs }: Pick<Modules, 'models' | 'blobs'>): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/testTask/report/:id/',
      tag: TAG,
      access: 'content.read',
      summary: `获取测试报告详情，id 为运行记录的 id；超过 ${MOST_SHOWN / 1024} KiB 的响应体和请求体只显示开头，旁边是全文的地址`,
      source: 'seed 000 六.2.2',
      answers: [{ status: 200, description: '测试报告', schema: report, example: PRINTED_REPORT }],
      async handle({ params }) {
        const found = await reportDocument({ models, blobs }, params.id)
        if (!found) throw new Rejected('not_found', '测试报告不存在')
        const { run, results } = found
        const { all, success, fail, error, tester, environment: test_env } = run
        const task = run.task === null ? null : String(run.task)
        const info = { results, all, success, error, fail, task, test_env, tester }
        return {
          status: 200,
          body: { id: run.id, info, record: run.id, status: run.status },
          revision: BigInt(run.revision),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/api/testTask/report/:id/bodies/:flow/:index/:body/',
      texts: ['flow', 'index', 'body'],
      tag: TAG,
      access: 'content.read',
      summary: '获取测试报告中一个用例的完整响应体（response）或请求体（request），flow 与 index 从 0 开始',
      answers: [{ status: 200, description: '响应体或请求体的全文', type: 'text/plain', schema: z.string() }],
      async handle({ params }) {
        const [flow, index] = [ordinal(params.flow), ordinal(params.index)]
        const known = flow !== undefined && index !== undefined && isBodyName(params.body)
        const text = known && (await bodyOf({ models, blobs }, { run: params.id, flow, index }, params.body))
        if (typeof text !== 'string') throw new Rejected('not_found', '测试报告中没有该响应体或请求体')
        return { status: 200, content: { type: 'text/plain; charset=utf-8', bytes: text } }
      },
    }),
  ]
}

/** A place in a list as a path has it, counted from 0; undefined for anything that can be none. */
function ordinal(written: string): number | undefined {
  return written === '0' ? 0 : pathId(written)
}

function isBodyName(written: string): written is BodyName {
  return Object.hasOwn(BODIES, written)
}
