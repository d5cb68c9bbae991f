import type { Recorded } from '../../../contracts/core.ts'
import type { Log } from '../../log.ts'
import { pause } from '../../pause.ts'
import { DatabaseUnavailable } from '../../sql.ts'
import { MAX_FOLLOW_BATCH } from '../port.ts'
import type { Bell } from '../../bell.ts'

/** How long a follower sleeps when nobody wakes it: a word of another process may be lost. */
const POLL_MILLISECONDS = 1_000

export type Following = Readonly<{
  after: number
  signal: AbortSignal
  bell: Bell
  /** Events right after a position that need not be read, if any. */
  near(position: number): readonly Recorded[]
  /** Whether the event at a position is the newest that this process has appended. */
  isNewest(position: number): boolean
  /** How often there was word of other processes' events. */
  words(): number
  /** At most so many events after a position, in order. */
  read(position: number, most: number): Promise<readonly Recorded[]>
  log: Log
}>

/**
 * Hands out batches until `signal` is aborted. Positions are in the order of the commits, so that reading on misses nothing. While the
 * consumer works on a full page the next is being read. What this process appends is never asked for: only after a word of another one,
 * or a sleep in which one may have been lost, is there anything to read behind its own newest event.
 */
export async function* followPages({
  after,
  signal,
  bell,
  near: nearby,
  isNewest,
  words,
  read,
  log,
}: Following): AsyncGenerator<readonly Recorded[]> {
  let position = after
  let ahead: Promise<readonly Recorded[]> | undefined
  /** The words that there had been when the last page was read to the log's end. */
  let looked: number | undefined
  while (!signal.aborted) {
    const rung = bell.rung
    const events = await next()
    const last = events.at(-1)
    if (last === undefined) {
      await bell.next(rung, POLL_MILLISECONDS, signal)
      if (bell.rung === rung) looked = undefined
      continue
    }
    position = Number(last.position)
    if (events.length === MAX_FOLLOW_BATCH && nearby(position).length === 0) {
      ahead = readPage(position)
      // The consumer may leave before it looks at this page.
      ahead.catch(() => {})
    }
    yield events
  }

  async function next(): Promise<readonly Recorded[]> {
    if (ahead !== undefined) {
      const page = ahead
      ahead = undefined
      looked = undefined
      return page
    }
    const heard = words()
    const near = nearby(position)
    // Whoever has looked since the last word has seen all that others have stored: there is nothing to do but to wait.
    if (near.length > 0 || (looked === heard && isNewest(position))) return near
    const page = await readPage(position)
    looked = page.length < MAX_FOLLOW_BATCH ? heard : undefined
    return page
  }

  /** A database that is away for a while only makes the followers wait. */
  async function readPage(from: number): Promise<readonly Recorded[]> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await read(from, MAX_FOLLOW_BATCH)
      } catch (error) {
        if (signal.aborted) return []
        if (!(error instanceof DatabaseUnavailable)) throw error
        log.warn({ reason: error.message }, 'a follower of events waits for the database')
        await pause(wait, signal)
      }
    }
  }
}
