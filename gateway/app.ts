import { Router } from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import { type Position, START } from '../contracts/core.ts'
import { renderJson } from '../contracts/json.ts'
import type { Logger } from '../platform/logger.ts'
import { type Tracing, untraced } from '../platform/tracing.ts'
import { permits } from '../services/access/permissions.ts'
import { clientOf } from './address.ts'
import { type Answered, tellWhenAnswered } from './answers.ts'
import { type Authenticate, bearer } from './auth.ts'
import { correlationIdOf } from './correlation.ts'
import { cors } from './cors.ts'
import { awaitsContinue } from './rest/body.ts'
import { forbidden, notFound, readCall } from './rest/call.ts'
import { dialectOf, Refusal, refusalHeaders, refusalOf } from './rest/dialects.ts'
import type { Answer, Route, User } from './rest/route.ts'
import { writeLimit } from './write-limit.ts'

export type AppOptions = Readonly<{
  /** All that is served; nothing else is. A route that is not `public` refuses without a valid token. */
  routes: readonly Route[]
  jwtSecret: string
  authenticate: Authenticate
  /** Keyed hash of a request's body. */
  mac: (bytes: Uint8Array) => string
  /** Waits, not for ever, until reads show what stands before `position`. */
  readAfter: (position: Position) => Promise<unknown>
  log: Logger
  corsOrigins: readonly string[]
  trustedProxies: readonly string[]
  /** Writes that a user may make in a second; 0 is as many as there are. */
  rateLimit: number
  tracing?: Tracing
  /** Told of each request when it has ended. */
  answered?: (answered: Answered) => void
}>

/** What one request carries from middleware to middleware. */
type State = { correlationId: string; user?: User; route?: Route; failure?: unknown }

/** The REST gateway, without a server: `createApp(…).callback()` is a request listener. */
export function createApp(options: AppOptions): Koa {
  const { log, corsOrigins } = options
  const app = new Koa()
  // What Koa itself could not finish; refusals never come here.
  app.on('error', (err: unknown) => log.error({ err }, 'an answer could not be sent'))
  app.use(observe(options))
  app.use(trace(options))
  app.use(refusals)
  app.use(cors(corsOrigins))
  app.use(fixedPaths(options.routes))
  app.use(router(options).routes())
  app.use(unrouted)
  return app
}

function router(options: AppOptions): Router {
  const router = new Router()
  const authenticated = bearer({ secret: options.jwtSecret, authenticate: options.authenticate })
  const limited = writeLimit(options.rateLimit)
  const client = clientOf(options.trustedProxies)

  for (const route of options.routes.toSorted(fixedBeforeParameters)) {
    const respond: Middleware = async (context) => {
      const { request, response } = { request: context.req, response: context.res }
      const { user, correlationId } = context.state as State
      if (route.access !== 'public' && !(user && permits(user, route.access))) {
        throw forbidden()
      }
      if (route.method === 'GET') await readAfter(context, options.readAfter)
      const call = await readCall(route, {
        request,
        response,
        path: context.path,
        querystring: context.querystring,
        written: context.params as Record<string, string>,
        user,
        correlationId,
        client: () => client(request),
        mac: options.mac,
      })
      write(context, await route.handle(call))
    }
    const mark: Middleware = (context, next) => {
      ;(context.state as State).route = route
      return next()
    }
    const known = route.method === 'GET' ? [authenticated] : [authenticated, limited]
    const chain = route.access === 'public' ? [mark, respond] : [mark, ...known, respond]
    router.register(route.path.replace(/(?<=.)\/$/, ''), [route.method], chain)
  }
  return router
}

/** `/users/me/` is asked before `/users/:id/`. */
function fixedBeforeParameters(a: Route, b: Route): number {
  return Number(a.path.includes(':')) - Number(b.path.includes(':'))
}

/** One line for each request when it has ended. */
function observe(observers: AppOptions): Middleware {
  return async (context, next) => {
    const state = context.state as State
    state.correlationId = correlationIdOf(context.get('X-Request-Id'))
    context.set('X-Request-Id', state.correlationId)
    context.set('X-Content-Type-Options', 'nosniff')
    context.set('Cache-Control', 'no-store')
    tellWhenAnswered(context.res, observers, () => ({
      method: context.method,
      // The pattern, never the URL: a query may hold a token.
      route: state.route?.path ?? 'none',
      id: state.correlationId,
      user: state.user?.id,
      watches: state.route?.watches === true,
      failure: state.failure,
    }))
    await next()
    // The client still holds the body back: what it sends next on this connection could be that body or a request.
    if (awaitsContinue(context.req) && !context.req.readableDidRead) context.set('Connection', 'close')
  }
}

