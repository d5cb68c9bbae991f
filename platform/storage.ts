import { blobsMigration } from './blobs.ts'
import { commandsMigration } from './commands.ts'
import type { Config } from './config.ts'
import { DataDirectoryInUse, type DataDirectoryLock, lockDataDirectory } from './data-directory.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { belongsMigration } from './event-store/belongs.ts'
import { eventStoreMigration } from './event-store/postgres.ts'
import { errorCode } from './error-code.ts'
import type { Log } from './log.ts'
import { type Migration, migrate } from './migrations.ts'
import { openDatabase } from './postgres.ts'
import { secretsMigration } from './secrets.ts'
import type { Database } from './sql.ts'

/** Connections of the pool: requests read and write over them, appends and projections have their own. */
const POOL = 20

/** The database that the platform stands on: the embedded server of its data directory, or one of the user's. */
export type Storage = Readonly<{
  db: Database
  /** Resolves with the reason when the embedded server has ended by itself. */
  died: Promise<string>
  stop(): Promise<void>
}>

/** What is true in the database, beside the read models: each is part of the backup. */
const TRUTH: readonly Migration[] = [
  eventStoreMigration,
  belongsMigration,
  blobsMigration,
  commandsMigration,
  secretsMigration,
]

/** Takes the data directory, starts the embedded server where no DATABASE_URL replaces it, and brings the schema up to date. */
export async function openStorage(
  config: Pick<Config, 'dataDir' | 'databaseUrl'>,
  more: readonly Migration[],
  log: Log,
): Promise<Storage> {
  const lock = config.databaseUrl === undefined ? await takeDataDirectory(config.dataDir) : undefined
  let embedded: EmbeddedPostgres | undefined
  let db: Database | undefined
  const stop = async (): Promise<void> => {
    await db?.close()
    await embedded?.stop()
    await lock?.release()
  }
  try {
    embedded = lock && (await startEmbeddedPostgres({ dataDir: config.dataDir, log }))
    db = await openDatabase({ connection: config.databaseUrl ?? embedded?.connection ?? '', max: POOL, log })
    await migrate(db, [...TRUTH, ...more])
    return { db, died: embedded ? diedOf(embedded) : new Promise(() => {}), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The system's own words name a file inside; what can be done about is the setting. */
async function takeDataDirectory(dataDir: string): Promise<DataDirectoryLock> {
  try {
    return await lockDataDirectory(dataDir)
  } catch (error) {
    if (error instanceof DataDirectoryInUse) throw error
    const reason = errorCode(error) ?? String(error)
    throw new Error(`DATA_DIR ${dataDir} cannot be used as a folder to write to: ${reason}`, { cause: error })
  }
}

async function diedOf(embedded: EmbeddedPostgres): Promise<string> {
  const { expected, reason } = await embedded.exited
  return expected ? new Promise(() => {}) : reason
}
