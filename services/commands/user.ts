import { type Decider, Rejected } from '../../contracts/core.ts'
import type { UserEvent } from '../../contracts/user.ts'
import { recordedAt, recordedRevision } from './recorded.ts'

export type UserState =
  | Readonly<{ status: 'none' }>
  | Readonly<{
      status: 'live'
      id: number
      username: string
      password_hash: string
      /** The revision at which the present password was set: tokens name it, so that those from before it are refused. */
      password_revision: number
      /** Sessions of the present password that were ended, each by when the last of its tokens ends (seconds since 1970). */
      logged_out: ReadonlyMap<string, number>
    }>
export type LiveUser = Extract<UserState, { status: 'live' }>

export type UserCommand =
  | { type: 'CreateUser'; data: { id: number; username: string; password_hash: string } }
  | { type: 'ChangePassword'; password_hash: string }
  | { type: 'LogOut'; session: string; expires: number }

const NO_SESSIONS: ReadonlyMap<string, number> = new Map()

/** One user's name, password and ended logins. Role and active flag are the team's. */
export const user: Decider<UserState, UserCommand, UserEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'UserCreated':
        return {
          status: 'live',
          password_revision: recordedRevision(event),
          logged_out: NO_SESSIONS,
          ...event.data,
        }
      case 'PasswordChanged': {
        if (state.status !== 'live') return state
        const { password_hash } = event.data
        // The tokens of every session until now name an earlier password: which were ended makes no difference any more.
        return { ...state, password_revision: recordedRevision(event), password_hash, logged_out: NO_SESSIONS }
      }
      case 'LoggedOut': {
        if (state.status !== 'live') return state
        const { session, expires } = event.data
        return { ...state, logged_out: unexpired(state.logged_out, recordedAt(event)).set(session, expires) }
      }
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateUser') {
      if (state.status !== 'none') throw new Rejected('conflict', 'username：用户名已存在', 'username')
      return [{ type: 'UserCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '用户不存在')
    switch (command.type) {
      case 'ChangePassword':
        return [{ type: 'PasswordChanged', data: { password_hash: command.password_hash } }]
      case 'LogOut': {
        const { session, expires } = command
        return state.logged_out.has(session) ? [] : [{ type: 'LoggedOut', data: { session, expires } }]
      }
    }
  },
}

/** Those whose tokens had not all ended by `at`: the others need not be remembered, so that logging out does not add up for ever. */
function unexpired(sessions: ReadonlyMap<string, number>, at: string): Map<string, number> {
  const seconds = Date.parse(at) / 1000
  return new Map([...sessions].filter(([, expires]) => !(expires < seconds)))
}
