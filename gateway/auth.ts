import type { Middleware } from 'koa'
import jwt from 'koa-jwt'
import { ALGORITHM, type Claims, parseClaims } from '../services/access/tokens.ts'
import { Refusal } from './rest/dialects.ts'
import type { User } from './rest/route.ts'

/** Whose token it is; undefined when the user is unknown, inactive, or has revoked what the token was issued under. */
export type Authenticate = (claims: Claims) => Promise<User | undefined>

/**
 * Lets a request pass with a valid access token in `Authorization: Bearer`, as `ctx.state.user` (seed 000 一.1). Throws `Refusal`
 * otherwise: `not_authenticated` without a token, `token_not_valid` with one that does not count.
 */
export function bearer({ secret, authenticate }: { secret: string; authenticate: Authenticate }): Middleware {
  const verify = jwt({ secret, algorithms: [ALGORITHM], key: 'claims' })

  return async (context, next) => {
    if (context.headers.authorization === undefined) {
      throw new Refusal('not_authenticated', '未登录：请求头 Authorization 缺少令牌')
    }
    try {
      await verify(context, resolved)
    } catch (cause) {
      throw invalidToken(cause)
    }
    const claims = parseClaims(context.state.claims)
    const user = claims?.token_type === 'access' ? await authenticate(claims) : undefined
    if (user === undefined) throw invalidToken()
    context.state.user = user
    await next()
  }
}

const resolved = (): Promise<void> => Promise.resolve()

/** The words are the document's (seed 000 二.3). */
export function invalidToken(cause?: unknown): Refusal {
  return new Refusal('token_not_valid', '令牌无效或已过期', { cause })
}
