import { type Decider, Rejected } from '../../contracts/core.ts'
import type { UserEvent } from '../../contracts/user.ts'
import { recordedRevision } from './recorded.ts'

export type UserState =
  | Readonly<{ status: 'none' }>
  | Readonly<{
      status: 'live'
      id: number
      username: string
      password_hash: string
      /** The revision at which the present password was set: tokens name it, so that those from before it are refused. */
      password_revision: number
    }>
export type LiveUser = Extract<UserState, { status: 'live' }>

export type UserCommand =
  | { type: 'CreateUser'; data: { id: number; username: string; password_hash: string } }
  | { type: 'ChangePassword'; password_hash: string }

/** One user's name and password. Role and active flag are the team's. */
export const user: Decider<UserState, UserCommand, UserEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'UserCreated':
        return { status: 'live', password_revision: recordedRevision(event), ...event.data }
      case 'PasswordChanged':
        return state.status === 'live'
          ? { ...state, password_revision: recordedRevision(event), password_hash: event.data.password_hash }
          : state
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
    return [{ type: 'PasswordChanged', data: { password_hash: command.password_hash } }]
  },
}
