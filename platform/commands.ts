import { Rejected } from '../contracts/core.ts'
import type { Migration } from './migrations.ts'
import type { Database } from './sql.ts'

/**
 * What is remembered of writes that carried an `Idempotency-Key`: part of the truth, no rebuild drops it.
 *
 * A row alone means nothing (a kill may have left it): it counts when its command is in the stream, or when `revision` is set. It
 * keeps the ids that the first try drew, so that a repeated create is a repeat of the same append.
 */
export const commandsMigration: Migration = {
  name: 'commands',
  statements: [
    `create table commands (
      command_id uuid primary key,
      request_hash text not null,
      ids int[] not null,
      revision bigint,
      created_at timestamptz not null default now()
    )`,
  ],
}

/** A command that was seen before, or is now seen for the first time. */
export type Remembered = Readonly<{
  repeated: boolean
  ids: readonly number[]
  /** The revision that the first try saw when it changed nothing. */
  revision: bigint | undefined
}>

export interface CommandMemory {
  /** Remembers the command, or answers what is remembered of it. Throws `Rejected` when the key came with another body. */
  begin(command: { commandId: string; requestHash: string; ids: readonly number[] }): Promise<Remembered>
  /** Whether anything is remembered of the command. */
  knows(commandId: string): Promise<boolean>
  /** The ids that the command has drawn; none where nothing is remembered of it. */
  idsOf(commandId: string): Promise<readonly number[]>
  /**
   * Remembers `ids` instead of those that turned out to be taken, and answers which are remembered now: those of a repeat in another
   * process that was first to replace them, so that both go on with the same.
   */
  replaceIds(commandId: string, taken: readonly number[], ids: readonly number[]): Promise<readonly number[]>
  /** The command changed nothing: a repeat is answered with what stood at `revision`. */
  keepRevision(commandId: string, revision: bigint): Promise<void>
  /** Forgets a command that was refused. */
  forget(commandId: string): Promise<void>
}

export function createCommandMemory(db: Database): CommandMemory {
  return {
    async begin({ commandId, requestHash, ids }) {
      const inserted = await db.query(
        'insert into commands (command_id, request_hash, ids) values ($1, $2, $3) on conflict do nothing returning 1',
        [commandId, requestHash, ids],
      )
      if (inserted.length > 0) return { repeated: false, ids, revision: undefined }
      const [row] = await db.query<{ request_hash: string; ids: number[]; revision: string | null }>(
        'select request_hash, ids, revision from commands where command_id = $1',
        [commandId],
      )
      // Forgotten between the two statements: the first try was refused, this one begins anew.
      if (!row) return this.begin({ commandId, requestHash, ids })
      if (row.request_hash !== requestHash) {
        throw new Rejected('idempotency_key_reused', 'Idempotency-Key：该键已用于另一个请求体', 'Idempotency-Key')
      }
      return { repeated: true, ids: row.ids, revision: row.revision === null ? undefined : BigInt(row.revision) }
    },

    async knows(commandId) {
      const rows = await db.query('select 1 from commands where command_id = $1', [commandId])
      return rows.length > 0
    },

    async idsOf(commandId) {
      const [row] = await db.query<{ ids: number[] }>('select ids from commands where command_id = $1', [commandId])
      return row?.ids ?? []
    },

    async replaceIds(commandId, taken, ids) {
      const [row] = await db.query<{ ids: number[] }>(
        'update commands set ids = case when ids = $2 then $3 else ids end where command_id = $1 returning ids',
        [commandId, taken, ids],
      )
      return row?.ids ?? ids
    },

    async keepRevision(commandId, revision) {
      await db.query('update commands set revision = $2 where command_id = $1', [commandId, revision])
    },

    async forget(commandId) {
      await db.query('delete from commands where command_id = $1 and revision is null', [commandId])
    },
  }
}
