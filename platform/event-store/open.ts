import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Database } from '../sql.ts'
import type { StoreKind } from './belongs.ts'
import type { EventStore } from './port.ts'
import { createPostgresEventStore } from './postgres.ts'

export type OpenedEventStore = Readonly<{ kind: StoreKind; store: EventStore & { stop(): Promise<void> } }>

/** The event store that was chosen. The client of one that was not is not even loaded. */
export async function openEventStore(
  { eventStoreUrl: url }: Pick<Config, 'eventStoreUrl'>,
  db: Database,
  log: Log,
): Promise<OpenedEventStore> {
  if (url === undefined) return { kind: 'postgres', store: createPostgresEventStore({ db, log }) }
  const { createEsdbEventStore } = await import('./esdb.ts')
  return { kind: 'esdb', store: createEsdbEventStore({ url, log }) }
}
