import { createHash } from 'node:crypto'
import { ADVISORY_LOCKS } from '../../platform/advisory-locks.ts'
import { gather } from '../../platform/gather.ts'
import { lastingSession } from '../../platform/lasting-session.ts'
import { createSerial } from '../../platform/serial.ts'
import type { Database } from '../../platform/sql.ts'
import type { CommandName } from './trigger-commands.ts'

/** Another process carries the command out at this moment. */
export class TakenElsewhere extends Error {
  constructor() {
    super('another process carries the command out')
  }
}

/**
 * Sees to it that of all processes one at a time carries a command out: what one refuses another must not have begun meanwhile. A
 * process that dies leaves its turn at once. What a command does is its own fence, so that a turn that is lost with the connection
 * costs nothing but work.
 */
export type Turns = Readonly<{
  /** Within the process waits for the turn; throws `TakenElsewhere` when another has it. */
  take<T>(name: CommandName, work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}>

/** Of one lock: to have it, or to give it back. */
type Change = Readonly<{ key: number; wanted: boolean }>

/** As many as commands are carried out at a time, and more. */
const MOST_CHANGES = 200

export function createTurns(db: Pick<Database, 'session'>): Turns {
  const session = lastingSession(() => db.session({ name: 'trigger commands', heartbeat: true }))
  const serial = createSerial()
  const { triggerCommands } = ADVISORY_LOCKS

  /** One statement at a time on the session, for all who come meanwhile; answers whether each was locked, or was still locked. */
  const change = gather<Change, boolean>(
    async (changes) => {
      const rows = await session.use(({ query }) =>
        query<{ done: boolean }>(
          `select case when wanted then pg_try_advisory_lock($1::integer, key) else pg_advisory_unlock($1::integer, key) end as done
           from unnest($2::integer[], $3::boolean[]) with ordinality as change (key, wanted, nth) order by nth`,
          [triggerCommands, changes.map(({ key }) => key), changes.map(({ wanted }) => wanted)],
        ),
      )
      return rows.map(({ done }) => done)
    },
    { most: MOST_CHANGES, key: ({ key }) => key },
  )

  return {
    take(name, work) {
      const key = keyOf(name)
      // By the lock's key, not the name: a session that has a lock already is given it once more.
      return serial(String(key), async () => {
        if (!(await change({ key, wanted: true }))) throw new TakenElsewhere()
        try {
          return await work()
        } finally {
          // Lost with the session, it needs no unlocking.
          await change({ key, wanted: false }).catch(() => {})
        }
      })
    },
    async stop() {
      await change.idle()
      await session.close()
    },
  }
}

/** Two commands of one key wait for each other, and that is all. */
function keyOf({ user, id }: CommandName): number {
  return createHash('sha256').update(`${user} ${id}`).digest().readInt32BE()
}
