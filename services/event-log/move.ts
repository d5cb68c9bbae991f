import { randomUUID } from 'node:crypto'
import { type Position, START } from '../../contracts/core.ts'
import { ADVISORY_LOCKS } from '../../platform/advisory-locks.ts'
import { beginLog, belongingOf, nameOfLog, WrongEventStore } from '../../platform/event-store/belongs.ts'
import { copyLog, digestLog, NoCopy } from '../../platform/event-store/copy.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { Database } from '../../platform/sql.ts'
import { keptPositions, movePositions } from './positions.ts'

/** What is said while events are moved. */
export type Progress = Readonly<{
  copied(events: number): void
  compared(events: number, side: 'source' | 'target'): void
}>

/** What was moved: how many events, and the sha256 over all of them, equal in both logs. */
export type Moved = Readonly<{ events: number; sha256: string }>

/**
 * Moves the events of a database from its own table to EventStoreDB: copies the log, compares both by a hash, and only then gives the
 * database to the new log, in one transaction with everything that holds positions. No platform may run on the database meanwhile. It may be
 * stopped at any time and begun again: until the last step the database belongs to Postgres. Answers undefined when it belongs to that log already. Throws
 * `WrongEventStore`, `NoCopy`.
 */
export async function moveEvents(
  options: Readonly<{ db: Database; from: EventStore; to: EventStore; progress: Progress; signal: AbortSignal }>,
): Promise<Moved | undefined> {
  const { db, from, to, progress, signal } = options
  const belonging = await belongingOf(db, 'postgres')
  if (belonging.kind === 'esdb') {
    if ((await nameOfLog(to)) !== belonging.log) throw new WrongEventStore(ELSEWHERE)
    return undefined
  }
  const log = await beginTarget(db, to, belonging.movingTo)
  await copyLog({ from, to, signal, progress: progress.copied })

  const places = new Places(await keptPositions(db))
  const source = await digestLog(from, {
    signal,
    see: ({ position }, nth) => {
      places.left(position, nth)
      if (nth % TOLD_EVERY === 0) progress.compared(nth, 'source')
    },
  })
  const target = await digestLog(to, {
    signal,
    see: ({ position }, nth) => {
      places.arrived(position, nth)
      if (nth % TOLD_EVERY === 0) progress.compared(nth, 'target')
    },
  })
  if (source.sha256 !== target.sha256) {
    throw new NoCopy(`${source.events} events were copied, and the target's ${target.events} are not the same`)
  }

  await db.transaction(
    async (sql) => {
      // Who would append now waits, and is refused afterwards: nothing is lost behind the copy.
      await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.appends})`)
      signal.throwIfAborted()
      if ((await from.head()) !== source.last) throw new NoCopy('somebody has written to the source meanwhile')
      await movePositions(
        sql,
        (position) => places.behind(position),
        (position) => places.of(position),
      )
      await sql.query(
        `update event_store set kind = 'esdb', log = $1, begun = true, moving_to = null where kind = 'postgres'`,
        [log],
      )
    },
    { long: true },
  )
  return { events: source.events, sha256: source.sha256 }
}

const ELSEWHERE = 'the events of this database are in another EventStoreDB already: set EVENTSTOREDB_URL to that one'

const TOLD_EVERY = 5_000

/** Gives an empty target a name, which the database remembers before: what bears it is a copy that was begun here. */
async function beginTarget(db: Database, to: EventStore, movingTo: string | undefined): Promise<string> {
  const named = await nameOfLog(to)
  if (named !== undefined) {
    if (named === movingTo) return named
    throw new WrongEventStore(
      'EVENTSTOREDB_URL leads to a log that belongs to another database: the copy needs an empty one',
    )
  }
  const name = randomUUID()
  await db.query('update event_store set moving_to = $1', [name])
  await beginLog(to, name)
  return name
}

/** Where the events at some positions of one log stand in the other, by their place in the order of both. */
class Places {
  readonly #wanted: ReadonlySet<Position>
  /** The position of each wanted event by its place in the order, from 0. */
  readonly #left = new Map<number, Position>()
  readonly #arrived = new Map<Position, Position>()

  constructor(wanted: readonly Position[]) {
    this.#wanted = new Set(wanted)
  }

  left(position: Position, nth: number): void {
    if (this.#wanted.has(position)) this.#left.set(nth, position)
  }

  arrived(position: Position, nth: number): void {
    const from = this.#left.get(nth)
    if (from !== undefined) this.#arrived.set(from, position)
  }

  of(position: Position): Position | undefined {
    return this.#arrived.get(position)
  }

  /** For one who has read up to there: who has read nothing yet begins at the start. */
  behind(position: Position): Position {
    return this.#arrived.get(position) ?? START
  }
}
