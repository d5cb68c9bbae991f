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
  /** At most so many events after a position, in order. */
  read(position: number, most: number): Promise<readonly Recorded[]>
  log: Log
}>

/**
 * Hands out batches until `signal` is aborted. Positions are in the order of the commits, so that reading on misses nothing. While the
 * consumer works on a full page the next is being read.
 */
export async function* followPages({
  after,
  signal,
  bell,
  near,
  read,
  log,
}: Following): AsyncGenerator<readonly Recorded[]> {
  let position = after
  let ahead: Promise<readonly Recorded[]> | undefined
  while (!signal.aborted) {
    const rung = bell.rung
    const events = ahead === undefined ? near(position) : []
    const page = events.length > 0 ? events : await (ahead ?? readPage(position))
    ahead = undefined
    const last = page.at(-1)
    if (last === undefined) {
      await bell.next(rung, POLL_MILLISECONDS, signal)
      continue
    }
    position = Number(last.position)
    if (page.length === MAX_FOLLOW_BATCH && near(position).length === 0) {
      ahead = readPage(position)
      // The consumer may leave before it looks at this page.
      ahead.catch(() => {})
    }
    yield page
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
