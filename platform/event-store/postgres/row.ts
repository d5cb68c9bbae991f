import type { Meta, Position, Recorded } from '../../../contracts/core.ts'

/** An event as the driver hands it over. */
export type Row = Readonly<{
  position: string
  stream: string
  revision: string
  id: string
  type: string
  data: string
  meta: string
  at: string
}>

export const COLUMNS = 'position, stream, revision, id, type, data, meta, at'

/** The greatest bigint: no upper bound. */
export const LAST_REVISION = 2n ** 63n - 1n

export function recorded(row: Row): Recorded {
  return {
    type: row.type,
    data: JSON.parse(row.data) as object,
    id: row.id,
    stream: row.stream,
    revision: BigInt(row.revision),
    position: positionText(row.position),
    at: row.at,
    meta: JSON.parse(row.meta) as Meta,
  }
}

/** As wide as the greatest bigint, so that it sorts as the log does. */
export function positionText(position: string | number): Position {
  return String(position).padStart(19, '0')
}
