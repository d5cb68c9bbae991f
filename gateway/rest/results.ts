import { z } from 'zod'

/** The shapes in which answers show what cases, and the flows of a run, came to (seed 000 接口测试模块 2.6, 六.2.2). */

/** The verdict of a case. */
export const verdict = z.enum(['成功', '失败', '错误'])

export const caseResult = z.object({
  name: z.string(),
  log_data: z.array(z.tuple([z.string(), z.string()])),
  url: z.string().optional(),
  method: z.string().optional(),
  status_cede: z.int().optional(),
  response_header: z.record(z.string(), z.string()).optional(),
  requests_header: z.record(z.string(), z.string()).optional(),
  response_body: z.string().optional(),
  response_body_url: z.string().optional(),
  requests_body: z.string().optional(),
  requests_body_url: z.string().optional(),
  state: verdict,
  run_time: z.string(),
  assertions: z.array(z.unknown()).optional(),
  started_at: z.string().optional(),
  id: z.int().optional(),
})

export const counts = { all: z.int(), success: z.int(), fail: z.int(), error: z.int() }

export const flowReport = z.object({
  ...counts,
  cases: z.array(caseResult),
  state: z.string(),
  name: z.string(),
  scene: z.int().nullable().optional(),
})

/** The status of a run's record (seed 000 六.2.1). */
export const recordStatus = z.enum(['未执行', '执行中', '执行完毕'])
