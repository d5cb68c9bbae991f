/** The stored events in a log, with folds and read models beside it. */
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { projections } from '../../projections/all.ts'
import { createProjectionEngine, type ProjectionEngine } from '../../projections/engine.ts'
import { Folds } from '../../services/commands/folds.ts'
import { freshDatabase } from '../support/postgres.ts'
import { quiet } from '../support/quiet.ts'
import { restore, storedEvents } from '../support/stored-events.ts'

export type StoredLog = Readonly<{ folds: Folds; models: ProjectionEngine; stop(): Promise<void> }>

/** Resolves when every read model has passed the last of them, or has stopped. */
export async function openStoredLog(): Promise<StoredLog> {
  const database = await freshDatabase()
  const db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [eventStoreMigration])
  await restore(db, storedEvents())
  const store = createPostgresEventStore({ db, log: quiet })
  const models = createProjectionEngine({ db, store, projections, log: quiet, retryPauses: [] })
  await models.start()
  await models.passed(await store.head(), 10_000)
  return {
    folds: new Folds(store),
    models,
    async stop() {
      await models.stop()
      await store.stop()
      await db.close()
      await database.drop()
    },
  }
}
