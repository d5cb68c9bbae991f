import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the fake was asked. `nth` counts the calls of this method and path, from 1. */
export type Asked = Readonly<{
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: string
  nth: number
  response: ServerResponse
}>

export type CaseEnd = Readonly<{ scene: string; name: string; state: string; run_time: string }>

export type Story = Readonly<{
  /** How the cases end, in this order. */
  cases: readonly CaseEnd[]
  /** How many have ended by the nth question for the progress; all by default. */
  ended?: (nth: number) => number
  state?: string
  /** Answers in place of the fake, or does worse; true when it did. */
  instead?: (asked: Asked) => boolean | Promise<boolean>
}>

const RUN = '/api/testTask/tasks/run/'
const RECORD = 17

/**
 * As much of a platform as `testledger run` talks to, which can fail as networks, proxies and platforms do: what the command does then
 * cannot be had of a real one. That it does speak as a real one does is for the tests with the real one to show.
 */
export async function startFakePlatform(story: Story) {
  const asked: Asked[] = []
  const keys = new Set<unknown>()
  let cancelled = false
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { pathname: path, searchParams: query } = new URL(request.url ?? '', 'http://fake')
    const method = request.method ?? ''
    const nth = 1 + asked.filter((each) => each.path === path && each.method === method).length
    const body = Buffer.concat(chunks).toString()
    const one = { method, path, query, headers: request.headers, body, nth, response }
    asked.push(one)
    if (!(await story.instead?.(one))) usual(one)
  }

  function usual(one: Asked): void {
    const { path, query, nth, response, headers } = one
    if (path === '/api/users/login/') return json(response, 200, { token: `login-${nth}`, refresh: 'r' })
    if (!headers.authorization) return json(response, 401, { error: '没有令牌', code: 'not_authenticated' })
    if (path === RUN) {
      keys.add(headers['idempotency-key'])
      return json(response, 202, { record: RECORD, status: '未执行' })
    }
    if (path === `/api/testTask/records/${RECORD}/progress/`) return progress(response, Number(query.get('after')), nth)
    if (path === `/api/testTask/records/${RECORD}/cancel/`) {
      cancelled = true
      return json(response, 200, { record: RECORD, status: '执行完毕', state: 'cancelled' })
    }
    if (path === `/api/testTask/report/${RECORD}/`) return void response.end(`the report as ${query.get('export')}`)
    json(response, 404, { error: '请求的资源不存在', code: 'not_found' })
  }

  function progress(response: ServerResponse, after: number, nth: number): void {
    const { cases, ended = () => cases.length, state = 'success' } = story
    const there = cases.slice(0, ended(nth))
    const count = (verdict: string): number => there.filter((each) => each.state === verdict).length
    const over = there.length === cases.length
    json(response, 200, {
      record: RECORD,
      status: over ? '执行完毕' : '执行中',
      state: cancelled ? 'cancelled' : over ? state : null,
      total: cases.length,
      all: there.length,
      success: count('成功'),
      fail: count('失败'),
      error: count('错误'),
      results: there.slice(after).map((each, index) => ({ ...each, flow: 0, index: after + index })),
      next: there.length,
    })
  }

  const listen = (port: number) => new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    /** Runs that were started: a repeated call with the same key starts none. */
    runs: () => keys.size,
    cancelled: () => cancelled,
    calls: (path: string) => asked.filter((each) => each.path.endsWith(path)),
    stop,
    /** On the same port again. */
    start: () => listen(port),
  }
}

export function json(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Cuts the connection, in place of an answer. */
export function cut({ response }: Asked): true {
  response.destroy()
  return true
}
