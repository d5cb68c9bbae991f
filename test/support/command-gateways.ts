/** Gateways that consume commands at a `CommandDesk`, and what tests say to them and see of them. */
import { randomUUID } from 'node:crypto'
import { startTriggerCommands } from '../../gateway/messages/trigger-commands.ts'
import type { Database } from '../../platform/sql.ts'
import { Unavailable } from '../../platform/unavailable.ts'
import type { CommandDesk } from './command-desk.ts'
import { quiet } from './quiet.ts'

type Deps = Parameters<typeof startTriggerCommands>[0]
type Gateway = ReturnType<typeof startTriggerCommands>
type Row = Readonly<{ user_id: number; content: string | null; outcome: string | null; record: number | null }>

/** `of` is asked when a test runs: which desk it is, and the token that commands have unless they say another. */
export function commandGateways(of: () => Readonly<{ desk: CommandDesk; token: string }>) {
  const gateways: Gateway[] = []

  /** Consumes commands until the test ends, as a gateway does. */
  function consume(more: Partial<Deps> = {}): Gateway {
    const { ground, routes } = of().desk
    const { messages, access, db, secrets, store, folds } = ground
    const { authenticate } = access.apiTokens
    const own = { messages, routes, authenticate, db, cipher: secrets, mac: secrets.mac, store, folds }
    const gateway = startTriggerCommands({ ...own, log: quiet, ...more })
    gateways.push(gateway)
    return gateway
  }

  return {
    consume,

    async stop(): Promise<void> {
      for (const gateway of gateways.splice(0)) await gateway.stop()
    },

    /** Publishes the command to a gateway that does what it asks for, and dies before that is kept. */
    async dieAfter(command: object): Promise<void> {
      const dying = Promise.withResolvers<void>()
      const first = consume({
        db: faulty(of().desk.ground.db, (text, when) => {
          if (when === 'before' && text.startsWith('update trigger_commands set outcome')) {
            dying.resolve()
            throw new Unavailable('Postgres', 'gone')
          }
        }),
      })
      await of().desk.publish(command)
      await dying.promise
      await first.stop()
    },

    newId: (): string => `build-${randomUUID()}`,

    runTask(id: string, more: object = {}) {
      const { desk, token } = of()
      const { task, env } = desk.world
      return { id, type: 'RunTask', token, data: { task, env }, ...more }
    },

    /** Streams of the runs that were asked for under a correlation id. */
    async runsOf(correlationId: string): Promise<readonly string[]> {
      const requested = await of().desk.requested()
      return requested.filter(({ meta }) => meta.correlationId === correlationId).map(({ stream }) => stream)
    },

    /** What is known of a command, by user. */
    rowsOf: (id: string): Promise<Row[]> =>
      of().desk.ground.db.query<Row>('select * from trigger_commands where id = $1 order by user_id', [id]),

    async revoke(text: string): Promise<void> {
      const context = { commandId: randomUUID(), actor: 1, correlationId: 'test' }
      await of().desk.ground.access.apiTokens.revoke(1, Number(text.split('_')[1]), context)
    },
  }
}

/** A database in which `fault` may throw before a statement is carried out, or after. */
export function faulty(db: Database, fault: (text: string, when: 'before' | 'after') => void): Database {
  return {
    ...db,
    async query(text, values) {
      fault(text, 'before')
      const rows = await db.query(text, values)
      fault(text, 'after')
      return rows as never
    },
  }
}
