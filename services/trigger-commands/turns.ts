import { createHash } from 'node:crypto'
import { ADVISORY_LOCKS } from '../../platform/advisory-locks.ts'
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

export function createTurns(db: Pick<Database, 'session'>): Turns {
  const session = lastingSession(() => db.session({ name: 'trigger commands', heartbeat: true }))
  const serial = createSerial()
  const { triggerCommands } = ADVISORY_LOCKS

  async function lock(key: number): Promise<boolean> {
    const rows = await session.use(({ query }) =>
      query<{ taken: boolean }>('select pg_try_advisory_lock($1::integer, $2::integer) as taken', [
        triggerCommands,
        key,
      ]),
    )
    return rows[0]?.taken ?? false
  }

  async function unlock(key: number): Promise<void> {
    // Lost with the session, it needs no unlocking.
    await session
      .use(({ query }) => query('select pg_advisory_unlock($1::integer, $2::integer)', [triggerCommands, key]))
      .catch(() => {})
  }

  return {
    take(name, work) {
      const key = keyOf(name)
      // By the lock's key, not the name: a session that has a lock already is given it once more.
      return serial(String(key), async () => {
        if (!(await lock(key))) throw new TakenElsewhere()
        try {
          return await work()
        } finally {
          await unlock(key)
        }
      })
    },
    stop: session.close,
  }
}

/** Two commands of one key wait for each other, and that is all. */
function keyOf({ user, id }: CommandName): number {
  return createHash('sha256').update(`${user} ${id}`).digest().readInt32BE()
}
