import type { Position } from '../../contracts/core.ts'
import type { Database } from '../../platform/sql.ts'
import { CHANNEL } from './schema.ts'

/**
 * Tells the newest version of a projection to leave out the event at `position`, now and in every later rebuild: an operator's last
 * resort, as its rows then lack what that event says. Throws unless the projection, or a rebuild of it, has stopped there.
 */
export async function skipEvent(db: Database, name: string, position: Position): Promise<void> {
  await db.transaction(async (sql) => {
    const rows = await sql.query(
      `insert into projection_skips (name, version, position)
       select $1, version, $2 from (
         select version from projections where name = $1 and stopped_position = $2
         union select version from rebuild_requests where name = $1 and failed_position = $2
       ) stopped order by version desc limit 1
       on conflict (name, version, position) do update set position = excluded.position
       returning position`,
      [name, position],
    )
    if (rows.length === 0) throw new Error(`projection ${name} has not stopped at ${position}`)
    await sql.query(`notify ${CHANNEL}`)
  })
}
