import { randomUUID } from 'node:crypto'
import { expect } from '@jest/globals'
import type { TestPlatform } from './platform.ts'

export const newKey = (): Record<string, string> => ({ 'idempotency-key': randomUUID() })

export type Write = readonly [method: string, path: string, body?: unknown]

export type Keyed = Readonly<{
  /** Sends a write with these headers; answers what a repeat must answer again: status, text and ETag. */
  send(write: Write, headers: Readonly<Record<string, string>>): Promise<readonly [status: number, ...unknown[]]>
  /**
   * Sends writes one after the other, each with a key of its own, and after a restart all of them again: the answers are the same, and
   * nothing is added to the log. Answers the statuses.
   */
  repeated(...writes: readonly Write[]): Promise<readonly number[]>
}>

export function keyedBy(platform: () => TestPlatform): Keyed {
  const send: Keyed['send'] = async ([method, path, body], headers) => {
    const answer = await platform().call(method, path, body, { headers })
    return [answer.status, answer.text, answer.headers.get('etag')]
  }
  return {
    send,
    async repeated(...writes) {
      const calls = writes.map((write) => [write, newKey()] as const)
      const first = []
      for (const call of calls) first.push(await send(...call))
      await platform().restart()
      const again: unknown[] = []
      const events = await platform().eventsOf(async () => {
        for (const call of calls) again.push(await send(...call))
      })
      expect([again, events]).toEqual([first, []])
      return first.map(([status]) => status)
    },
  }
}
