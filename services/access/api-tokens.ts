import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Recorded, Rejected } from '../../contracts/core.ts'
import { type ApiTokenEvent, apiTokenStream, type Role } from '../../contracts/user.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { type ApiTokenRow, listApiTokens } from '../../projections/api-tokens.ts'
import type { Page, Search, Window } from '../../projections/page.ts'
import type { ReadModels } from '../../projections/port.ts'
import { aggregates } from '../commands/aggregates.ts'
import type { ApiTokenCommand, ApiTokenState, LiveApiToken } from '../commands/api-token.ts'
import type { CommandContext } from '../commands/handle.ts'
import type { Member } from '../commands/team.ts'
import type { Outcome, Writes } from '../commands/writes.ts'
import type { ApiTokenUses } from './api-token-uses.ts'
import { type Caller, lesserRole } from './permissions.ts'
import { letIn, type Views } from './standings.ts'

/** What is sent begins with it, so that those who search code for secrets find what should not be there. */
export const API_TOKEN_PREFIX = 'tl_'

/** `tl_<id>_<256 random bits as base64url>` */
const API_TOKEN = /^tl_([1-9]\d{0,9})_[\w-]{43}$/

/** What a machine needs that makes things and runs them. */
const ROLE_UNASKED: Role = 'tester'

/** A token that was issued; `text` is what the machine sends, which is known at this one time alone. */
export type ApiTokenIssued = Readonly<{ token: LiveApiToken; text?: string; revision: bigint; position: string }>

export type ListedApiToken = ApiTokenRow & Readonly<{ last_used: string | null }>

/** Tokens for machines. Each acts for its owner, in a role of its own, until it is revoked or its owner is deactivated. */
export type ApiTokens = Readonly<{
  /**
   * `role` is `ROLE_UNASKED` where none is given, or the owner's where that is less: what nobody asked for manages no users. A repeat
   * of the same command is answered without `text`. Throws `Rejected`.
   */
  issue(
    owner: Caller,
    wanted: Readonly<{ name: string; role?: Role | undefined }>,
    context: CommandContext,
  ): Promise<ApiTokenIssued>
  /** Throws `Rejected('not_found')` for a token that is not of the user `owner`, or counts no longer. */
  revoke(owner: number, id: number, context: CommandContext): Promise<Outcome<ApiTokenState>>
  /** Those of the user `owner` that count. Throws `Rejected('not_found')` where there is no such user. */
  list(owner: number, filter: Search, window: Window): Promise<Page<ListedApiToken>>
  /** Who a token speaks for; undefined when it does not count, or no longer. */
  authenticate(text: string): Promise<Caller | undefined>
}>

export function createApiTokens(deps: {
  views: Views
  writes: Writes
  uses: ApiTokenUses
  models: ReadModels
}): ApiTokens {
  const { views, writes, uses, models } = deps

  /** The owner, and where the team stood then. */
  async function present(owner: number): Promise<{ member: Member; team_revision: number }> {
    const { state, revision } = await views.present.team()
    const member = state.members.get(owner)
    if (!member) throw new Rejected('not_found', '用户不存在')
    return { member, team_revision: Number(revision) }
  }

  return {
    async issue(owner, { name, role }, context) {
      let text = ''
      const outcome = await writes.create(
        aggregates.apiToken,
        async (id): Promise<ApiTokenCommand> => {
          const { member, team_revision } = await present(owner.id)
          if (!member.active) throw new Rejected('forbidden', '没有权限执行该操作')
          const granted = role ?? lesserRole(ROLE_UNASKED, member.role)
          if (lesserRole(granted, member.role) !== granted) {
            throw new Rejected('invalid', `role：不能高于本人的角色 ${member.role}`, 'role')
          }
          text = `${API_TOKEN_PREFIX}${id}_${randomBytes(32).toString('base64url')}`
          const hash = hashOf(text).toString('hex')
          return { type: 'IssueApiToken', data: { id, owner: owner.id, name, role: granted, hash, team_revision } }
        },
        context,
      )
      const { state: token, revision, position } = outcome
      if (token.status !== 'live') throw new Rejected('not_found', '令牌不存在')
      return { token, ...(isOf(text, token) && { text }), revision, position }
    },

    async revoke(owner, id, context) {
      return writes.change(
        aggregates.apiToken,
        id,
        async (state): Promise<ApiTokenCommand> => {
          const { member } = await present(owner)
          if (state.status !== 'live' || state.owner !== owner || !outlives(state, member)) {
            throw new Rejected('not_found', '令牌不存在')
          }
          return { type: 'RevokeApiToken' }
        },
        context,
      )
    },

    async list(owner, filter, window) {
      const { member } = await present(owner)
      const theirs = { ...filter, owner, after: member.deactivated_revision }
      const { rows, count } = await listApiTokens(models, theirs, window)
      const used = await uses.of(rows.map(({ id }) => id))
      return { rows: rows.map((row) => ({ ...row, last_used: used.get(row.id) ?? null })), count }
    },

    async authenticate(text) {
      const id = idIn(text)
      if (id === undefined) return undefined
      const caller = await letIn(views, async (standings): Promise<Caller | undefined> => {
        const token = await standings.apiToken(id)
        if (token.status !== 'live' || !isOf(text, token)) return undefined
        const member = (await standings.of(token.owner))?.member
        if (!member || !outlives(token, member)) return undefined
        return { id: member.id, username: member.username, role: lesserRole(token.role, member.role), via: 'token' }
      })
      if (caller) uses.note(id)
      return caller
    },
  }
}

/** The user that a token was issued to, whether it still counts or not; undefined for what never was one. */
export async function issuedTo(store: Pick<EventStore, 'load'>, text: string): Promise<number | undefined> {
  const id = idIn(text)
  if (id === undefined) return undefined
  // By what it was issued as: the state of one that counts no longer knows nothing of its secret.
  const [event] = (await store.load(apiTokenStream(id), { upTo: 0n })) as readonly Recorded<ApiTokenEvent>[]
  return event?.type === 'ApiTokenIssued' && isOf(text, event.data) ? event.data.owner : undefined
}

/** The id that is written in a token. */
function idIn(text: string): number | undefined {
  const [, id] = API_TOKEN.exec(text) ?? []
  return id === undefined ? undefined : Number(id)
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isOf(text: string, { hash }: Pick<LiveApiToken, 'hash'>): boolean {
  return timingSafeEqual(hashOf(text), Buffer.from(hash, 'hex'))
}

/** A deactivation ends all tokens that were issued before it, for good. */
function outlives({ team_revision }: LiveApiToken, { deactivated_revision }: Member): boolean {
  return team_revision > deactivated_revision
}
