import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { renderJson } from '../contracts/json.ts'
import type { Metrics } from '../platform/metrics.ts'
import { serveHttp } from './http.ts'
import { dialectOf, Refusal, refusalHeaders } from './rest/dialects.ts'

/**
 * What answers from the first moment of a process to its last: while it waits for what it needs, and while it goes down, `/healthz`
 * says that it lives, `/readyz` why it is not ready, `/metrics` what has been counted, to whom it is open, and everything else is 503
 * with `Retry-After`.
 */
export type Front = Readonly<{
  url: string
  /** What the start waits for: shown by `/readyz`. */
  waits(reason: string): void
  /** The start is over: `handler` answers from now on. */
  serve(handler: RequestListener): void
  /** The process goes down: what comes from now on is refused. Resolves when what is under way has ended, after `graceMs` at the latest. */
  leave(graceMs: number): Promise<void>
  /** Accepts nothing more, and cuts what has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>
}>

/** What is counted, and whom it is shown to by their address: nobody's token can be looked at. */
export type ShownMetrics = Readonly<{ text: Metrics['text']; openTo: (request: IncomingMessage) => boolean }>

/** Listens on `host` and `port`. Throws `ListenFailed`. */
export async function openFront({ host, port }: { host: string; port: number }, metrics: ShownMetrics): Promise<Front> {
  let handler: RequestListener = instead({ check: 'start', why: () => reason }, '服务正在启动，请稍后重试', metrics)
  let reason = 'starting'
  const underWay = new Set<ServerResponse>()
  const idle = Promise.withResolvers<void>()
  let leaving = false
  const ended = (response: ServerResponse): void => {
    underWay.delete(response)
    if (leaving && underWay.size === 0) idle.resolve()
  }
  const http = await serveHttp({ handler: (request, response) => handler(request, response), host, port })
  return {
    url: http.url,
    waits(why) {
      reason = why
    },
    serve(own) {
      if (leaving) return
      handler = (request, response) => {
        underWay.add(response)
        response.once('close', () => ended(response))
        own(request, response)
      }
    },
    async leave(graceMs) {
      leaving = true
      handler = instead({ check: 'stop', why: () => 'going down' }, '服务正在停止，请稍后重试', metrics)
      // Who waits on an open connection for nothing but its next request is not under way.
      if (underWay.size === 0) return
      const late = setTimeout(() => idle.resolve(), graceMs)
      await idle.promise
      clearTimeout(late)
    },
    stop: (graceMs) => http.stop(graceMs),
  }
}

function instead(
  { check, why }: { check: string; why: () => string },
  words: string,
  { text, openTo }: ShownMetrics,
): RequestListener {
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    // Who goes on with this connection comes to another process, or to this one when it can answer.
    response.shouldKeepAlive = false
    if (isAt(path, '/healthz')) return send({ request, response }, 200, { status: 'ok' })
    if (isAt(path, '/metrics') && openTo(request)) return void text().then((shown) => show(response, shown))
    const refusal = new Refusal('not_serving', words)
    const headers = refusalHeaders(refusal)
    if (isAt(path, '/readyz')) {
      const body = { status: 'not_ready', checks: { [check]: { ok: false, reason: why() } } }
      return send({ request, response }, 503, body, { 'Retry-After': '1' })
    }
    const { status, body } = dialectOf(path).render(refusal)
    return send({ request, response }, status, body, headers)
  }
}

function isAt(path: string, route: string): boolean {
  return path === route || path === `${route}/`
}

function show(response: ServerResponse, { type, text }: Awaited<ReturnType<Metrics['text']>>): void {
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  response.end(text)
}

function send(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  // A body that was not read would be taken for the next request.
  request.resume()
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : renderJson(body))
}
