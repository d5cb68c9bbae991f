import { lastingSession } from '../../lasting-session.ts'
import type { Log } from '../../log.ts'
import { pause } from '../../pause.ts'
import type { Database } from '../../sql.ts'

const CHANNEL = 'testledger_events'

/** Tells other processes that there are new events, and hears it from them. It says nothing of which: whoever hears it reads on. */
export type Announcer = Readonly<{ tell(): void; listen(): void; stop(): Promise<void> }>

/** Milliseconds between two words at least: each wakes every listener, and one tells of all that came meanwhile. */
const BREATH = 25

/**
 * At most one word is under way; what is stored meanwhile is told with the next. It goes over a connection of its own after the commit:
 * inside the append it would make all commits wait for one another. A word that is lost costs the listeners the time of a poll.
 */
export function announcer({ db, log, heard }: { db: Database; log: Log; heard: () => void }): Announcer {
  const session = lastingSession(() => db.session({ name: 'announcements', synchronousCommit: false }))
  const stopping = new AbortController()
  let news = false
  let telling: Promise<void> | undefined
  let listening: Promise<() => Promise<void>> | undefined
  /** The server's process behind our own session: its words are no news here. */
  let own: number | undefined

  async function tellAll(): Promise<void> {
    while (news) {
      news = false
      await session
        .use(async (sql) => {
          const [told] = await sql.query<{ pid: number }>(`select pg_backend_pid() as pid, pg_notify($1, '')`, [
            CHANNEL,
          ])
          own = told?.pid
        })
        .catch((error: unknown) => log.warn({ reason: String(error) }, 'new events could not be announced'))
      await pause(BREATH, stopping.signal)
    }
    telling = undefined
  }

  return {
    tell() {
      news = true
      telling ??= tellAll()
    },

    /** Begins to listen, once. Without a connection followers have their poll, and the next follower tries again. */
    listen() {
      if (listening !== undefined) return
      listening = db.listen(CHANNEL, (sender) => {
        if (sender === undefined || sender !== own) heard()
      })
      // What was told before it listened was not heard.
      listening.then(heard).catch((error: unknown) => {
        log.warn({ reason: String(error) }, 'announcements of new events are not heard')
        listening = undefined
      })
    },

    async stop() {
      stopping.abort()
      await telling
      const hushed = await listening?.catch(() => undefined)
      await Promise.all([session.close(), hushed?.()])
    },
  }
}
