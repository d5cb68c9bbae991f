import { z } from 'zod'
import { integer, optionalText } from './schema.ts'
import type { Answer } from './route.ts'

/** Rows of a page when only `page` is sent. */
const DEFAULT_PAGE_SIZE = 20
const MAX_PAGE_SIZE = 1000

/** Fields of every list's query: `query: z.object({ ...PAGING, project: id().optional() })`. */
export const PAGING = {
  page: integer('页码，从 1 开始', { min: 1 }).optional(),
  page_size: integer('每页条数', { min: 1, max: MAX_PAGE_SIZE }).optional(),
  search: optionalText('只列出名称、标题或说明中含有该文字的，不区分大小写'),
}

/** A list's query as far as paging goes. */
export type Paging = Readonly<{ page?: number | undefined; page_size?: number | undefined }>

/** Rows to skip and to take; `limit` is null (no limit) when no page was asked for. */
export function windowOf({ page, page_size }: Paging): Readonly<{ limit: number | null; offset: number }> {
  if (page === undefined && page_size === undefined) return { limit: null, offset: 0 }
  const limit = page_size ?? DEFAULT_PAGE_SIZE
  return { limit, offset: ((page ?? 1) - 1) * limit }
}

/** The shape of what `listAnswer` answers. */
export function listOrPage(item: z.ZodType): z.ZodType {
  const results = z.array(item)
  return z.union([results, z.object({ count: z.int(), page: z.int(), page_size: z.int(), results })])
}

/** The documented array, or with paging the page; `count` is of all rows that the filters leave. */
export function listAnswer(paging: Paging, count: number, results: readonly unknown[]): Answer {
  const { limit } = windowOf(paging)
  const body = limit === null ? results : { count, page: paging.page ?? 1, page_size: limit, results }
  return { status: 200, body, count }
}
