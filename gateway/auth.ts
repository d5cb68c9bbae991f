import { createSecretKey } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import jwt from 'koa-jwt'
import { API_TOKEN_PREFIX } from '../services/access/api-tokens.ts'
import { ALGORITHM, type Claims, parseClaims } from '../services/access/tokens.ts'
import { Refusal } from './rest/dialects.ts'
import type { User } from './rest/route.ts'

/** Whose token it is; undefined when the user is unknown, inactive, or has revoked the token or what it was issued under. */
export type Authenticate = Readonly<{
  /** By the verified claims of a token that came with a login. */
  login(claims: Claims): Promise<User | undefined>
  /** By the text of a token for machines. */
  apiToken(text: string): Promise<User | undefined>
}>

/** Tokens whose verified claims are remembered: a client sends the same one with every request for an hour. */
const MAX_REMEMBERED = 1_000

const API_TOKEN = new RegExp(`^Bearer +(${API_TOKEN_PREFIX}.*)$`, 'i')

/** The API token that an `Authorization` header holds; undefined where it holds none. */
export function apiTokenOf(authorization: string | undefined): string | undefined {
  return API_TOKEN.exec(authorization ?? '')?.[1]
}

/**
 * Lets a request pass with a valid access token or API token in `Authorization: Bearer`, as `ctx.state.user` (seed 000 一.1). Throws
 * `Refusal` otherwise: `not_authenticated` without a token, `token_not_valid` with one that does not count. The signature of a token
 * is verified once, its expiry and its user at every request.
 */
export function bearer({ secret, authenticate }: { secret: string; authenticate: Authenticate }): Middleware {
  const verify = jwt({ secret: keyOf(secret), algorithms: [ALGORITHM], key: 'claims' })
  const remembered = new Map<string, Claims>()

  async function claimsOf(context: Context, authorization: string): Promise<Claims | undefined> {
    const known = remembered.get(authorization)
    if (known && known.exp * 1000 > Date.now()) return known
    await verify(context, resolved)
    const claims = parseClaims(context.state.claims)
    if (claims?.token_type !== 'access') return undefined
    const [oldest] = remembered.keys()
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    remembered.set(authorization, claims)
    return claims
  }

  async function userOf(context: Context, authorization: string): Promise<User | undefined> {
    const apiToken = apiTokenOf(authorization)
    if (apiToken !== undefined) return authenticate.apiToken(apiToken)
    const claims = await claimsOf(context, authorization).catch((cause: unknown) => {
      throw invalidToken(cause)
    })
    return claims && authenticate.login(claims)
  }

  return async (context, next) => {
    const { authorization } = context.headers
    if (authorization === undefined) {
      throw new Refusal('not_authenticated', '未登录：请求头 Authorization 缺少令牌')
    }
    const user = await userOf(context, authorization)
    if (user === undefined) throw invalidToken()
    context.state.user = user
    await next()
  }
}

/**
 * With text jsonwebtoken would first try, at every request, to read a public key from it, which takes longer than all the rest. Its
 * own types know key objects, koa-jwt's do not, which hands over what it is given.
 */
function keyOf(secret: string): Buffer {
  return createSecretKey(Buffer.from(secret)) as unknown as Buffer
}

const resolved = (): Promise<void> => Promise.resolve()

/** The words are the document's (seed 000 二.3). */
export function invalidToken(cause?: unknown): Refusal {
  return new Refusal('token_not_valid', '令牌无效或已过期', { cause })
}
