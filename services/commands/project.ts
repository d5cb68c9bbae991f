import { type Decider, Rejected } from '../../contracts/core.ts'
import type { ProjectEvent, ProjectFields } from '../../contracts/project.ts'
import { changedFields } from './changes.ts'
import { recordedAt } from './recorded.ts'

export type ProjectState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number }>
  | (ProjectFields & Readonly<{ status: 'live'; id: number; create_time: string }>)
export type LiveProject = Extract<ProjectState, { status: 'live' }>

export type ProjectCommand =
  | { type: 'CreateProject'; data: ProjectFields & { id: number } }
  | { type: 'ChangeProject'; changes: Partial<ProjectFields> }
  | { type: 'DeleteProject' }

/** A project (seed 000 四.1). Its deletion takes all that hangs on it out of sight. */
export const project: Decider<ProjectState, ProjectCommand, ProjectEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'ProjectCreated':
        return { status: 'live', create_time: recordedAt(event), ...event.data }
      case 'ProjectChanged':
        return state.status === 'live' ? { ...state, ...event.data } : state
      case 'ProjectDeleted':
        return state.status === 'live' ? { status: 'deleted', id: state.id } : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateProject') {
      if (state.status !== 'none') throw new Rejected('conflict', '项目已存在')
      return [{ type: 'ProjectCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '项目不存在')
    switch (command.type) {
      case 'ChangeProject': {
        const changes = changedFields(state, command.changes)
        return changes ? [{ type: 'ProjectChanged', data: changes }] : []
      }
      case 'DeleteProject':
        return [{ type: 'ProjectDeleted', data: {} }]
    }
  },
}
