/** Event logs in databases of their own, for tests that put one in the place of another. */
import { randomUUID } from 'node:crypto'
import { belongsMigration } from '../../platform/event-store/belongs.ts'
import type { Draft, EventStore } from '../../platform/event-store/port.ts'
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { freshDatabase } from './postgres.ts'
import { quiet } from './quiet.ts'

export type OwnLog = Readonly<{ url: string; db: Database; store: EventStore; close(): Promise<void> }>

export async function openLog(): Promise<OwnLog> {
  const database = await freshDatabase()
  const db = await openDatabase({ connection: database.url, max: 4, log: quiet })
  await migrate(db, [eventStoreMigration, belongsMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  return {
    url: database.url,
    db,
    store,
    async close() {
      await store.stop()
      await db.close()
      await database.drop()
    },
  }
}

export function fact(data: object = {}, type = 'Tested'): Draft {
  const meta = { commandId: randomUUID(), actor: 1, correlationId: 'test', schemaVersion: 1 }
  return { id: randomUUID(), type, data, at: '2026-11-21T10:00:00.123456+08:00', meta }
}

/** Appends so many events to streams in turn, now one, now several of a stream at a time. */
export async function fill(store: EventStore, events: number, streams = 3): Promise<void> {
  const revisions = new Map<string, bigint>()
  for (let n = 0; n < events;) {
    const stream = `filled-${n % streams}`
    const drafts = Array.from({ length: Math.min(1 + (n % 4), events - n) }, (_, nth) => fact({ n: n + nth }))
    const { revision } = await store.append(stream, revisions.get(stream) ?? 'none', drafts)
    revisions.set(stream, revision)
    n += drafts.length
  }
}
