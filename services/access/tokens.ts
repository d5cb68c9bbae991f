import { randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { z } from 'zod'

export type TokenType = 'access' | 'refresh'

/**
 * What a token says. `epoch` names the password and the activation that it was issued under; a later one refuses it. `session` names
 * the login that it came from: all tokens of one login share it. Tokens of versions before logouts have none.
 */
export type Claims = Readonly<{
  token_type: TokenType
  user_id: number
  jti: string
  exp: number
  epoch: string
  session?: string | undefined
}>

const claims = z.object({
  token_type: z.enum(['access', 'refresh']),
  user_id: z.int().positive(),
  jti: z.string(),
  exp: z.number(),
  epoch: z.string(),
  session: z.string().optional(),
})

/** Seconds that a token is good for: access 60 minutes, refresh a day. */
export const LIFETIME: Readonly<Record<TokenType, number>> = { access: 60 * 60, refresh: 24 * 60 * 60 }

/** HS256 alone: a token that names another algorithm, or none, is no token. */
export const ALGORITHM = 'HS256'

/** JSON web tokens as documented (seed 000 二). */
export type Tokens = Readonly<{
  issue(type: TokenType, user: { id: number; epoch: string; session: string }): string
  /** The claims of a token that is signed, whole and not expired; else undefined. */
  verify(token: string): Claims | undefined
}>

export function createTokens(secret: string): Tokens {
  return {
    issue: (type, { id, epoch, session }) =>
      jwt.sign({ token_type: type, jti: randomBytes(16).toString('hex'), user_id: id, epoch, session }, secret, {
        algorithm: ALGORITHM,
        expiresIn: LIFETIME[type],
        noTimestamp: true,
      }),
    verify(token) {
      try {
        return parseClaims(jwt.verify(token, secret, { algorithms: [ALGORITHM] }))
      } catch {
        return undefined
      }
    },
  }
}

/** Reads the claims of a token whose signature has been verified; undefined when they are not ours. */
export function parseClaims(payload: unknown): Claims | undefined {
  const result = claims.safeParse(payload)
  return result.success ? result.data : undefined
}
