import { type BugEvent, type BugFields, type BugPlace, handleOf, type Handling } from '../../contracts/bug.ts'
import { type Decider, Rejected } from '../../contracts/core.ts'
import { changedFields } from './changes.ts'
import { recordedAt } from './recorded.ts'

/** A bug's own `status` is among its fields; that of the state says whether there is one. */
export type BugState =
  | Readonly<{ status: 'none' }>
  | Readonly<{ status: 'deleted'; id: number }>
  | Readonly<{
      status: 'live'
      id: number
      create_time: string
      fields: BugFields & BugPlace
      /** From the report on, one for each event that changed something. */
      handle: readonly Handling[]
    }>
export type LiveBug = Extract<BugState, { status: 'live' }>

/** `by` is the name of the user who does it. */
export type BugCommand =
  | { type: 'ReportBug'; data: BugFields & BugPlace & { id: number; by: string } }
  /** `to`, when given, is the interface that the bug is of from now on. */
  | { type: 'ChangeBug'; by: string; changes: Partial<BugFields>; to?: BugPlace }
  | { type: 'DeleteBug'; by: string }

/** A defect of an interface (seed 000 八). It outlives its interface, and its project. */
export const bug: Decider<BugState, BugCommand, BugEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    switch (event.type) {
      case 'BugReported': {
        const { id, by, ...fields } = event.data
        const create_time = recordedAt(event)
        const handle = [{ handle: handleOf(event.type, fields.status), update_user: by, create_time }]
        return { status: 'live', id, create_time, fields, handle }
      }
      case 'BugChanged': {
        if (state.status !== 'live') return state
        const { by, ...changes } = event.data
        const fields = { ...state.fields, ...changes }
        const handling = {
          handle: handleOf(event.type, fields.status),
          update_user: by,
          create_time: recordedAt(event),
        }
        return { ...state, fields, handle: [...state.handle, handling] }
      }
      case 'BugDeleted':
        return state.status === 'live' ? { status: 'deleted', id: state.id } : state
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'ReportBug') {
      if (state.status !== 'none') throw new Rejected('conflict', 'bug已存在')
      return [{ type: 'BugReported', data: command.data }]
    }
    if (state.status !== 'live') throw new Rejected('not_found', 'bug不存在')
    const { by } = command
    switch (command.type) {
      case 'ChangeBug': {
        const changes = changedFields(state.fields, { ...command.changes, ...moved(state, command.to) })
        return changes ? [{ type: 'BugChanged', data: { ...changes, by } }] : []
      }
      case 'DeleteBug':
        return [{ type: 'BugDeleted', data: { by } }]
    }
  },
}

/** A bug may go to another interface of its project. The URL that its own interface has by now is no change of the bug. */
function moved({ fields }: LiveBug, to: BugPlace | undefined): Partial<BugPlace> {
  if (to === undefined || to.interface === fields.interface) return {}
  if (to.project !== fields.project) {
    throw new Rejected('invalid', 'interface：bug不能移动到其他项目的接口', 'interface')
  }
  return { interface: to.interface, interface_url: to.interface_url }
}
