import { ADVISORY_LOCKS } from '../../platform/advisory-locks.ts'
import type { Log } from '../../platform/log.ts'
import type { Migration } from '../../platform/migrations.ts'
import type { Database } from '../../platform/sql.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Folds } from '../commands/folds.ts'
import type { Handle } from '../commands/handle.ts'
import type { Writes } from '../commands/writes.ts'
import { apiTokenUsesMigration, createApiTokenUses } from './api-token-uses.ts'
import { type ApiTokens, createApiTokens } from './api-tokens.ts'
import { createGuesses } from './guesses.ts'
import { createLogins, type Logins } from './logins.ts'
import { recentFolds } from './recent-folds.ts'
import { createRegistrations } from './registrations.ts'
import { createStandings, type Views } from './standings.ts'
import { createTokens } from './tokens.ts'
import { createTries, failedLoginsMigration } from './tries.ts'
import { createUsers, type Users } from './users.ts'

/** What is kept of access beside the events. */
export const accessMigrations: readonly Migration[] = [failedLoginsMigration, apiTokenUsesMigration]

/** Who there is, how they come in, and how their machines do. */
export type Access = Readonly<{ users: Users; logins: Logins; apiTokens: ApiTokens; stop(): Promise<void> }>

export function createAccess(deps: {
  db: Database
  folds: Folds
  handle: Handle
  writes: Writes
  nextId(kind: string): Promise<number>
  models: ReadModels
  jwtSecret: string
  mac: (text: string) => string
  timeZone: string
  log: Log
  /** A clock of milliseconds that never runs backwards. */
  now?: () => number
}): Access {
  const { db, folds, handle, writes, nextId, models, jwtSecret, mac, timeZone, log, now } = deps
  const views: Views = {
    recent: createStandings(recentFolds(folds, now)),
    present: createStandings(folds.refresh.bind(folds)),
  }
  const tries = createTries(db)
  const guesses = createGuesses({ tries, mac })
  const registrations = createRegistrations({ tries, mac })
  const uses = createApiTokenUses({ db, timeZone, log })
  const alone = <T>(work: () => Promise<T>): Promise<T> =>
    db.transaction(async (sql) => {
      await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.firstAdmin})`)
      return work()
    })
  return {
    users: createUsers({ folds, handle, writes, guesses, registrations, nextId, alone, readModels: models }),
    logins: createLogins({ views, tokens: createTokens(jwtSecret), guesses, handle, writes }),
    apiTokens: createApiTokens({ views, writes, uses, models }),
    stop: uses.stop,
  }
}
