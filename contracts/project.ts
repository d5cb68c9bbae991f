import type { Event, StreamId } from './core.ts'

/** A project owns environments, interfaces and all that hangs on them (seed 000 四.1). */
export type ProjectFields = Readonly<{ name: string; leader: string }>

export type ProjectEvent =
  | Event<'ProjectCreated', ProjectFields & { id: number }>
  | Event<'ProjectChanged', Partial<ProjectFields>>
  | Event<'ProjectDeleted', Record<never, never>>

export const projectStream = (id: number): StreamId => `project-${id}`
