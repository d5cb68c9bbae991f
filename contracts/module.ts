import type { Event, StreamId } from './core.ts'

/** A folder of interfaces; `parent` is another one of the same project, null at the top. */
export type ModuleFields = Readonly<{ name: string; parent: number | null }>

/** The modules of one project in one stream: so that two that are moved at once can never come to hold each other. */
export type ModuleEvent =
  | Event<'ModuleAdded', ModuleFields & { module: number }>
  | Event<'ModuleChanged', Partial<ModuleFields> & { module: number }>
  /** With all modules below it. Their interfaces stay, in no module. */
  | Event<'ModuleRemoved', { module: number }>

export const modulesStream = (project: number): StreamId => `modules-${project}`
