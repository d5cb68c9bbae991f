import { type Decider, Rejected } from '../../contracts/core.ts'
import type { TaskEvent, TaskFields } from '../../contracts/task.ts'
import { changedFields } from './changes.ts'

export type TaskState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; project: number }>
  | (TaskFields & Readonly<{ status: 'live'; id: number; project: number }>)
export type LiveTask = Extract<TaskState, { status: 'live' }>

/** That the scenes are there and of the task's project is checked by who sends the command. */
export type TaskCommand =
  | { type: 'CreateTask'; data: TaskFields & { id: number; project: number } }
  /** `project`, when given, must be the one that the task is in. */
  | { type: 'ChangeTask'; project?: number; changes: Partial<TaskFields> }
  | { type: 'DeleteTask' }

/** Scenes that are run together (seed 000 六.1). One that is deleted stays among them until the next change, neither shown nor run. */
export const task: Decider<TaskState, TaskCommand, TaskEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'TaskCreated':
        return { status: 'live', ...event.data }
      case 'TaskChanged':
        return state.status === 'live' ? { ...state, ...event.data } : state
      case 'TaskDeleted':
        return state.status === 'live' ? { status: 'deleted', id: state.id, project: state.project } : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateTask') {
      if (state.status !== 'none') throw new Rejected('conflict', '测试任务已存在')
      return [{ type: 'TaskCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '测试任务不存在')
    switch (command.type) {
      case 'ChangeTask': {
        if (command.project !== undefined && command.project !== state.project) {
          throw new Rejected('invalid', 'project：测试任务不能移动到其他项目', 'project')
        }
        const changes = changedFields(state, command.changes)
        return changes ? [{ type: 'TaskChanged', data: changes }] : []
      }
      case 'DeleteTask':
        return [{ type: 'TaskDeleted', data: {} }]
    }
  },
}
