import { randomUUID } from 'node:crypto'
import { START, type StreamId } from '../../contracts/core.ts'
import { isoMicros } from '../../contracts/time.ts'
import type { Migration } from '../migrations.ts'
import type { Sql } from '../sql.ts'
import { type EventStore, WrongExpectedRevision } from './port.ts'

/**
 * Which event store a database's read models, checkpoints and folds are of. `log` is the name that an EventStoreDB log gave itself with
 * its first event; it is `begun` once that event was seen: a log that was begun is not begun again when it comes back empty. `moving_to`
 * is the log that a copy of this database's events goes to.
 */
export const belongsMigration: Migration = {
  name: 'event store of this database',
  statements: [
    `create table event_store (
       only_row boolean primary key default true check (only_row),
       kind text not null check (kind in ('postgres', 'esdb')),
       log uuid,
       begun boolean not null default false,
       moving_to uuid,
       check ((kind = 'esdb') = (log is not null))
     )`,
  ],
}

export type StoreKind = 'postgres' | 'esdb'

/** What the database says of its event store. */
export type Belonging = Readonly<
  | { kind: 'postgres'; log: undefined; begun: false; movingTo: string | undefined }
  | { kind: 'esdb'; log: string; begun: boolean; movingTo: undefined }
>

/** The event store is not the one that this database belongs to. The message says what can be done. */
export class WrongEventStore extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WrongEventStore'
  }
}

/** The stream that names a log: one event, the first of the log. Its id is the name. */
export const LOG_STREAM: StreamId = 'event-log'
const LOG_BEGUN = 'LogBegun'

/**
 * What the database says. One that says nothing yet is given to `kind`, unless it holds events: those were written before databases
 * said it, and it goes on with them.
 */
export async function belongingOf(sql: Sql, kind: StoreKind): Promise<Belonging> {
  const present = await readBelonging(sql)
  if (present) return present
  await sql.query(
    `insert into event_store (kind, log)
     select there.kind, case when there.kind = 'esdb' then $2::uuid end
     from (select case when exists (select from events) then 'postgres' else $1 end as kind) there
     on conflict do nothing`,
    [kind, randomUUID()],
  )
  const made = await readBelonging(sql)
  if (!made) throw new Error('the row of event_store is gone')
  return made
}

async function readBelonging(sql: Sql): Promise<Belonging | undefined> {
  const [row] = await sql.query<{ kind: StoreKind; log: string | null; begun: boolean; moving_to: string | null }>(
    'select kind, log, begun, moving_to from event_store',
    [],
  )
  if (row === undefined) return undefined
  const { log, begun, moving_to: movingTo } = row
  return log === null
    ? { kind: 'postgres', log: undefined, begun: false, movingTo: movingTo ?? undefined }
    : { kind: 'esdb', log, begun, movingTo: undefined }
}

/**
 * Makes sure that `store`, of that kind, is the one whose events this database was fed with; a fresh database takes it, with an
 * EventStoreDB that holds no events of Testledger. Throws `WrongEventStore`. May be done again, and by several processes at once.
 */
export async function takeEventStore(sql: Sql, store: EventStore, kind: StoreKind): Promise<Belonging> {
  const belonging = await belongingOf(sql, kind)
  if (belonging.kind !== kind) throw new WrongEventStore(belonging.kind === 'esdb' ? MOVED : NOT_MOVED)
  if (belonging.kind === 'postgres') return belonging
  const { log, begun } = belonging
  const named = await nameOfLog(store)
  if (named !== undefined && named !== log) throw new WrongEventStore(ANOTHER)
  if (named === undefined) {
    if (begun) throw new WrongEventStore(GONE)
    await beginLog(store, log)
  }
  if (!begun) await sql.query('update event_store set begun = true where log = $1', [log])
  return { ...belonging, begun: true }
}

const MOVED =
  'the events of this database are in EventStoreDB: set EVENT_STORE=esdb and EVENTSTOREDB_URL. What Postgres holds of them is older'
const NOT_MOVED =
  'the events of this database are in Postgres: copy them with npm run migrate-store, or set EVENT_STORE=postgres'
const ANOTHER =
  'EVENTSTOREDB_URL leads to the log of another database: set the URL of this one, or DATABASE_URL to the other one'
const GONE =
  "EVENTSTOREDB_URL leads to a log without this database's events: set the right URL, or restore EventStoreDB from its backup"
const FOREIGN =
  'EVENTSTOREDB_URL leads to a log that holds events of Testledger, but not the name that its logs begin with: use one that holds none'

/** The name that a log gave itself; undefined where it has none. */
export async function nameOfLog(store: Pick<EventStore, 'load'>): Promise<string | undefined> {
  return (await store.load(LOG_STREAM, { upTo: 0n }))[0]?.id
}

/**
 * Gives a log its name that holds no events of Testledger. Throws `WrongEventStore` when it holds any, be it another name. What others have
 * written is not looked at: an event store passes over it.
 */
export async function beginLog(store: EventStore, name: string): Promise<void> {
  if ((await store.head()) !== START && (await nameOfLog(store)) !== name) throw new WrongEventStore(FOREIGN)
  const meta = { commandId: name, actor: 0, correlationId: name, schemaVersion: 1 }
  const at = isoMicros(Date.now() * 1000, 'UTC')
  try {
    await store.append(LOG_STREAM, 'none', [{ id: name, type: LOG_BEGUN, data: {}, at, meta }])
  } catch (error) {
    if (error instanceof WrongExpectedRevision) throw new WrongEventStore(ANOTHER)
    throw error
  }
}
