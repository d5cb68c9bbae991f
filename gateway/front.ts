import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { renderJson } from '../contracts/json.ts'
import type { Metrics } from '../platform/metrics.ts'
import { type Observers, tellWhenAnswered } from './answers.ts'
import { correlationIdOf } from './correlation.ts'
import { serveHttp } from './http.ts'
import { dialectOf, Refusal, refusalHeaders } from './rest/dialects.ts'
import type { Probes } from './rest/health.ts'
import { showParts } from './rest/metrics.ts'

/**
 * What answers from the first moment of a process to its last: while it waits for what it needs, and while it goes down, `/healthz`
 * says that it lives, `/readyz` why it is not ready, `/metrics` what has been counted, to whom it is open, and everything else is 503
 * with `Retry-After`. What is answered so is counted and told in the log like any other answer.
 */
export type Front = Readonly<{
  url: string
  /** What the start waits for: shown by `/readyz`. */
  waits(reason: string): void
  /** The start is over: `handler` answers from now on, and `probes` say how the parts are that `/readyz` shows. */
  serve(handler: RequestListener, probes: Probes): void
  /** The process goes down: what comes from now on is refused. Resolves when what is under way has ended, after `graceMs` at the latest. */
  leave(graceMs: number): Promise<void>
  /** Accepts nothing more, and cuts what has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>
}>

/** Who is told of answers; and what is counted, with whom it is shown to by their address: nobody's token can be looked at. */
export type FrontOptions = Observers & Readonly<{ metrics: Metrics; openTo: (request: IncomingMessage) => boolean }>

/** Why it does not serve: the name under which `/readyz` shows it, what it shows, and the words for everyone else. */
type Absence = Readonly<{ check: string; why: () => string; words: string }>

/** Listens on `host` and `port`. Throws `ListenFailed`. */
export async function openFront(
  { host, port }: Readonly<{ host: string; port: number }>,
  options: FrontOptions,
): Promise<Front> {
  let reason = 'starting'
  const underWay = new Set<ServerResponse>()
  const idle = Promise.withResolvers<void>()
  let leaving = false
  const starting: Absence = { check: 'start', why: () => reason, words: '服务正在启动，请稍后重试' }
  const stopping: Absence = { check: 'stop', why: () => 'going down', words: '服务正在停止，请稍后重试' }
  let handler = instead(starting, options)
  let parts: Probes = partsOf(starting)
  showParts(options.metrics, () => parts)
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
    serve(own, probes) {
      if (leaving) return
      parts = probes
      handler = (request, response) => {
        underWay.add(response)
        response.once('close', () => ended(response))
        own(request, response)
      }
    },
    async leave(graceMs) {
      leaving = true
      handler = instead(stopping, options)
      parts = partsOf(stopping)
      // Who waits on an open connection for nothing but its next request is not under way.
      if (underWay.size === 0) return
      const late = setTimeout(() => idle.resolve(), graceMs)
      await idle.promise
      clearTimeout(late)
    },
    stop: (graceMs) => http.stop(graceMs),
  }
}

function partsOf({ check, why }: Absence): Probes {
  return { [check]: async () => ({ ok: false, reason: why() }) }
}

const WATCHES = ['/healthz/', '/readyz/', '/metrics/'] as const

function instead({ check, why, words }: Absence, { metrics, openTo, ...observers }: FrontOptions): RequestListener {
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    const route = WATCHES.find((watched) => isAt(path, watched))
    const id = correlationIdOf([request.headers['x-request-id']].flat()[0])
    const told = { method: request.method ?? '', route: route ?? 'none', id, watches: route !== undefined }
    tellWhenAnswered(response, observers, () => told)
    response.setHeader('X-Request-Id', id)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    // Who goes on with this connection comes to another process, or to this one when it can answer.
    response.shouldKeepAlive = false
    if (route === '/healthz/') return send({ request, response }, 200, { status: 'ok' })
    if (route === '/metrics/' && openTo(request)) return void metrics.text().then((shown) => show(response, shown))
    if (route === '/readyz/') {
      const body = { status: 'not_ready', checks: { [check]: { ok: false, reason: why() } } }
      return send({ request, response }, 503, body, { 'Retry-After': '1' })
    }
    const refusal = new Refusal('not_serving', words)
    const { status, body } = dialectOf(path).render(refusal)
    return send({ request, response }, status, body, refusalHeaders(refusal))
  }
}

function isAt(path: string, route: string): boolean {
  return path === route || `${path}/` === route
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
