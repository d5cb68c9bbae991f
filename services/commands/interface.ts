import { type Decider, Rejected } from '../../contracts/core.ts'
import type { InterfaceEvent, InterfaceFields } from '../../contracts/interface.ts'
import { changedFields } from './changes.ts'

export type InterfaceState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; project: number }>
  | (InterfaceFields & Readonly<{ status: 'live'; id: number; project: number; module: number | null }>)
export type LiveInterface = Extract<InterfaceState, { status: 'live' }>

export type InterfaceCommand =
  /** That its module is one of its project is checked by who sends the command. */
  | { type: 'CreateInterface'; data: InterfaceFields & { id: number; project: number } }
  /** `project`, when given, must be the one that the interface is in. */
  | { type: 'ChangeInterface'; project?: number; changes: Partial<InterfaceFields> }
  | { type: 'DeleteInterface' }

/** An HTTP interface of the system under test (seed 000 接口测试模块 1). */
export const httpInterface: Decider<InterfaceState, InterfaceCommand, InterfaceEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'InterfaceCreated':
        return { status: 'live', module: null, ...event.data }
      case 'InterfaceChanged':
        return state.status === 'live' ? { ...state, ...event.data } : state
      case 'InterfaceDeleted':
        return state.status === 'live' ? { status: 'deleted', id: state.id, project: state.project } : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateInterface') {
      if (state.status !== 'none') throw new Rejected('conflict', '接口已存在')
      return [{ type: 'InterfaceCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '接口不存在')
    switch (command.type) {
      case 'ChangeInterface': {
        if (command.project !== undefined && command.project !== state.project) {
          throw new Rejected('invalid', 'project：接口不能移动到其他项目', 'project')
        }
        const changes = changedFields(state, command.changes)
        return changes ? [{ type: 'InterfaceChanged', data: changes }] : []
      }
      case 'DeleteInterface':
        return [{ type: 'InterfaceDeleted', data: {} }]
    }
  },
}
