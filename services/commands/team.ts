import { type Decider, Rejected } from '../../contracts/core.ts'
import type { Role, TeamEvent } from '../../contracts/user.ts'
import { changedFields } from './changes.ts'
import { recordedRevision } from './recorded.ts'

export type Member = Readonly<{
  id: number
  username: string
  role: Role
  active: boolean
  /** The team's revision at the member's last deactivation, -1 before any: tokens name it, so that those from before it are refused. */
  deactivated_revision: number
}>

export type TeamState = Readonly<{ members: ReadonlyMap<number, Member> }>

export type TeamCommand =
  | { type: 'AddMember'; data: { id: number; username: string; role: Role } }
  | { type: 'ChangeMember'; id: number; changes: { role?: Role; active?: boolean }; password?: 'changed' }

/** Roles and active flags of all users in one stream: two admins who remove each other at once meet in one revision. */
export const team: Decider<TeamState, TeamCommand, TeamEvent> = {
  initial: { members: new Map() },

  evolve(state, event) {
    switch (event.type) {
      case 'MemberAdded':
        return withMember(state, { ...event.data, active: true, deactivated_revision: -1 })
      case 'MemberChanged': {
        const member = state.members.get(event.data.id)
        if (!member) return state
        const deactivated = event.data.active === false ? { deactivated_revision: recordedRevision(event) } : {}
        const { role = member.role, active = member.active } = event.data
        return withMember(state, { ...member, role, active, ...deactivated })
      }
      default:
        return state
    }
  },

  decide(command, state) {
    switch (command.type) {
      case 'AddMember':
        if (state.members.has(command.data.id)) throw new Rejected('conflict', 'username：用户名已存在', 'username')
        return [{ type: 'MemberAdded', data: command.data }]
      case 'ChangeMember': {
        const member = state.members.get(command.id)
        if (!member) throw new Rejected('not_found', '用户不存在')
        const { password } = command
        const changes = changedFields<{ role?: Role; active?: boolean }>(member, command.changes) ?? {}
        if (Object.keys(changes).length === 0 && password === undefined) return []
        if (isActiveAdmin(member) && !isActiveAdmin({ ...member, ...changes }) && activeAdmins(state) === 1) {
          throw new Rejected('conflict', '不能停用或降级最后一个可用的管理员')
        }
        return [{ type: 'MemberChanged', data: { id: command.id, ...changes, ...(password && { password }) } }]
      }
    }
  },
}

function withMember(state: TeamState, member: Member): TeamState {
  return { members: new Map(state.members).set(member.id, member) }
}

function isActiveAdmin(member: Member): boolean {
  return member.active && member.role === 'admin'
}

function activeAdmins(state: TeamState): number {
  return [...state.members.values()].filter(isActiveAdmin).length
}
