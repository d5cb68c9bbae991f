import { randomBytes } from 'node:crypto'
import { Rejected } from '../../contracts/core.ts'
import { userStream } from '../../contracts/user.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { user, type UserCommand } from '../commands/user.ts'
import type { Writes } from '../commands/writes.ts'
import type { Guesses } from './guesses.ts'
import { checkPassword } from './passwords.ts'
import type { Caller } from './permissions.ts'
import { letIn, type Standing, type Views } from './standings.ts'
import { type Claims, LIFETIME, type Tokens } from './tokens.ts'

/** What someone shows who wants to come in, and from where. */
export type Credentials = Readonly<{ username: string; password: string; address: string }>

/** Coming in by name and password, and what the tokens of it are worth. */
export type Logins = Readonly<{
  /**
   * A pair of tokens; undefined for a wrong name, a wrong password or an account that is not active, in the same time. Throws
   * `RateLimited` after too many wrong guesses.
   */
  login(credentials: Credentials): Promise<{ refresh: string; token: string } | undefined>
  /** An access token for a refresh token that still counts. */
  refresh(token: string): Promise<string | undefined>
  /** Whether a token of either kind still counts. */
  verify(token: string): Promise<boolean>
  /** Who an access token speaks for; undefined when it does not count, or no longer. */
  authenticate(claims: Claims): Promise<Caller | undefined>
  /**
   * Ends the login that `refresh`, one of the caller's, came from: all its tokens count no longer, access tokens included. Answers
   * the position after which that is so. Throws `Rejected`.
   */
  logout(caller: Caller, refresh: string, context: CommandContext): Promise<string>
}>

export function createLogins(deps: {
  views: Views
  tokens: Tokens
  guesses: Guesses
  handle: Handle
  writes: Writes
}): Logins {
  const { views, tokens, guesses, handle, writes } = deps

  function holder(claims: Claims): Promise<Standing | undefined> {
    return letIn(views, async (standings) => {
      const standing = await standings.of(claims.user_id)
      if (!standing || claims.epoch !== epochOf(standing)) return undefined
      return standing.account.logged_out.has(sessionOf(claims)) ? undefined : standing
    })
  }

  return {
    async login({ username, password, address }) {
      const standing = await guesses.counted({ username, address }, async () => {
        const account = await views.present.account(username)
        const right = await checkPassword(password, account?.password_hash)
        return right && account ? views.present.of(account.id) : undefined
      })
      if (!standing) return undefined
      const session = randomBytes(16).toString('hex')
      const holding = { id: standing.member.id, epoch: epochOf(standing), session }
      return { refresh: tokens.issue('refresh', holding), token: tokens.issue('access', holding) }
    },

    async refresh(token) {
      const claims = tokens.verify(token)
      if (claims?.token_type !== 'refresh' || !(await holder(claims))) return undefined
      return tokens.issue('access', { id: claims.user_id, epoch: claims.epoch, session: sessionOf(claims) })
    },

    async verify(token) {
      const claims = tokens.verify(token)
      return claims !== undefined && (await holder(claims)) !== undefined
    },

    async authenticate(claims) {
      if (claims.token_type !== 'access') return undefined
      const standing = await holder(claims)
      if (!standing) return undefined
      const { id, username, role } = standing.member
      return { id, username, role, via: 'login' }
    },

    async logout({ id, username }, refresh, context) {
      const claims = tokens.verify(refresh)
      if (claims?.token_type !== 'refresh' || claims.user_id !== id) {
        throw new Rejected('invalid', 'refresh：不是本人的有效刷新令牌', 'refresh')
      }
      const { ifMatch: _, ...own } = context
      // An access token that was issued with the refresh token's last breath outlives it.
      const expires = claims.exp + LIFETIME.access
      const command: UserCommand = { type: 'LogOut', session: sessionOf(claims), expires }
      return writes.remembering(context, [], async () => {
        const { position } = await handle(user, userStream(username), () => command, own)
        return position
      })
    },
  }
}

/** A token counts while the password and the activation that it was issued under are the present ones. */
function epochOf({ account, member }: Standing): string {
  return `${account.password_revision}.${member.deactivated_revision}`
}

/** The login that a token came from. Of one that was issued before logins had names it is the token itself. */
function sessionOf({ session, jti }: Claims): string {
  return session ?? jti
}
