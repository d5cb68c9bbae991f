import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { reportOf } from '../../services/runs/report.ts'
import type { Modules } from './modules.ts'
import { counts, flowReport, recordStatus } from './results.ts'
import { type Route, route } from './route.ts'
import { PRINTED_REPORT } from './runs.printed.ts'

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
      tag: '测试运行记录和报告',
      access: 'content.read',
      summary: '获取测试报告详情，id 为运行记录的 id',
      source: 'seed 000 六.2.2',
      answers: [{ status: 200, description: '测试报告', schema: report, example: PRINTED_REPORT }],
      async handle({ params }) {
        const found = await reportOf({ models, blobs }, params.id)
        if (!found) throw new Rejected('not_found', '测试报告不存在')
        const { run, results } = found
        const { all, success, fail, error } = run
        const info = { results, all, success, error, fail, task: null, test_env: run.environment, tester: run.tester }
        return {
          status: 200,
          body: { id: run.id, info, record: run.id, status: run.status },
          revision: BigInt(run.revision),
        }
      },
    }),
  ]
}
