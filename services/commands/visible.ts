import { Rejected } from '../../contracts/core.ts'
import { aggregates } from './aggregates.ts'
import type { LiveBug } from './bug.ts'
import type { LiveCase } from './case.ts'
import type { LiveEnvironment } from './environment.ts'
import type { Folded, Folds } from './folds.ts'
import type { LiveInterface } from './interface.ts'
import type { LiveModules } from './modules.ts'
import type { LiveProject } from './project.ts'
import type { LiveScene } from './scene.ts'
import type { LiveTask } from './task.ts'

type Seen<S> = Omit<Folded<S>, 'state'> & Readonly<{ state: S }>

/**
 * What commands may refer to: a thing is visible while it and all that it hangs on are not deleted. Answers the fold, whose revision a
 * run pins; undefined for what is not there.
 */
export type Visible = Readonly<{
  project(id: number): Promise<Seen<LiveProject> | undefined>
  environment(id: number): Promise<Seen<LiveEnvironment> | undefined>
  interface(id: number): Promise<Seen<LiveInterface> | undefined>
  case(id: number): Promise<Seen<LiveCase> | undefined>
  scene(id: number): Promise<Seen<LiveScene> | undefined>
  /** Hangs on nothing: it outlives its interface and its project. */
  bug(id: number): Promise<Seen<LiveBug> | undefined>
  /** Those of a project; undefined too when it never had any. */
  modules(project: number): Promise<Seen<LiveModules> | undefined>
  task(id: number): Promise<Seen<LiveTask> | undefined>
}>

export function createVisible(folds: Pick<Folds, 'read'>): Visible {
  const visible: Visible = {
    async project(id) {
      return live(await folds.read(aggregates.project.decider, aggregates.project.stream(id)))
    },
    async environment(id) {
      const found = live(await folds.read(aggregates.environment.decider, aggregates.environment.stream(id)))
      return found && (await visible.project(found.state.project)) && found
    },
    async interface(id) {
      const found = live(await folds.read(aggregates.interface.decider, aggregates.interface.stream(id)))
      return found && (await visible.project(found.state.project)) && found
    },
    async case(id) {
      const found = live(await folds.read(aggregates.case.decider, aggregates.case.stream(id)))
      return found && (await visible.interface(found.state.interface)) && found
    },
    async scene(id) {
      const found = live(await folds.read(aggregates.scene.decider, aggregates.scene.stream(id)))
      return found && (await visible.project(found.state.project)) && found
    },
    async bug(id) {
      return live(await folds.read(aggregates.bug.decider, aggregates.bug.stream(id)))
    },
    async modules(project) {
      const found = live(await folds.read(aggregates.modules.decider, aggregates.modules.stream(project)))
      return found && (await visible.project(project)) && found
    },
    async task(id) {
      const found = live(await folds.read(aggregates.task.decider, aggregates.task.stream(id)))
      return found && (await visible.project(found.state.project)) && found
    },
  }
  return visible
}

function live<S extends { status: string }>(fold: Folded<S>): Seen<Extract<S, { status: 'live' }>> | undefined {
  return fold.state.status === 'live' ? (fold as Seen<Extract<S, { status: 'live' }>>) : undefined
}

/** What an id in a body must name. Throws `Rejected('unknown_reference')` with the field's name. */
export function referred<T>(found: T | undefined, field: string, what: string, id: number): T {
  if (found === undefined) throw new Rejected('unknown_reference', `${field}：${what} ${id} 不存在`, field)
  return found
}
