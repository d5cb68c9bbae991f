import type { Event, StreamId } from './core.ts'

/** An HTTP interface of the system under test (seed 000 接口测试模块 1). `method` is kept as it was sent. */
export type InterfaceFields = Readonly<{
  name: string
  url: string
  method: string
  type: string
  /** The module that it is filed under; absent or null for none. */
  module?: number | null
}>

export type InterfaceEvent =
  | Event<'InterfaceCreated', InterfaceFields & { id: number; project: number }>
  | Event<'InterfaceChanged', Partial<InterfaceFields>>
  | Event<'InterfaceDeleted', Record<never, never>>

export const interfaceStream = (id: number): StreamId => `interface-${id}`
