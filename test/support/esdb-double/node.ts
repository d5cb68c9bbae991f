import type { Faults } from './faults.ts'
import type { Log } from './log.ts'

/** How often each call was made. */
export type Calls = Record<'read' | 'subscribe' | 'append' | 'batchAppend', number>

export type Node = Readonly<{
  log: Log
  faults: Faults
  calls: Calls
  /** Subscriptions that are open, each with what ends it. */
  subscriptions: Set<(error: { code: number; details: string }) => void>
  /** Closes the connection over which a peer (`host:port`) calls. */
  disconnect(peer: string): void
  address(): { host: string; port: number }
}>
