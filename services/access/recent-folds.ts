import type { Decider, Event, StreamId } from '../../contracts/core.ts'
import type { Folded, Folds } from '../commands/folds.ts'
import { Recent } from '../commands/recent.ts'

/**
 * Milliseconds for which a stream that was read may be believed. What this process appends it knows at once, and what others append
 * it hears as they commit; but a word may be lost, and the poll behind it comes after a second, or never while the database is away.
 * Whoever was put out by another process is therefore out here after this time, and one read, at the latest.
 */
export const BELIEVED_FOR = 500

/** Streams of which is known when they were read. */
const MOST = 20_000

/** What decides who comes in reads streams by it. Throws when the log cannot be read. */
export type ReadFold = <S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId) => Promise<Folded<S>>

/** Reads folds that are never older than `BELIEVED_FOR`. `now` is a clock of milliseconds that never runs backwards. */
export function recentFolds(folds: Folds, now: () => number = () => performance.now()): ReadFold {
  const readAt = new Recent<StreamId, number>(MOST)
  const reading = new Map<StreamId, Promise<Folded<unknown>>>()

  function look<S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId): Promise<Folded<S>> {
    const begun = now()
    const look = folds.refresh(decider, stream).finally(() => reading.delete(stream))
    reading.set(stream, look)
    // What was read is as old as the question.
    return look.then((fold) => {
      readAt.set(stream, begun)
      return fold
    })
  }

  return <S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId) => {
    const at = readAt.get(stream)
    if (at !== undefined && now() - at < BELIEVED_FOR) return folds.read(decider, stream)
    // Requests that come at once look once.
    return (reading.get(stream) as Promise<Folded<S>> | undefined) ?? look(decider, stream)
  }
}
