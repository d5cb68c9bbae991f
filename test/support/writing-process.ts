/** What one process of the platform writes with, on a database that it shares with others. Several of them stand in one test. */
import { createCommandMemory, commandsMigration, type CommandMemory } from '../../platform/commands.ts'
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { createIds, type Ids } from '../../platform/ids.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { systemClock } from '../../contracts/time.ts'
import { Folds } from '../../services/commands/folds.ts'
import { createHandle, type Handle } from '../../services/commands/handle.ts'
import { createWrites, type Writes } from '../../services/commands/writes.ts'
import { quiet } from './quiet.ts'

export type WritingProcess = Readonly<{
  db: Database
  store: EventStore
  folds: Folds
  handle: Handle
  memory: CommandMemory
  ids: Ids
  writes: Writes
  /** What happens around each of its appends, until it is set anew; either may throw. */
  around: { before: () => Promise<void> | void; after: () => Promise<void> | void }
  /** The positions that were waited for before an answer. */
  shown: string[]
  stop(): Promise<void>
}>

/** No feed brings it what others append: its folds are as stale as they can be. */
export async function startWritingProcess(url: string): Promise<WritingProcess> {
  const db = await openDatabase({ connection: url, log: quiet, max: 5 })
  await migrate(db, [eventStoreMigration, commandsMigration])
  const real = createPostgresEventStore({ db, log: quiet })
  const around: WritingProcess['around'] = { before: () => {}, after: () => {} }
  const store: EventStore = {
    ...real,
    async append(stream, expected, drafts) {
      await around.before()
      const appended = await real.append(stream, expected, drafts)
      await around.after()
      return appended
    },
  }
  const folds = new Folds(store)
  const handle = createHandle({ store, folds, clock: systemClock('Asia/Shanghai') })
  const memory = createCommandMemory(db)
  const ids = createIds(db)
  const shown: string[] = []
  const readModels = { passed: (position: string) => Promise.resolve(shown.push(position) > 0) }
  return {
    db,
    store,
    folds,
    handle,
    memory,
    ids,
    around,
    shown,
    writes: createWrites({ handle, folds, memory, nextId: ids.nextId, readModels }),
    async stop() {
      await real.stop()
      await db.close()
    },
  }
}

/** A place that nobody leaves before `count` have come. */
export function meeting(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let came = 0
  return () => {
    if (++came === count) resolve()
    return promise
  }
}

/** Does `work` for the first `count` calls. */
export function times(count: number, work: () => Promise<unknown> | void): () => Promise<void> {
  let left = count
  return async () => {
    if (left-- > 0) await work()
  }
}
