import { type build, run } from '../platform/postgres.ts'
import type { Sql } from '../platform/sql.ts'

/** Rows to skip and to take; `limit` is null when all are wanted. */
export type Window = Readonly<{ limit: number | null; offset: number }>

/** Some rows of a list, and how many there are in all. */
export type Page<R> = Readonly<{ rows: readonly R[]; count: number }>

type Query = ReturnType<typeof build>

/** What every list can be searched for; nothing, or an empty text, leaves all rows. */
export type Search = Readonly<{ search?: string | undefined }>

/**
 * Leaves the rows whose `column` (`scenes.name`) holds the text, in whichever case its letters stand: `%` and `_` are letters too.
 *
 * The case is told by Unicode's rules, not by the database's locale, which in `C` knows no letter beyond ASCII. To lower case and then
 * to upper, for neither alone makes one of every letter's forms: `ς`, `σ` and `Σ`, or `ß`, `ẞ` and `SS`.
 */
export function searched(query: Query, column: string, { search }: Search): void {
  if (search === undefined || search === '') return
  void query.whereRaw(`strpos(${folded('??')}, ${folded('?::text')}) > 0`, [column, search])
}

/** A text as it is compared, in SQL. */
function folded(text: string): string {
  return `upper(lower(${text} collate "und-x-icu"))`
}

/** Runs `query` for the rows that `window` shows; counts apart only where it does not show all. */
export async function page<R extends object>(sql: Sql, query: Query, window: Window): Promise<Page<R>> {
  if (window.limit === null) {
    const rows = await run<R>(sql, query)
    return { rows, count: rows.length }
  }
  const counted = query.clone().clearSelect().clearOrder().count({ count: '*' })
  const [total] = await run<{ count: string }>(sql, counted)
  return {
    rows: await run<R>(sql, query.limit(window.limit).offset(window.offset)),
    count: Number(total?.count ?? 0),
  }
}
