import { setTimeout } from 'node:timers/promises'
import { type StoreKind, takeEventStore, WrongEventStore } from '../../platform/event-store/belongs.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { Database } from '../../platform/sql.ts'
import { farthestPosition, movePositions } from './positions.ts'

/**
 * Makes sure, before anything reads or writes, that `store` is the one that this database's read models and checkpoints are of: another
 * one, and an EventStoreDB that was restored to an earlier state, are refused with `WrongEventStore`, which says what to do. A fresh
 * database takes the store that it is given. The migration is `belongsMigration`. May be done again, and by several processes at once.
 */
export async function claimEventStore(db: Database, store: EventStore, kind: StoreKind): Promise<void> {
  await takeEventStore(db, store, kind)
  if (await isRestored(db, store, kind)) throw new WrongEventStore(RESTORED)
}

const RESTORED =
  'EventStoreDB holds less than was read from it before: it was restored from a backup. Stop every process of the platform, run ' +
  'npm run rebuild, which builds the read models from what there is, and start again'

/**
 * As `claimEventStore`, for who builds the read models anew while no platform runs: a log that was restored is taken as it is. What was
 * read beyond its end is forgotten. Answers whether that was so.
 */
export async function claimRestoredEventStore(db: Database, store: EventStore, kind: StoreKind): Promise<boolean> {
  await takeEventStore(db, store, kind)
  if (!(await isRestored(db, store, kind))) return false
  const head = await store.head()
  await db.transaction((sql) =>
    movePositions(
      sql,
      (position) => (position < head ? position : head),
      (position) => (position <= head ? position : undefined),
    ),
  )
  return true
}

/** Milliseconds for which a log that ends too early is looked at again, and between two looks. */
const [LOOKED_AT, LOOKS] = [2_000, 100]

/**
 * Whether the log ends before what was read from it, and still does after a moment: a node of EventStoreDB that has only just begun to
 * lead shows the last events that the one before it had acknowledged when other nodes have told it that they have them, too.
 */
async function isRestored(db: Database, store: EventStore, kind: StoreKind): Promise<boolean> {
  // Events in Postgres are restored together with what was read from them.
  if (kind === 'postgres') return false
  // In this order: what others read meanwhile only moves the head.
  const read = await farthestPosition(db)
  const end = performance.now() + LOOKED_AT
  while ((await store.head()) < read) {
    if (performance.now() >= end) return true
    await setTimeout(LOOKS)
  }
  return false
}
