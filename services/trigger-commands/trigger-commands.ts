import type { Migration } from '../../platform/migrations.ts'
import type { Database } from '../../platform/sql.ts'
import type { Cipher } from '../environments/sealed.ts'
import type { Outcome } from './outcomes.ts'

/**
 * What is known of commands that came over the message log, by their user and id: part of the truth, no rebuild drops it.
 *
 * The first delivery of an id leaves its content here, encrypted, and every delivery carries out that one, until there is an outcome:
 * then the content goes, and the outcome is what every later delivery is told.
 */
export const triggerCommandsMigration: Migration = {
  name: 'trigger commands',
  statements: [
    `create table trigger_commands (
      user_id integer not null,
      id text not null,
      content text,
      failures integer not null default 0,
      outcome json,
      record integer,
      created_at timestamptz not null default now(),
      primary key (user_id, id),
      check ((content is null) <> (outcome is null))
    )`,
    'create index on trigger_commands (record) where record is not null',
  ],
}

/** A command's name: its user, and the id that the user gave it. */
export type CommandName = Readonly<{ user: number; id: string }>

/** What is known of a command: the outcome, or until there is one what it asks for; undefined where that cannot be decrypted any more. */
export type Known = Readonly<{ outcome: Outcome } | { outcome?: never; content: string | undefined }>

/** Whose key encrypts contents: they are of no project, and may hold variables of any. */
const SCOPE = 'trigger-commands'

export type TriggerCommands = Readonly<{
  /** What is known of the command, which is now known by `content` where nothing was. */
  begin(name: CommandName, content: string): Promise<Known>
  /** What is known of the command; undefined where nothing is. */
  find(name: CommandName): Promise<Known | undefined>
  /** Keeps the outcome, unless there is one; answers which it is. */
  end(name: CommandName, outcome: Outcome): Promise<Outcome>
  /** Counts a failure that nobody can explain, and answers how many there were. */
  failed(name: CommandName): Promise<number>
  /** The commands that have started these runs, or ended them before their time. */
  accepted(records: readonly number[]): Promise<readonly Readonly<{ id: string; record: number }>[]>
}>

export function createTriggerCommands(deps: { db: Pick<Database, 'query'>; cipher: Cipher }): TriggerCommands {
  const { db, cipher } = deps

  async function find({ user, id }: CommandName): Promise<Known | undefined> {
    const [row] = await db.query<{ content: string | null; outcome: string | null }>(
      'select content, outcome from trigger_commands where user_id = $1 and id = $2',
      [user, id],
    )
    if (!row) return undefined
    if (row.outcome !== null) return { outcome: JSON.parse(row.outcome) as Outcome }
    return { content: await cipher.decrypt(SCOPE, row.content ?? '') }
  }

  return {
    find,

    async begin(name, content) {
      const first = await db.query(
        'insert into trigger_commands (user_id, id, content) values ($1, $2, $3) on conflict do nothing returning 1',
        [name.user, name.id, await cipher.encrypt(SCOPE, content)],
      )
      const known = first.length > 0 ? undefined : await find(name)
      return known ?? { content }
    },

    async end(name, outcome) {
      const record = outcome.status === 'accepted' ? outcome.record : null
      const kept = await db.query(
        `update trigger_commands set outcome = $3, record = $4, content = null
         where user_id = $1 and id = $2 and outcome is null returning 1`,
        [name.user, name.id, JSON.stringify(outcome), record],
      )
      if (kept.length > 0) return outcome
      return (await find(name))?.outcome ?? outcome
    },

    async failed({ user, id }) {
      const [row] = await db.query<{ failures: number }>(
        'update trigger_commands set failures = failures + 1 where user_id = $1 and id = $2 returning failures',
        [user, id],
      )
      return row?.failures ?? 0
    },

    async accepted(records) {
      return db.query('select id, record from trigger_commands where record = any($1::integer[])', [records])
    },
  }
}
