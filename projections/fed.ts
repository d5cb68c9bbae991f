import type { Sql } from '../platform/sql.ts'
import { OWN_LOCK } from './engine/locks.ts'

/**
 * Which of these projections nobody feeds, in the version that is live: no process holds the lock under which `engine/term.ts` leads
 * them. Between two leaders that is so for a moment.
 */
export async function unfedProjections(sql: Sql, names: readonly string[]): Promise<readonly string[]> {
  const rows = await sql.query<{ name: string }>(
    `with live as (
       select name, max(version) as version from projections where state = 'live' and name = any ($1::text[]) group by name
     )
     select name from live where not exists (
       select from pg_locks
       where locktype = 'advisory' and granted and objsubid = 1
         and database = (select oid from pg_database where datname = current_database())
         and (classid::bigint << 32 | objid::bigint)
           = ${OWN_LOCK}
     ) order by name`,
    [names],
  )
  return rows.map(({ name }) => name)
}
