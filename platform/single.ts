import { ADVISORY_LOCKS } from './advisory-locks.ts'
import type { Log } from './log.ts'
import { aborted, pause } from './pause.ts'
import { outageOf } from './reach.ts'
import type { Database, Session } from './sql.ts'

/** How long a start waits for a platform that is just going down, in milliseconds. */
const PATIENCE = 10_000

/** Another platform runs on this database. */
export class DatabaseInUse extends Error {
  constructor() {
    super(
      'another platform runs on this database: stop it, or set DATABASE_URL or DATA_DIR to another one; ' +
        'several processes work on one database only where each has MESSAGE_LOG=kafka',
    )
    this.name = 'DatabaseInUse'
  }
}

/**
 * Says that a platform runs on this database, `alone` or together with others that do not say `alone`: with a message log in memory a second
 * one would not know what the first has under way. A claim that went with its connection is made again when the database is back;
 * `lost` resolves when another platform has come between. Throws `DatabaseInUse`.
 */
export async function claimDatabase(
  db: Database,
  { alone, log, patienceMs = PATIENCE }: { alone: boolean; log: Log; patienceMs?: number },
): Promise<{ lost: Promise<Error>; release(): Promise<void> }> {
  const released = new AbortController()
  const { signal } = released
  const lost = Promise.withResolvers<Error>()
  let session = await claim()

  async function claim(): Promise<Session> {
    const opened = await db.session({ name: 'platform' })
    try {
      for (const deadline = Date.now() + patienceMs; ; await pause(200, signal)) {
        const [row] = await opened.query<{ taken: boolean }>(
          `select pg_try_advisory_lock${alone ? '' : '_shared'}(${ADVISORY_LOCKS.platform}) as taken`,
        )
        if (row?.taken) return opened
        // Whoever lets go meanwhile wants no claim any more.
        signal.throwIfAborted()
        if (Date.now() >= deadline) throw new DatabaseInUse()
      }
    } catch (error) {
      await opened.close().catch(() => {})
      throw error
    }
  }

  /** Until a claim stands again. */
  async function claimAgain(): Promise<void> {
    for (let wait = 200; !signal.aborted; wait = Math.min(wait * 2, 5_000)) {
      try {
        session = await claim()
        return
      } catch (error) {
        if (outageOf(error) === undefined) throw error
        await pause(wait, signal)
      }
    }
  }

  const keeping = (async () => {
    const over = aborted(signal)
    while (!signal.aborted) {
      const reason = await Promise.race([session.lost, over])
      if (signal.aborted || reason === undefined) return
      log.warn({ reason: reason.message }, 'the claim on the database was lost with its connection, and is made again')
      await claimAgain()
    }
  })().catch((error: unknown) => {
    if (!signal.aborted) lost.resolve(error as Error)
  })

  return {
    lost: lost.promise,
    async release() {
      released.abort()
      await keeping
      await session.close().catch(() => {})
    },
  }
}

/** Whether a platform runs on this database now. */
export async function isDatabaseClaimed(db: Database): Promise<boolean> {
  const [row] = await db.query<{ claimed: boolean }>(
    `select exists (
       select 1 from pg_locks where locktype = 'advisory' and objid = ${ADVISORY_LOCKS.platform} and granted
         and database = (select oid from pg_database where datname = current_database())
     ) as claimed`,
  )
  return row?.claimed ?? false
}