/** Each request as a span of the trace that the client names, or of one of its own; but for those of who watches over the platform. */
function trace({ routes, tracing = untraced }: AppOptions): Middleware {
  const watched = new Set(routes.filter(({ watches }) => watches).map(({ path }) => plain(path)))
  return async (context, next) => {
    if (tracing === untraced || watched.has(plain(context.path))) return next()
    const { method } = context
    const parent = context.get('traceparent')
    await tracing.span(method, { kind: 'server', parent }, async (span) => {
      await next()
      const { route, user, correlationId } = context.state as State
      if (route) span.rename(`${method} ${route.path}`)
      if (context.status >= 500) span.fail()
      span.set({
        'http.request.method': method,
        ...(route && { 'http.route': route.path }),
        'http.response.status_code': context.status,
        'testledger.correlation_id': correlationId,
        ...(user && { 'testledger.user': user.id }),
      })
    })
  }
}

/** Whatever went wrong, as the dialect's refusal. */
const refusals: Middleware = async (context, next) => {
  try {
    await next()
  } catch (error) {
    refuse(context, error)
  }
}

function refuse(context: Context, error: unknown): void {
  const refusal = refusalOf(error)
  if (refusal.code === 'internal_error' || refusal.code === 'unavailable') (context.state as State).failure = error
  const { status, body } = dialectOf(context.path).render(refusal)
  write(context, { status, body, headers: refusalHeaders(refusal) })
}

function write(context: Context, { status, body, content, headers, revision, position, count }: Answer): void {
  context.status = status
  if (headers) context.set(headers)
  if (revision !== undefined) context.set('ETag', `"${revision}"`)
  if (position !== undefined) context.set('X-Position', position)
  if (count !== undefined) context.set('X-Total-Count', String(count))
  if (content) {
    context.set('Content-Type', content.type)
    context.body = content.bytes
  } else if (body !== undefined) {
    context.set('Content-Type', 'application/json; charset=utf-8')
    context.body = renderJson(body)
  } else {
    // Null alone would be answered as 204, and nothing at all with the status's name as text.
    context.body = null
    context.status = status
  }
}

async function readAfter(context: Context, wait: AppOptions['readAfter']): Promise<void> {
  const position = context.get('X-Read-After')
  if (position === '') return
  if (!/^\d+$/.test(position) || position.length !== START.length) {
    throw new Refusal('bad_request', 'X-Read-After 不是有效的位置')
  }
  await wait(position)
}

type Matched = { matched?: readonly { methods: readonly string[] }[] }

/**
 * `GET /scenes/run/` asks for no scene of the id `run`: of a path that is written out only its own methods are there, whatever
 * parameters could stand for.
 */
function fixedPaths(routes: readonly Route[]): Middleware {
  const parametered = routes.filter(({ path }) => path.includes(':'))
  const shadowed = routes.filter(({ path }) => parametered.some((other) => covers(other.path, path)))
  const methods = new Map(
    shadowed.map(({ path }) => [
      plain(path),
      routes.filter((other) => other.path === path).map(({ method }): string => method),
    ]),
  )
  return async (context, next) => {
    const allowed = methods.get(plain(context.path))
    const method = context.method === 'HEAD' ? 'GET' : context.method
    if (allowed === undefined || allowed.includes(method)) return next()
    return unserved(context, allowed)
  }
}

/** A path as paths are compared: its capitals and the slash at its end do not count. */
function plain(path: string): string {
  return path.toLowerCase().replace(/\/$/, '')
}

/** Whether a path with parameters could be taken for one without. */
function covers(pattern: string, path: string): boolean {
  if (path.includes(':')) return false
  const [ours, others] = [path.split('/'), pattern.split('/')]
  return ours.length === others.length && others.every((part, nth) => part.startsWith(':') || part === ours[nth])
}

/** The methods of a path that is there: the answer to OPTIONS, and a refusal of any other. */
function unserved(context: Context, methods: readonly string[]): void {
  const Allow = [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'])].join(', ')
  if (context.method === 'OPTIONS') return write(context, { status: 204, headers: { Allow } })
  throw new Refusal('method_not_allowed', `该资源不支持 ${context.method} 方法`, { headers: { Allow } })
}

/** No route took the request: its path is unknown (404), or known for other methods (405, and the answer to OPTIONS). */
const unrouted: Middleware = (context) => {
  const methods = ((context as Matched).matched ?? []).flatMap((layer) => layer.methods)
  if (methods.length === 0) throw notFound()
  unserved(context, methods)
}
