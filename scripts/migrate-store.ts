import { existsSync } from 'node:fs'
import { type Config, ConfigError, readConfig } from '../platform/config.ts'
import { DataDirectoryInUse } from '../platform/data-directory.ts'
import { esdbAddress } from '../platform/event-store/esdb/address.ts'
import { openEventStore } from '../platform/event-store/open.ts'
import { createPostgresEventStore } from '../platform/event-store/postgres.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import { claimDatabase, DatabaseInUse } from '../platform/single.ts'
import { openStorage } from '../platform/storage.ts'
import { moveEvents } from '../services/event-log/move.ts'

/** Milliseconds between two lines that say how far it is. */
const TOLD_EVERY = 2_000

/**
 * `npm run migrate-store`: moves the events of the database at DATABASE_URL, or of the embedded one in DATA_DIR, to the EventStoreDB at
 * EVENTSTOREDB_URL, which must hold no events of Testledger, or what an earlier try has copied; those of others are passed over. No process of the platform may run on the database.
 * Stopped at any moment it goes on there when it is run again; only its last step, when both logs have the same hash, gives the database
 * to EventStoreDB. Exits 2 for a wrong configuration, 1 when it could not finish.
 */
export async function main(args: readonly string[]): Promise<void> {
  if (args.length > 0) {
    console.error('npm run migrate-store takes no arguments: it reads DATABASE_URL or DATA_DIR, and EVENTSTOREDB_URL')
    process.exit(2)
  }
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort(new Interrupted()))
  try {
    if (!process.env.EVENTSTOREDB_URL) throw new ConfigError(['EVENTSTOREDB_URL: required: where the events are to go'])
    // What it copies to is what the platform will run on; roles are of no matter to it.
    const config = readConfig({
      ...process.env,
      EVENT_STORE: 'esdb',
      ROLES: undefined,
      LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    })
    await perform(config, createLogger(config.logLevel), stopping)
    process.exit(0)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(error instanceof ConfigError ? 2 : 1)
  }
}

/** The claims of a platform say how to run beside it, which is no way for a copy. */
function unlessInUse(error: unknown): never {
  if (error instanceof DatabaseInUse || error instanceof DataDirectoryInUse) {
    const owner = error instanceof DataDirectoryInUse ? ` (process ${error.pid} has ${error.directory})` : ''
    throw new Error(`The platform runs on this database${owner}: stop every process of the platform first.`)
  }
  throw error
}

class Interrupted extends Error {
  constructor() {
    super('Interrupted: the platform runs on Postgres as before. Run it again, and it goes on where it stopped.')
  }
}

async function perform(config: Config, log: Logger, stopping: AbortController): Promise<void> {
  if (config.databaseUrl === undefined && !existsSync(config.dataDir)) {
    throw new Error(`There is nothing to copy: DATA_DIR ${config.dataDir} does not exist.`)
  }
  const stops: (() => Promise<void>)[] = []
  try {
    const storage = await openStorage(config, [], log).catch(unlessInUse)
    stops.push(storage.stop)
    const { db } = storage
    const claim = await claimDatabase(db, { alone: true, log }).catch(unlessInUse)
    stops.push(claim.release)
    void claim.lost.then((error) => stopping.abort(error))
    void storage.died.then((reason) => stopping.abort(new Error(reason)))
    const from = createPostgresEventStore({ db, log })
    stops.push(() => from.stop())
    const { store: to } = await openEventStore(config, db, log)
    stops.push(() => to.stop())

    console.log(`Copying the events of this database to ${esdbAddress(config.eventStoreUrl ?? '').server}`)
    const moved = await moveEvents({ db, from, to, progress: teller(), signal: stopping.signal })
    if (moved === undefined) return console.log('There is nothing to do: this database belongs to it already.')
    console.log(`  ${moved.events} events are the same in both: sha256 ${moved.sha256}`)
    console.log(
      'This database belongs to EventStoreDB now. Start every process of the platform with EVENT_STORE=esdb and',
    )
    console.log('this EVENTSTOREDB_URL; read models are built anew meanwhile. Nothing reads the table events any more.')
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}

/** Says now and then how far it is. */
function teller(): Parameters<typeof moveEvents>[0]['progress'] {
  let told = performance.now()
  const tell = (line: string): void => {
    if (performance.now() - told < TOLD_EVERY) return
    told = performance.now()
    console.log(`  ${line}`)
  }
  return {
    copied: (events) => tell(`${events} events are in EventStoreDB`),
    compared: (events, side) => tell(`${events} events of ${side === 'source' ? 'Postgres' : 'EventStoreDB'} are read`),
  }
}
