import type { Position, Recorded, StreamId } from '../../contracts/core.ts'
import type { Feed } from '../feed.ts'

/** An event of a stream, or what a fold of it has come to. */
export type Place = Readonly<{ revision: bigint; position: Position }>

/** Waits for what the log tells of streams, whichever process wrote it. */
export type News = Readonly<{
  /**
   * The first event of the stream from now on that `matters`, or where `already` finds that one has come before. Undefined after
   * `milliseconds`, or when `signal` is aborted.
   */
  until(
    stream: StreamId,
    wanted: Readonly<{ matters(event: Recorded): boolean; already(): Promise<Place | undefined> }>,
    patience: Readonly<{ milliseconds: number; signal: AbortSignal }>,
  ): Promise<Place | undefined>
}>

/** `closing` is aborted when the platform goes down and nobody can wait any longer. */
export function createNews({ feed, closing }: { feed: Feed; closing: AbortSignal }): News {
  const waiting = new Map<StreamId, Set<(event: Recorded) => void>>()

  feed.listen((events) => {
    for (const event of events) for (const tell of waiting.get(event.stream) ?? []) tell(event)
  })

  return {
    async until(stream, { matters, already }, { milliseconds, signal }) {
      const { promise, resolve } = Promise.withResolvers<Place | undefined>()
      const tell = (event: Recorded): void => void (matters(event) && resolve(event))
      const waiters = waiting.get(stream) ?? new Set()
      waiting.set(stream, waiters.add(tell))
      const giveUp = (): void => resolve(undefined)
      const timer = setTimeout(giveUp, milliseconds)
      const leaving = AbortSignal.any([signal, closing])
      leaving.addEventListener('abort', giveUp, { once: true })
      if (leaving.aborted) giveUp()
      try {
        // Only now that nothing can be missed: it may have come before.
        const before = await already()
        if (before !== undefined) resolve(before)
        // Who gives up looks once more: what has just been written may not have been told yet.
        return (await promise) ?? (await already())
      } finally {
        clearTimeout(timer)
        leaving.removeEventListener('abort', giveUp)
        waiters.delete(tell)
        if (waiters.size === 0) waiting.delete(stream)
      }
    },
  }
}
