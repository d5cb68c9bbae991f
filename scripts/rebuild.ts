import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { type Config, ConfigError, readConfig } from '../platform/config.ts'
import { DataDirectoryInUse, dataDirectoryOwner } from '../platform/data-directory.ts'
import { embeddedConnection } from '../platform/embedded-postgres.ts'
import { openEventStore } from '../platform/event-store/open.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import { openDatabase } from '../platform/postgres.ts'
import { isDatabaseClaimed } from '../platform/single.ts'
import type { Database } from '../platform/sql.ts'
import { openStorage } from '../platform/storage.ts'
import { projections } from '../projections/all.ts'
import { unfedProjections } from '../projections/fed.ts'
import { awaitRebuild, rebuild, requestRebuild } from '../projections/rebuild.ts'
import { claimRestoredEventStore } from '../services/event-log/claim.ts'

/** Milliseconds to wait for a process that has the data directory and is no platform at work: one that starts, stops or rebuilds. */
const PATIENCE = 15_000

/** Milliseconds without a projector after which it is said; a new leader takes over sooner. */
const WITHOUT_PROJECTOR = 5_000

/**
 * `npm run rebuild [-- name ...]`: builds these read models, or all, from the log's start. A running platform is asked to, and goes on
 * answering from the old rows meanwhile; where none runs it is done here, for an EventStoreDB that was restored too. Exits 2 for a name
 * that no read model has.
 */
export async function main(names: readonly string[]): Promise<void> {
  const known = projections.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    console.error(`There is no read model ${unknown.join(', ')}. There are: ${known.join(', ')}`)
    process.exit(2)
  }
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort())
  try {
    const config = readConfig({ ...process.env, LOG_LEVEL: process.env.LOG_LEVEL || 'warn' })
    await perform(config, names.length > 0 ? names : known, stopping.signal)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(error instanceof ConfigError ? 2 : 1)
  }
  if (stopping.signal.aborted)
    console.error('Interrupted: the platform goes on with it, or does so when it is started.')
  process.exit(stopping.signal.aborted ? 1 : 0)
}

async function perform(config: Config, names: readonly string[], signal: AbortSignal): Promise<void> {
  const log = createLogger(config.logLevel)
  for (const deadline = Date.now() + PATIENCE; !signal.aborted;) {
    const running = await databaseOfPlatform(config, log, signal)
    if (running) {
      try {
        return await told(running, names, 'by the running platform', () => askPlatform(running, names, signal))
      } finally {
        await running.close()
      }
    }
    try {
      return await buildHere(config, log, names, signal)
    } catch (error) {
      // Somebody was faster: a platform, which can be asked, or another rebuild, which ends.
      if (!(error instanceof DataDirectoryInUse) || Date.now() > deadline) throw error
    }
  }
}

/** The database of the platform that runs; undefined where none does. */
async function databaseOfPlatform(config: Config, log: Logger, signal: AbortSignal): Promise<Database | undefined> {
  const { dataDir, databaseUrl } = config
  if (databaseUrl !== undefined) {
    const db = await openDatabase({ connection: databaseUrl, max: 2, log })
    if (await isDatabaseClaimed(db)) return db
    await db.close()
    return undefined
  }
  if (!existsSync(dataDir)) throw new Error(`There is nothing to rebuild: DATA_DIR ${dataDir} does not exist.`)
  for (const deadline = Date.now() + PATIENCE; ; await pause(200, signal)) {
    const owner = await dataDirectoryOwner(dataDir)
    if (owner === undefined || signal.aborted) return undefined
    const connection = embeddedConnection(dataDir)
    const db = connection && (await openDatabase({ connection, max: 2, log }).catch(() => undefined))
    if (db && (await isDatabaseClaimed(db).catch(() => false))) return db
    await db?.close()
    if (Date.now() > deadline) throw new Error(`Process ${owner} has ${dataDir} and is no platform at work.`)
  }
}

async function askPlatform(db: Database, names: readonly string[], signal: AbortSignal): Promise<void> {
  const done = new AbortController()
  const either = AbortSignal.any([signal, done.signal])
  try {
    const asked = await requestRebuild(db, names)
    void tellWithoutProjector(db, names, either)
    await Promise.race([awaitRebuild(db, asked, either), platformEnded(db, either)])
  } finally {
    done.abort()
  }
}

/** Says, once for each time, that nobody feeds what is to be built: other roles run, and what was asked for waits. */
async function tellWithoutProjector(db: Database, names: readonly string[], signal: AbortSignal): Promise<void> {
  let since = performance.now()
  for (let said = false; !signal.aborted; await pause(500, signal)) {
    const unfed = await unfedProjections(db, names).catch(() => [])
    if (unfed.length === 0) {
      since = performance.now()
      said = false
    } else if (!said && performance.now() - since >= WITHOUT_PROJECTOR && !signal.aborted) {
      said = true
      console.log(`  No projector seems to run: nobody has taken up ${unfed.join(', ')}`)
      console.log('  The request is kept, and done when a projector starts; waiting may be interrupted (Ctrl-C)')
    }
  }
}

/** Nobody would answer a request any more: the one that was made waits for the next platform. */
async function platformEnded(db: Database, signal: AbortSignal): Promise<void> {
  while (await isDatabaseClaimed(db).catch(() => false)) {
    await pause(1_000, signal)
    if (signal.aborted) return
  }
  throw new Error('The platform has ended: it goes on with the rebuild when it is started again.')
}

async function buildHere(config: Config, log: Logger, names: readonly string[], signal: AbortSignal): Promise<void> {
  const { db, stop } = await openStorage(config, [], log)
  try {
    const { store, kind } = await openEventStore(config, db, log)
    try {
      if (await claimRestoredEventStore(db, store, kind)) {
        console.log('EventStoreDB was restored: what was read beyond its end is forgotten, all read models begin anew')
      }
      await told(db, names, 'here, for no platform runs', () => rebuild({ db, store, projections, log, names, signal }))
    } finally {
      await store.stop()
    }
  } finally {
    await stop()
  }
}

/** Prints what `work` has switched, and how long it took. */
async function told(db: Database, names: readonly string[], by: string, work: () => Promise<void>): Promise<void> {
  console.log(`Rebuilding ${names.join(', ')} ${by}`)
  const before = await generations(db)
  const start = performance.now()
  await work()
  const seconds = ((performance.now() - start) / 1000).toFixed(2)
  const after = await generations(db)
  const switched = names.filter((name) => after.get(name) !== before.get(name))
  for (const name of switched) {
    console.log(`  ${name.padEnd(14)} generation ${before.get(name) ?? 0} -> ${after.get(name)}`)
  }
  console.log(`Switched ${switched.length} of ${names.length} in ${seconds} s`)
}

/** The live generation of each read model. */
async function generations(db: Database): Promise<ReadonlyMap<string, number>> {
  const [present] = await db.query<{ exists: boolean }>(`select to_regclass('projections') is not null as exists`)
  if (!present?.exists) return new Map()
  const rows = await db.query<{ name: string; generation: number }>(
    `select distinct on (name) name, generation from projections where state = 'live' order by name, version desc`,
  )
  return new Map(rows.map(({ name, generation }) => [name, generation]))
}

/** Unlike the platform's own pauses this one keeps the process alive: while it waits nothing else may. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {})
}
