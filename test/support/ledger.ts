/** A small domain for tests of the projection engine: accounts that are opened, filled and closed, and two read models of them. */
import { randomUUID } from 'node:crypto'
import type { Meta, Position } from '../../contracts/core.ts'
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import type { Draft, EventStore } from '../../platform/event-store/port.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import type { Projection } from '../../projections/port.ts'
import { tableOf } from '../../projections/rows.ts'
import { quiet } from './quiet.ts'

export interface Ledger {
  db: Database
  store: EventStore
  /** Appends `count` events of a new stream, which open or fill accounts, and answers the last one's position. */
  write(count: number): Promise<Position>
  /** Appends one event of any type. */
  say(type: string, data?: object): Promise<Position>
  close(): Promise<void>
}

/** Opens a database of tests with an event store on it. */
export async function openLedger(url: string): Promise<Ledger> {
  const db = await openDatabase({ connection: url, log: quiet, max: 5 })
  await migrate(db, [eventStoreMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  const append = async (drafts: readonly Draft[]) =>
    (await store.append(`ledger-${randomUUID()}`, 'none', drafts)).position
  return {
    db,
    store,
    say: (type, data = {}) => append([draft(type, data)]),
    async write(count) {
      let position = ''
      for (let done = 0; done < count; done += 500) {
        position = await append(Array.from({ length: Math.min(500, count - done) }, (_, n) => accountEvent(done + n)))
      }
      return position
    },
    async close() {
      await store.stop()
      await db.close()
    },
  }
}

function accountEvent(n: number): Draft {
  const account = n % 1_000
  if (n % 3 === 0)
    return draft('AccountOpened', { account, owner: `owner "${n}"`, note: JSON.stringify({ n, text: '你好' }) })
  if (n % 17 === 0) return draft('AccountClosed', { account })
  return draft('AccountFilled', { account, amount: n })
}

function draft(type: string, data: object): Draft {
  return { type, data, id: randomUUID(), at: '2026-01-02T03:04:05.678901+00:00', meta }
}

const meta: Meta = { commandId: randomUUID(), actor: 1, correlationId: 'test', schemaVersion: 1 }

type Account = { account: number; owner: string; note: string; amount: number }

const accounts = tableOf({
  name: 'accounts',
  key: 'id',
  columns: {
    id: 'bigint',
    owner: 'text',
    note: 'json',
    balance: 'bigint',
    fills: 'integer',
    rich: 'boolean',
    last_amount: 'bigint?',
    since: 'timestamptz',
  },
  indexes: ['owner'],
})

/** Eight columns, rows that are put, patched and removed. */
export const accountsProjection: Projection = {
  name: 'accounts',
  version: 1,
  tables: ['accounts'],
  reads: new Set(['AccountOpened', 'AccountFilled', 'AccountClosed']),
  migrate: (sql, table) => accounts.create(sql, table('accounts')),
  apply: (sql, table, events) =>
    accounts.edit(sql, table('accounts'), (batch) => {
      for (const { type, data, at } of events) {
        const { account, owner, note, amount } = data as Account
        if (type === 'AccountOpened') {
          batch.put({ id: account, owner, note, balance: 0, fills: 0, rich: false, last_amount: null, since: at })
        } else if (type === 'AccountClosed') batch.remove(account)
        else if (type === 'AccountFilled') {
          batch.patch(account, (row) => ({
            ...row,
            balance: row.balance + amount,
            fills: row.fills + 1,
            rich: row.balance + amount > 1_000,
            last_amount: amount,
          }))
        }
      }
    }),
}

/** One row that counts all it was given: an event that is applied twice, or not, shows. Cannot apply the type `Poison`. */
export const countsProjection: Projection = {
  name: 'counts',
  version: 1,
  tables: ['counts'],
  reads: new Set(['AccountOpened', 'AccountFilled', 'AccountClosed', 'Poison', 'Tick']),
  async migrate(sql, table) {
    await sql.query(`create table ${table('counts')} (events bigint not null, last text)`)
    await sql.query(`insert into ${table('counts')} values (0)`)
  },
  async apply(sql, table, events) {
    const known = events.filter(({ type }) => countsProjection.reads.has(type))
    // The rows are written before it fails: a transaction that left a half would be seen.
    await sql.query(`update ${table('counts')} set events = events + $1, last = $2`, [
      known.length,
      known.at(-1)?.position,
    ])
    const poison = known.find(({ type }) => type === 'Poison')
    if (poison !== undefined) throw new Error(`poison at ${poison.position}`)
  },
}
