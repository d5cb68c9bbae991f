import { isoMicros } from '../../contracts/time.ts'
import type { Log } from '../../platform/log.ts'
import type { Migration } from '../../platform/migrations.ts'
import type { Database } from '../../platform/sql.ts'
import { Recent } from '../commands/recent.ts'

/** When each token was used last, to the minute: what machines do all day long is no event, and no rebuild touches it. */
export const apiTokenUsesMigration: Migration = {
  name: 'api token uses',
  statements: ['create table api_token_uses (token integer primary key, used_at timestamptz not null)'],
}

/** Milliseconds between two notes of one token. */
const MINUTE = 60_000

/** Tokens of which is known when they were noted. */
const MOST = 10_000

export type ApiTokenUses = Readonly<{
  /** The token has been used. Nobody waits for the note, and a note that fails is made at a later use. */
  note(token: number): void
  /** When each of `tokens` was used last, for those that ever were. */
  of(tokens: readonly number[]): Promise<ReadonlyMap<number, string>>
  /** Resolves when every note is written. */
  stop(): Promise<void>
}>

/** `now` is milliseconds since 1970. */
export function createApiTokenUses(deps: {
  db: Pick<Database, 'query'>
  timeZone: string
  log: Log
  now?: () => number
}): ApiTokenUses {
  const { db, timeZone, log, now = Date.now } = deps
  const noted = new Recent<number, number>(MOST)
  let writing = Promise.resolve()

  async function write(token: number, at: number): Promise<void> {
    try {
      // Another process may have noted it within the minute.
      await db.query(
        `insert into api_token_uses (token, used_at) values ($1, to_timestamp($2::double precision / 1000))
         on conflict (token) do update set used_at = excluded.used_at
         where excluded.used_at >= api_token_uses.used_at + interval '1 minute'`,
        [token, at],
      )
    } catch (error) {
      noted.delete(token)
      log.warn({ err: error, token }, 'the use of an API token could not be noted')
    }
  }

  return {
    note(token) {
      const at = now()
      const last = noted.get(token)
      if (last !== undefined && at - last < MINUTE) return
      noted.set(token, at)
      writing = writing.then(() => write(token, at))
    },

    async of(tokens) {
      const rows = await db.query<{ token: number; micros: string }>(
        `select token, (extract(epoch from used_at) * 1000000)::bigint as micros
         from api_token_uses where token = any($1::integer[])`,
        [tokens],
      )
      return new Map(rows.map(({ token, micros }) => [token, isoMicros(Number(micros), timeZone)]))
    },

    stop: () => writing,
  }
}
