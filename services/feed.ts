import type { Recorded } from '../contracts/core.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Log } from '../platform/log.ts'
import { pause } from '../platform/pause.ts'

/** Follows the log from where it stood at the start and hands what comes to whoever listens, in the log's order. */
export type Feed = Readonly<{
  listen(listener: (events: readonly Recorded[]) => void): () => void
  stop(): Promise<void>
}>

/** Milliseconds until a follower that failed follows again. */
const AGAIN = 500

export async function createFeed({ store, log }: { store: EventStore; log: Log }): Promise<Feed> {
  const listeners = new Set<(events: readonly Recorded[]) => void>()
  const stopping = new AbortController()
  let position = await store.head()

  async function follow(): Promise<void> {
    for await (const events of store.follow(position, stopping.signal)) {
      for (const listener of listeners) listener(events)
      position = events.at(-1)?.position ?? position
    }
  }

  const following = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await follow()
      } catch (error) {
        log.warn({ err: error, position }, 'the feed lost the event log and follows it again')
        await pause(AGAIN, stopping.signal)
      }
    }
  })()

  return {
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop() {
      stopping.abort()
      await following
    },
  }
}
