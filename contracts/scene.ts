import type { Event, StreamId } from './core.ts'

/** A flow of cases that run one after the other (seed 000 五.1). Its steps are told in its own stream. */
export type SceneFields = Readonly<{ name: string }>

/** One step of a scene (seed 000 五.2): the case that it runs, and its place. Steps run by `sort`, then by id. */
export type StepFields = Readonly<{ icase: number; sort: number }>

/** A step's new place. */
export type Placing = Readonly<{ step: number; sort: number }>

export type SceneEvent =
  | Event<'SceneCreated', SceneFields & { id: number; project: number }>
  | Event<'SceneChanged', Partial<SceneFields>>
  | Event<'SceneDeleted', Record<never, never>>
  | Event<'StepAdded', StepFields & { step: number }>
  | Event<'StepChanged', Partial<StepFields> & { step: number }>
  | Event<'StepRemoved', { step: number }>
  | Event<'StepsReordered', { order: readonly Placing[] }>

export type SceneEventOf<T extends SceneEvent['type']> = Extract<SceneEvent, { type: T }>

export const sceneStream = (id: number): StreamId => `scene-${id}`
