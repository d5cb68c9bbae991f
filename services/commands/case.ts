import type { CaseEvent, CaseFields } from '../../contracts/case.ts'
import { type Decider, Rejected } from '../../contracts/core.ts'
import { changedFields } from './changes.ts'

export type CaseState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; interface: number }>
  | (CaseFields & Readonly<{ status: 'live'; id: number; interface: number }>)
export type LiveCase = Extract<CaseState, { status: 'live' }>

export type CaseCommand =
  | { type: 'CreateCase'; data: CaseFields & { id: number; interface: number } }
  /** That a new `interface` is one of the same project is checked by who sends the command. */
  | { type: 'ChangeCase'; changes: Partial<CaseFields & { interface: number }> }
  | { type: 'DeleteCase' }

/** A test case of an interface (seed 000 接口测试模块 2). */
export const testCase: Decider<CaseState, CaseCommand, CaseEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'CaseCreated':
        return { status: 'live', ...event.data }
      case 'CaseChanged':
        return state.status === 'live' ? { ...state, ...event.data } : state
      case 'CaseDeleted':
        return state.status === 'live' ? { status: 'deleted', id: state.id, interface: state.interface } : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateCase') {
      if (state.status !== 'none') throw new Rejected('conflict', '用例已存在')
      return [{ type: 'CaseCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '用例不存在')
    switch (command.type) {
      case 'ChangeCase': {
        const changes = changedFields(state, command.changes)
        return changes ? [{ type: 'CaseChanged', data: changes }] : []
      }
      case 'DeleteCase':
        return [{ type: 'CaseDeleted', data: {} }]
    }
  },
}
