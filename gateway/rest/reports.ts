import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { BODIES, type BodyName, bodyOf, MOST_SHOWN } from '../../services/runs/bodies.ts'
import { htmlReport } from '../../services/runs/exports/html.ts'
import { junitReport } from '../../services/runs/exports/junit.ts'
import { reportDocument, type RunReport } from '../../services/runs/report.ts'
import { attachment } from './disposition.ts'
import type { Modules } from './modules.ts'
import { counts, flowReport, recordStatus } from './results.ts'
import { type Answer, type Route, route } from './route.ts'
import { PRINTED_REPORT } from './runs.printed.ts'
import { oneOf, pathId } from './schema.ts'

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
  status: recordStatus,
})

const EXAMPLE = {
  ...PRINTED_REPORT,
  info: { ...PRINTED_REPORT.info, results: PRINTED_REPORT.info.results.map((flow) => ({ ...flow, scene: 1 })) },
  status: '执行完毕',
}

const query = z.object({
  export: oneOf(
    ['html', 'junit', 'json'],
    '作为文件下载：html（单个网页文件）、junit（供 Jenkins、GitLab 读取的 XML）、json（与不导出时的内容相同）',
  ).optional(),
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
      query,
      answers: [
        {
          status: 200,
          description:
            '测试报告；export 为 html 时是 text/html，为 junit 时是 application/xml，为 json 时与不导出时相同',
          schema: report,
          example: EXAMPLE,
          instead: {
            'text/html': z.string().describe('export=html：单个网页文件'),
            'application/xml': z.string().describe('export=junit：供 Jenkins、GitLab 读取的 XML'),
          },
        },
      ],
      async handle({ params, query: { export: wanted } }) {
        const found = await reportDocument({ models, blobs }, params.id)
        if (!found) throw new Rejected('not_found', '测试报告不存在')
        const revision = BigInt(found.run.revision)
        return { status: 200, revision, ...(wanted ? exported(found, wanted) : { body: reportBody(found) }) }
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

/** The report as it is documented. */
function reportBody({ run, results }: RunReport): object {
  const { id, all, success, fail, error, tester, environment: test_env, status } = run
  const task = run.task === null ? null : String(run.task)
  return { id, info: { results, all, success, error, fail, task, test_env, tester }, record: id, status }
}

/** The report as a file to keep: the same bytes each time, once its run has ended. */
function exported(found: RunReport, wanted: 'html' | 'junit' | 'json'): Omit<Answer, 'status'> {
  const named = (extension: string) => ({ 'Content-Disposition': attachment(`report-${found.run.id}.${extension}`) })
  switch (wanted) {
    case 'html':
      return { content: { type: 'text/html; charset=utf-8', bytes: htmlReport(found) }, headers: named('html') }
    case 'junit':
      return { content: { type: 'application/xml; charset=utf-8', bytes: junitReport(found) }, headers: named('xml') }
    case 'json':
      return { body: reportBody(found), headers: named('json') }
  }
}

/** A place in a list as a path has it, counted from 0; undefined for anything that can be none. */
function ordinal(written: string): number | undefined {
  return written === '0' ? 0 : pathId(written)
}

function isBodyName(written: string): written is BodyName {
  return Object.hasOwn(BODIES, written)
}
