import { type Decider, Rejected } from '../../contracts/core.ts'
import { MOST_LEVELS, MOST_MODULES, type ModuleEvent, type ModuleFields } from '../../contracts/module.ts'
import { changedFields } from './changes.ts'
import { Parts } from './parts.ts'

type Modules = Parts<ModuleFields>

/** The modules of one project; the first that is added begins them. */
export type ModulesState =
  Readonly<{ status: 'none' }> | Readonly<{ status: 'live'; project: number; modules: Parts<ModuleFields> }>
export type LiveModules = Extract<ModulesState, { status: 'live' }>

export type ModulesCommand =
  /** That the project is there is checked by who sends the command. */
  | { type: 'AddModule'; data: ModuleFields & { module: number; project: number } }
  /** `project`, when given, must be the one that the module is in. */
  | { type: 'ChangeModule'; module: number; project?: number; changes: Partial<ModuleFields> }
  | { type: 'RemoveModule'; module: number }

/** Folders of interfaces: a tree for each project, in one stream, so that no two writers can make a circle of it. */
export const modules: Decider<ModulesState, ModulesCommand, ModuleEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    if (event.type === 'ModuleAdded') {
      const { module, project, ...fields } = event.data
      return { status: 'live', project, modules: modulesOf(state).with(module, fields) }
    }
    if (state.status !== 'live') return state
    switch (event.type) {
      case 'ModuleChanged': {
        const { module, ...changes } = event.data
        return { ...state, modules: state.modules.changed(module, changes) }
      }
      case 'ModuleRemoved': {
        const { module, below } = event.data
        return { ...state, modules: [module, ...below].reduce((left, id) => left.without(id), state.modules) }
      }
      default:
        return state
    }
  },

  decide(command, state) {
    const present = modulesOf(state)
    if (command.type === 'AddModule') {
      const { module, parent } = command.data
      if (present.get(module)) throw new Rejected('conflict', '模块已存在')
      if (present.size >= MOST_MODULES) throw new Rejected('conflict', `一个项目最多 ${MOST_MODULES} 个模块`)
      checkPlace(present, { module, parent, levels: 1 })
      return [{ type: 'ModuleAdded', data: command.data }]
    }
    const { module } = command
    const fields = present.get(module)
    if (state.status !== 'live' || !fields) throw new Rejected('not_found', '模块不存在')
    switch (command.type) {
      case 'ChangeModule': {
        if (command.project !== undefined && command.project !== state.project) {
          throw new Rejected('invalid', 'project：模块不能移动到其他项目', 'project')
        }
        const changes = changedFields(fields, command.changes)
        if (changes?.parent !== undefined) {
          checkPlace(present, { module, parent: changes.parent, levels: levelsFrom(present, module).length })
        }
        return changes ? [{ type: 'ModuleChanged', data: { module, ...changes } }] : []
      }
      case 'RemoveModule': {
        const below = levelsFrom(present, module).slice(1).flat()
        return [{ type: 'ModuleRemoved', data: { module, below: below.toSorted((one, other) => one - other) } }]
      }
    }
  },
}

function modulesOf(state: ModulesState): Modules {
  return state.status === 'live' ? state.modules : new Parts()
}

type Place = Readonly<{ module: number; parent: number | null; levels: number }>

/** Whether a module, which with what is below it has so many levels, may lie in `parent`. Throws `Rejected`, which names `parent`. */
function checkPlace(modules: Modules, { module, parent, levels }: Place): void {
  const above = pathTo(modules, parent)
  if (above.includes(module)) {
    throw new Rejected('invalid', 'parent：模块不能移动到自己或自己的下级模块中', 'parent')
  }
  if (above.length + levels > MOST_LEVELS) {
    throw new Rejected('invalid', `parent：模块最多 ${MOST_LEVELS} 层`, 'parent')
  }
}

/** The module and all that it lies in, up to the top; none for null. */
function pathTo(modules: Modules, module: number | null): readonly number[] {
  const path: number[] = []
  for (let at = module; at !== null;) {
    const fields = modules.get(at)
    if (!fields) throw new Rejected('unknown_reference', `parent：项目中没有模块 ${at}`, 'parent')
    path.push(at)
    at = fields.parent
  }
  return path
}

/** The module, what lies in it, what lies in that, and so on. */
function levelsFrom(modules: Modules, module: number): readonly (readonly number[])[] {
  const children = Map.groupBy(modules.entries(), ([, { parent }]) => parent)
  const levels: number[][] = []
  for (let level = [module]; level.length > 0;) {
    levels.push(level)
    level = level.flatMap((id) => (children.get(id) ?? []).map(([child]) => child))
  }
  return levels
}
