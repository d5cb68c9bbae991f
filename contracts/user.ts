import { v5 as uuidv5 } from 'uuid'
import type { Event, StreamId } from './core.ts'

/** admin: everything; tester: all but other users; viewer: reads, secrets masked. */
export const ROLES = ['admin', 'tester', 'viewer'] as const
export type Role = (typeof ROLES)[number]

/** A user's own stream, named by the lower-cased user name: that is what makes names unique. */
export type UserEvent =
  | Event<'UserCreated', { id: number; username: string; password_hash: string }>
  | Event<'PasswordChanged', { password_hash: string }>
  /** The tokens of one login count no longer; `expires` (seconds since 1970) is when the last of them would have ended by itself. */
  | Event<'LoggedOut', { session: string; expires: number }>

/** All roles and active flags in one stream, so that two admins cannot remove each other. */
export type TeamEvent =
  | Event<'MemberAdded', { id: number; username: string; role: Role }>
  /** `password` says that it was changed: what changes a member moves the team's revision, which is a user's ETag. */
  | Event<'MemberChanged', { id: number; role?: Role; active?: boolean; password?: 'changed' }>

/**
 * A token for a machine. `hash` is the SHA-256 of what the machine sends, in hexadecimal; `role` is at most what its owner's was.
 * `team_revision` is where the team stood as its owner was seen active: a deactivation after it ends the token.
 */
export type ApiTokenEvent =
  | Event<
      'ApiTokenIssued',
      { id: number; owner: number; name: string; role: Role; hash: string; team_revision: number }
    >
  | Event<'ApiTokenRevoked', Record<never, never>>

export const apiTokenStream = (id: number): StreamId => `token-${id}`

const USER_NAMES = '6b1c2f0e-5c62-4d0a-9a56-6f1f6d8f7c11'

export const userStream = (username: string): StreamId => `user-${uuidv5(username.toLowerCase(), USER_NAMES)}`
export const TEAM_STREAM: StreamId = 'team'

/** Passwords have 6 to 128 characters. */
export const PASSWORD_LENGTH = { min: 6, max: 128 } as const
