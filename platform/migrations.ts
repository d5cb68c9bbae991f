import { ADVISORY_LOCKS } from './advisory-locks.ts'
import type { Database } from './sql.ts'

/** A step of the schema. Its name is never given to another; what it holds is not changed once it was released. */
export type Migration = Readonly<{ name: string; statements: readonly string[] }>

/** Others may be building an index, or wait for one that does. */
const LONG = { long: true }

/** Applies what was not yet applied, in order, each with its record in a transaction of its own. A failure leaves those before it. */
export async function migrate(db: Database, migrations: readonly Migration[]): Promise<void> {
  const applied = await db.transaction(async (sql) => {
    await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.migrations})`)
    await sql.query(
      'create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())',
    )
    const rows = await sql.query<{ name: string }>('select name from migrations')
    return new Set(rows.map(({ name }) => name))
  }, LONG)
  for (const { name, statements } of migrations) {
    if (applied.has(name)) continue
    await db.transaction(async (sql) => {
      await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.migrations})`)
      const fresh = await sql.query('insert into migrations (name) values ($1) on conflict do nothing returning name', [
        name,
      ])
      if (fresh.length === 0) return
      for (const statement of statements) await sql.query(statement)
    }, LONG)
  }
}
