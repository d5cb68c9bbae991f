import { type Decider, Rejected } from '../../contracts/core.ts'
import type { ApiTokenEvent, Role } from '../../contracts/user.ts'
import { recordedAt } from './recorded.ts'

/** What a token is issued as. */
export type ApiTokenFields = Readonly<{
  id: number
  owner: number
  name: string
  role: Role
  hash: string
  team_revision: number
}>

export type ApiTokenState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'revoked'; id: number; owner: number }>
  | (ApiTokenFields & Readonly<{ status: 'live'; created_at: string }>)
export type LiveApiToken = Extract<ApiTokenState, { status: 'live' }>

export type ApiTokenCommand = { type: 'IssueApiToken'; data: ApiTokenFields } | { type: 'RevokeApiToken' }

/** A token for a machine: it never changes, so that what it may do can be told from what it was issued as. */
export const apiToken: Decider<ApiTokenState, ApiTokenCommand, ApiTokenEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'ApiTokenIssued':
        return { status: 'live', created_at: recordedAt(event), ...event.data }
      case 'ApiTokenRevoked':
        return state.status === 'live' ? { status: 'revoked', id: state.id, owner: state.owner } : state
      default:
        return state
    }
  },

  decide(command, state) {
    switch (command.type) {
      case 'IssueApiToken':
        if (state.status !== 'none') throw new Rejected('conflict', '令牌已存在')
        return [{ type: 'ApiTokenIssued', data: command.data }]
      case 'RevokeApiToken':
        if (state.status !== 'live') throw new Rejected('not_found', '令牌不存在')
        return [{ type: 'ApiTokenRevoked', data: {} }]
    }
  },
}
