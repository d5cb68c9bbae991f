import type { Event, StreamId } from './core.ts'

/** Scenes that are run together (seed 000 六.1), in this order; one may stand twice. `concurrency`: how many run at the same time. */
export type TaskFields = Readonly<{ name: string; scenes: readonly number[]; concurrency: number }>

export type TaskEvent =
  | Event<'TaskCreated', TaskFields & { id: number; project: number }>
  | Event<'TaskChanged', Partial<TaskFields>>
  | Event<'TaskDeleted', Record<never, never>>

export const taskStream = (id: number): StreamId => `task-${id}`
