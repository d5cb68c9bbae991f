import type { Middleware } from 'koa'

const EXPOSED = 'ETag, X-Position, X-Total-Count, X-Request-Id, Retry-After, Location'
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const ALLOWED_HEADERS = 'Authorization, Content-Type, Idempotency-Key, If-Match, X-Read-After, X-Request-Id'
/** Seconds for which a browser need not ask again. */
const MAX_AGE = '600'

/**
 * Lets pages of the given origins call the platform; `*` stands for every one. Tokens come in a header that a page sets itself, so no
 * credentials of the browser's are ever allowed.
 */
export function cors(origins: readonly string[]): Middleware {
  const allowed = new Set(origins)
  const every = allowed.has('*')

  return (context, next) => {
    if (allowed.size === 0) return next()
    context.vary('Origin')
    const { origin } = context.headers
    if (origin === undefined || !(every || allowed.has(origin))) return next()
    context.set('Access-Control-Allow-Origin', every ? '*' : origin)
    context.set('Access-Control-Expose-Headers', EXPOSED)
    if (context.method !== 'OPTIONS' || !context.headers['access-control-request-method']) return next()
    context.set('Access-Control-Allow-Methods', ALLOWED_METHODS)
    context.set('Access-Control-Allow-Headers', ALLOWED_HEADERS)
    context.set('Access-Control-Max-Age', MAX_AGE)
    context.status = 204
    return Promise.resolve()
  }
}
