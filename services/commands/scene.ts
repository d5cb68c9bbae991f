import { type Decider, Rejected } from '../../contracts/core.ts'
import type { Placing, SceneEvent, SceneFields, StepFields } from '../../contracts/scene.ts'
import { changedFields } from './changes.ts'
import { Parts } from './parts.ts'

export type SceneState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number; project: number }>
  | (SceneFields & Readonly<{ status: 'live'; id: number; project: number; steps: Parts<StepFields> }>)
export type LiveScene = Extract<SceneState, { status: 'live' }>

export type SceneCommand =
  | { type: 'CreateScene'; data: SceneFields & { id: number; project: number } }
  /** `project`, when given, must be the one that the scene is in. */
  | { type: 'ChangeScene'; project?: number; changes: Partial<SceneFields> }
  | { type: 'DeleteScene' }
  /** That a step's case is one of the scene's project is checked by who sends the command. */
  | { type: 'AddStep'; data: StepFields & { step: number } }
  /** `scene`, when given, must be the one that the step is in. */
  | { type: 'ChangeStep'; step: number; scene?: number; changes: Partial<StepFields> }
  | { type: 'RemoveStep'; step: number }
  /** New places of some steps: all are taken, or none. */
  | { type: 'ReorderSteps'; order: readonly Placing[] }

/** A flow of cases and its steps (seed 000 五): one stream, so that a new order is there as a whole or not at all. */
export const scene: Decider<SceneState, SceneCommand, SceneEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    if (event.type === 'SceneCreated') return { status: 'live', ...event.data, steps: new Parts() }
    if (state.status !== 'live') return state
    switch (event.type) {
      case 'SceneChanged':
        return { ...state, ...event.data }
      case 'SceneDeleted':
        return { status: 'deleted', id: state.id, project: state.project }
      case 'StepAdded': {
        const { step, ...fields } = event.data
        return { ...state, steps: state.steps.with(step, fields) }
      }
      case 'StepChanged': {
        const { step, ...changes } = event.data
        return { ...state, steps: state.steps.changed(step, changes) }
      }
      case 'StepRemoved':
        return { ...state, steps: state.steps.without(event.data.step) }
      case 'StepsReordered': {
        const steps = event.data.order.reduce((placed, { step, sort }) => placed.changed(step, { sort }), state.steps)
        return { ...state, steps }
      }
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'CreateScene') {
      if (state.status !== 'none') throw new Rejected('conflict', '业务流已存在')
      return [{ type: 'SceneCreated', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', '业务流不存在')
    switch (command.type) {
      case 'ChangeScene': {
        if (command.project !== undefined && command.project !== state.project) {
          throw new Rejected('invalid', 'project：业务流不能移动到其他项目', 'project')
        }
        const changes = changedFields(state, command.changes)
        return changes ? [{ type: 'SceneChanged', data: changes }] : []
      }
      case 'DeleteScene':
        return [{ type: 'SceneDeleted', data: {} }]
      default:
        return decideOnSteps(command, state)
    }
  },
}

type StepCommand = Extract<SceneCommand, { type: 'AddStep' | 'ChangeStep' | 'RemoveStep' | 'ReorderSteps' }>

function decideOnSteps(command: StepCommand, state: LiveScene): readonly SceneEvent[] {
  switch (command.type) {
    case 'AddStep':
      if (state.steps.get(command.data.step)) throw new Rejected('conflict', '执行步骤已存在')
      return [{ type: 'StepAdded', data: command.data }]
    case 'ChangeStep': {
      const { step } = command
      const fields = stepOf(state, step)
      if (command.scene !== undefined && command.scene !== state.id) {
        throw new Rejected('invalid', 'scene：执行步骤不能移动到其他业务流', 'scene')
      }
      const changes = changedFields(fields, command.changes)
      return changes ? [{ type: 'StepChanged', data: { step, ...changes } }] : []
    }
    case 'RemoveStep':
      stepOf(state, command.step)
      return [{ type: 'StepRemoved', data: { step: command.step } }]
    case 'ReorderSteps': {
      const order = moved(state, command.order)
      return order.length > 0 ? [{ type: 'StepsReordered', data: { order } }] : []
    }
  }
}

function stepOf(state: LiveScene, step: number): StepFields {
  const fields = state.steps.get(step)
  if (!fields) throw new Rejected('not_found', '执行步骤不存在')
  return fields
}

/** Those placings that move a step. Throws `Rejected`, which names the item (`2.id`), for one that is not there or comes twice. */
function moved({ steps }: LiveScene, order: readonly Placing[]): readonly Placing[] {
  const seen = new Set<number>()
  return order.filter(({ step, sort }, index) => {
    const field = `${index}.id`
    const fields = steps.get(step)
    if (!fields) throw new Rejected('unknown_reference', `${field}：执行步骤 ${step} 不存在`, field)
    if (seen.has(step)) throw new Rejected('invalid', `${field}：执行步骤 ${step} 重复出现`, field)
    seen.add(step)
    return fields.sort !== sort
  })
}
