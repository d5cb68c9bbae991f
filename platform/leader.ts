import type { Log } from './log.ts'
import { pause } from './pause.ts'
import type { Database, Session } from './sql.ts'

/** How often a standby looks whether the leader's lock is free, in milliseconds. */
const COMPETE_MS = 200
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

/** Who takes part in what one process alone does at a time. */
export type Candidate = Readonly<{
  readonly leads: boolean
  /** Ends the work, and gives the lead to another. */
  stop(): Promise<void>
}>

/** An advisory lock: its number, or a text that is hashed to one; and what it is called in the log. */
export type Lock = Readonly<{ name: string; key: number | string }>

/**
 * Of all processes that call this with one `lock`, one does `work`, whose signal is aborted when the lead is lost or `stop` is called; the
 * others stand by. The lead is an advisory lock of a session of its own (`docs/adr/0003`): the server frees it when the process dies, or
 * gives no sign of life. It keeps leaders out of each other's way, and no more: one that hangs may believe in it for a moment too long, so
 * that what it writes has a fence of its own. Work that ends or throws before is taken up again by whoever leads next. Locks that `work`
 * takes on the session are freed with the lead.
 */
export function lead(
  db: Database,
  lock: Lock,
  work: (signal: AbortSignal, session: Session) => Promise<void>,
  log: Log,
): Candidate {
  const stopping = new AbortController()
  const { signal } = stopping
  const key = typeof lock.key === 'number' ? '$1' : 'hashtextextended($1, 0)'
  let leads = false

  async function compete(session: Session, over: AbortSignal): Promise<boolean> {
    for (; !over.aborted; await pause(COMPETE_MS, over)) {
      const [row] = await session.query<{ held: boolean }>(`select pg_try_advisory_lock(${key}) as held`, [lock.key])
      if (row?.held === true) return true
    }
    return false
  }

  async function term(led: () => void): Promise<void> {
    const session = await db.session({ name: lock.name, heartbeat: true })
    const lost = new AbortController()
    void session.lost.then((error) => lost.abort(error))
    const over = AbortSignal.any([signal, lost.signal])
    try {
      if (await compete(session, over)) {
        led()
        leads = true
        log.info({ lock: lock.name }, 'this process leads')
        await work(over, session)
      }
      lost.signal.throwIfAborted()
    } finally {
      leads = false
      await session.close().catch(() => {})
    }
  }

  const leading = (async () => {
    let wait = FIRST_PAUSE_MS
    while (!signal.aborted) {
      try {
        await term(() => (wait = FIRST_PAUSE_MS))
      } catch (error) {
        log.warn({ lock: lock.name, reason: String(error) }, 'the lead was given back, and is competed for again')
      }
      await pause(wait, signal)
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS)
    }
  })()

  return {
    get leads() {
      return leads
    },
    async stop() {
      stopping.abort()
      await leading
    },
  }
}
