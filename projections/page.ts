import { type build, run } from '../platform/postgres.ts'
import type { Sql } from '../platform/sql.ts'

/** Rows to skip and to take; `limit` is null when all are wanted. */
export type Window = Readonly<{ limit: number | null; offset: number }>

/** Some rows of a list, and how many there are in all. */
export type Page<R> = Readonly<{ rows: readonly R[]; count: number }>

type Query = ReturnType<typeof build>

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
