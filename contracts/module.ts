import type { Event, StreamId } from './core.ts'

/** A folder of interfaces; `parent` is another one of the same project, null at the top. */
export type ModuleFields = Readonly<{ name: string; parent: number | null }>

/** The modules of one project in one stream: so that two that are moved at once can never come to hold each other. */
export type ModuleEvent =
  | Event<'ModuleAdded', ModuleFields & { module: number; project: number }>
  | Event<'ModuleChanged', Partial<ModuleFields> & { module: number }>
  /** With all modules below it, named in `below`. Their interfaces stay, in no module. */
  | Event<'ModuleRemoved', { module: number; below: readonly number[] }>

export const modulesStream = (project: number): StreamId => `modules-${project}`

/** Modules that a project may have: as many as one removal can name. */
export const MOST_MODULES = 10_000

/** How deep modules may lie in each other: readers of JSON give up on what is nested too deeply. */
export const MOST_LEVELS = 100
