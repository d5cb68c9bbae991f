import { ADVISORY_LOCKS } from './advisory-locks.ts'
import { pause } from './pause.ts'
import type { Database } from './sql.ts'

/** How long a start waits for a platform that is just going down, in milliseconds. */
const PATIENCE = 10_000

/** Another platform runs on this database. */
export class DatabaseInUse extends Error {
  constructor() {
    super('another platform runs on this database: stop it, or set DATABASE_URL or DATA_DIR to another one')
    this.name = 'DatabaseInUse'
  }
}

/**
 * Makes this process the only platform of its database: with a message log in memory a second one would not know what the first has
 * under way. `lost` resolves when the database has dropped the session, and with it the lock. Throws `DatabaseInUse`.
 */
export async function claimDatabase(db: Database): Promise<{ lost: Promise<Error>; release(): Promise<void> }> {
  const session = await db.session({ name: 'platform' })
  const { signal } = new AbortController()
  for (const deadline = Date.now() + PATIENCE; ; await pause(200, signal)) {
    const [row] = await session.query<{ taken: boolean }>(
      `select pg_try_advisory_lock(${ADVISORY_LOCKS.platform}) as taken`,
    )
    if (row?.taken) return { lost: session.lost, release: () => session.close() }
    if (Date.now() < deadline) continue
    await session.close()
    throw new DatabaseInUse()
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
