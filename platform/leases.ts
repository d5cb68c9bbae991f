import type { Migration } from './migrations.ts'
import type { Database } from './sql.ts'

/** Heartbeats are no part of the truth: a table that a crash of the database empties costs nothing to write. */
export const leasesMigration: Migration = {
  name: 'leases',
  statements: ['create unlogged table leases (name text primary key, beats bigint not null)'],
}

/**
 * Who works says so: a counter under the name of the work, which goes up while it is held. Whoever watches it tells by a clock of his own
 * that it stands still; no clocks are compared, and none is written.
 */
export interface Leases {
  /** Counts on for each name, from 1. */
  renew(names: readonly string[]): Promise<void>
  give(names: readonly string[]): Promise<void>
  /** Every counter that there is. */
  read(): Promise<ReadonlyMap<string, bigint>>
  /** Nobody who held one before holds it any more. */
  void(): Promise<void>
}

export function createLeases(db: Pick<Database, 'query'>): Leases {
  return {
    async renew(names) {
      // In one order in every process: two that renewed the same could wait for each other.
      await db.query(
        `insert into leases (name, beats) select unnest($1::text[]), 1
         on conflict (name) do update set beats = leases.beats + 1`,
        [[...new Set(names)].toSorted()],
      )
    },
    async give(names) {
      await db.query('delete from leases where name = any($1::text[])', [names])
    },
    async read() {
      const rows = await db.query<{ name: string; beats: string }>('select name, beats from leases')
      return new Map(rows.map(({ name, beats }) => [name, BigInt(beats)]))
    },
    async void() {
      await db.query('delete from leases')
    },
  }
}
