import type { LongText } from '../../contracts/blob.ts'
import { type Decider, Rejected } from '../../contracts/core.ts'
import {
  type DebugOverlay,
  type EnvironmentEvent,
  type EnvironmentFields,
  overlay,
} from '../../contracts/environment.ts'
import type { JsonText } from '../../contracts/json.ts'
import { changedFields } from './changes.ts'

export type EnvironmentState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; project: number }>
  | (EnvironmentFields & Readonly<{ status: 'live'; id: number; project: number; debug_overlay: DebugOverlay }>)
export type LiveEnvironment = Extract<EnvironmentState, { status: 'live' }>

export type EnvironmentCommand =
  | { type: 'CreateEnvironment'; data: EnvironmentFields & { id: number; project: number } }
  /** `project`, when given, must be the one that the environment is in. */
  | { type: 'ChangeEnvironment'; project?: number; changes: Partial<EnvironmentFields> }
  | { type: 'SaveDebugVariables'; set: Readonly<Record<string, LongText<JsonText>>>; deleted: readonly string[] }
  | { type: 'DeleteEnvironment' }

/** A test environment of a project (seed 000 四.2). Its secrets are sealed before a command is made of them. */
export const environment: Decider<EnvironmentState, EnvironmentCommand, EnvironmentEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    if (event.type === 'EnvironmentCreated') return { status: 'live', debug_overlay: {}, ...event.data }
    if (state.status !== 'live') return state
    switch (event.type) {
      case 'EnvironmentChanged':
        return {
          ...state,
          ...event.data,
          debug_overlay: event.data.debug_global_variable === undefined ? state.debug_overlay : {},
        }
      case 'DebugVariablesSaved':
        return { ...state, debug_overlay: overlay(state.debug_overlay, event.data) }
      case 'EnvironmentDeleted':
        return { status: 'deleted', id: state.id, project: state.project }
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateEnvironment') {
      if (state.status !== 'none') throw new Rejected('conflict', '测试环境已存在')
      return [{ type: 'EnvironmentCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '测试环境不存在')
    switch (command.type) {
      case 'ChangeEnvironment': {
        if (command.project !== undefined && command.project !== state.project) {
          throw new Rejected('invalid', 'project：测试环境不能移动到其他项目', 'project')
        }
        const changes = changedFields(state, command.changes)
        const { debug_global_variable } = command.changes
        // Written whole, the debug variables replace what debug runs saved, even where the written text is the one from before.
        if (debug_global_variable !== undefined && Object.keys(state.debug_overlay).length > 0) {
          return [{ type: 'EnvironmentChanged', data: { ...changes, debug_global_variable } }]
        }
        return changes ? [{ type: 'EnvironmentChanged', data: changes }] : []
      }
      case 'SaveDebugVariables': {
        const { type: _, ...data } = command
        return Object.keys(data.set).length + data.deleted.length > 0 ? [{ type: 'DebugVariablesSaved', data }] : []
      }
      case 'DeleteEnvironment':
        return [{ type: 'EnvironmentDeleted', data: {} }]
    }
  },
}
