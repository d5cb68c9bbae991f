/**
 * Where the platforms of a test keep their events: in their database, or, with `TEST_EVENT_STORE=esdb` in the environment of the test run
 * (`npm run test:esdb`), in a double of EventStoreDB of their own. Tests read events through the port, so that they hold for both.
 */
import { type Position, type Recorded, START } from '../../contracts/core.ts'
import { eventsUpTo } from '../../platform/event-store/extent.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { createPostgresEventStore } from '../../platform/event-store/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { quiet } from './quiet.ts'

export type OpenedLog = EventStore & Readonly<{ stop(): Promise<void> }>

export type EventLog = Readonly<{
  /** What a platform needs in its environment to keep its events here. */
  environment: Readonly<Record<string, string>>
  /** The log as another process has it, for a platform on that database. */
  open(db: Database): OpenedLog
  /** When no platform of the test runs any more. */
  stop(): Promise<void>
}>

/** A new one, empty. */
export async function newEventLog(): Promise<EventLog> {
  if (process.env.TEST_EVENT_STORE !== 'esdb') {
    return {
      environment: {},
      open: (db) => createPostgresEventStore({ db, log: quiet }),
      async stop() {},
    }
  }
  const { startEsdbDouble } = await import('./esdb-double.ts')
  const { createEsdbEventStore } = await import('../../platform/event-store/esdb.ts')
  const { url, stop, indexAfter } = await startEsdbDouble()
  // As a server does, it answers and shows an append a little after it has accepted it.
  indexAfter(2)
  return {
    environment: { EVENT_STORE: 'esdb', EVENTSTOREDB_URL: url },
    open: () => createEsdbEventStore({ url, log: quiet }),
    stop,
  }
}

/** Every event that is there now, behind a position where one is given. */
export async function eventsThere(store: EventStore, after: Position = START): Promise<readonly Recorded[]> {
  const events: Recorded[] = []
  for await (const batch of eventsUpTo(store, await store.head(), { after })) events.push(...batch)
  return events
}
