import { type Position, type Recorded, START } from '../contracts/core.ts'
import { ADVISORY_LOCKS } from '../platform/advisory-locks.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import { type Candidate, lead } from '../platform/leader.ts'
import type { Log } from '../platform/log.ts'
import type { Message, MessageLog } from '../platform/message-log/port.ts'
import type { Migration } from '../platform/migrations.ts'
import { pause } from '../platform/pause.ts'
import { readAhead } from '../platform/read-ahead.ts'
import type { Database, Sql } from '../platform/sql.ts'

/** How far each lane has published: of use only beside a message log that outlives the process. */
export const relayMigrations: readonly Migration[] = [
  {
    name: 'relay',
    statements: [
      'create table relay (only_row boolean primary key default true check (only_row), position text not null)',
    ],
  },
  {
    name: 'relay lanes',
    statements: [
      'drop table relay',
      'create table relay_lanes (name text primary key, position text collate "C" not null)',
    ],
  },
]

/** How far each lane has published, as it was last written down. */
export function relayed(sql: Sql): Promise<readonly Readonly<{ name: string; position: Position }>[]> {
  return sql.query('select name, position from relay_lanes order by name', [])
}

/** A message on its way to a topic. */
export type Outgoing = Readonly<{ topic: string; message: Message }>

/** What of the event log is published, in its order. */
export type Lane = Readonly<{
  name: string
  /** Makes the messages of a batch of events, of all types. */
  messagesOf(events: readonly Recorded[]): Promise<readonly Outgoing[]>
  /** Answers from where a lane that has never published begins; without it, from the log's start. May publish what comes before that. */
  begin?(signal: AbortSignal): Promise<Position>
}>

/** Milliseconds until a lane that failed goes on. */
const AGAIN = 500

/** Milliseconds between two writings of a checkpoint: what a crash makes a lane publish again. */
const KEEP_EVERY = 100

/** Batches of the event log whose messages lie ready at most while others are being published. */
const MOST_AHEAD = 4

/** The messages of some events, and where the last of those stands. */
type Batch = Readonly<{ outgoing: readonly Outgoing[]; last: Position }>

/** Another relay has moved the lane's checkpoint: this one has lost the lead and does not know it yet. */
class Rival extends Error {}

/**
 * Publishes what the lanes make of the event log, at least once: each follows the log from its checkpoint and moves that only past what
 * the message log has accepted. Of all relays on a database one publishes, with `whileLeading` beside it, and the others stand by.
 * Beside a message log that forgets on exit a lane begins anew each time.
 */
export function startRelay(deps: {
  store: EventStore
  messages: MessageLog
  db: Database
  lanes: readonly Lane[]
  log: Log
  /** What the leader does besides; resolves when it has stopped. */
  whileLeading?: (signal: AbortSignal) => Promise<void>
}): Candidate {
  const { store, messages, db, lanes, log, whileLeading } = deps

  /** While the message log takes some, the next are read and made; what is ready then goes together. */
  async function follow(lane: Lane, signal: AbortSignal): Promise<void> {
    const kept = await (messages.durable ? storedCheckpoint(lane, signal) : volatileCheckpoint(lane, signal))
    const left = new AbortController()
    try {
      const made = batchesOf(lane, kept.position, AbortSignal.any([signal, left.signal]))
      for await (const batches of readAhead(made, MOST_AHEAD)) {
        if (signal.aborted) return
        await publish(batches.flatMap(({ outgoing }) => outgoing))
        kept.pass(batches.at(-1)?.last ?? kept.position)
      }
    } finally {
      left.abort()
      await kept.close()
    }
  }

  async function* batchesOf(lane: Lane, after: Position, signal: AbortSignal): AsyncGenerator<readonly Batch[]> {
    for await (const events of store.follow(after, signal)) {
      yield [{ outgoing: await lane.messagesOf(events), last: events.at(-1)?.position ?? after }]
    }
  }

  async function publish(outgoing: readonly Outgoing[]): Promise<void> {
    const topics = Map.groupBy(outgoing, ({ topic }) => topic)
    for (const [topic, group] of topics) {
      await messages.publish(
        topic,
        group.map(({ message }) => message),
      )
    }
  }

  async function volatileCheckpoint(lane: Lane, signal: AbortSignal): Promise<Checkpoint> {
    return { position: await begin(lane, signal), pass() {}, async close() {} }
  }

  async function storedCheckpoint({ name, ...lane }: Lane, signal: AbortSignal): Promise<Checkpoint> {
    const [row] = await db.query<{ position: Position }>('select position from relay_lanes where name = $1', [name])
    let position = row?.position
    if (position === undefined) {
      position = await begin({ name, ...lane }, signal)
      signal.throwIfAborted()
      await db.query('insert into relay_lanes (name, position) values ($1, $2)', [name, position])
    }
    return keeper(name, position, db)
  }

  async function begin(lane: Lane, signal: AbortSignal): Promise<Position> {
    return lane.begin ? lane.begin(signal) : START
  }

  async function publishLane(lane: Lane, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await follow(lane, signal)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error, lane: lane.name }, 'the relay stumbled and goes on')
        await pause(AGAIN, signal)
      }
    }
  }

  const lock = { name: 'relay', key: ADVISORY_LOCKS.relay }
  return lead(
    db,
    lock,
    async (signal) => {
      await Promise.all([...lanes.map((lane) => publishLane(lane, signal)), whileLeading?.(signal)])
    },
    log,
  )
}

/** How far a lane has published. Closed, it has written down what it passed. */
type Checkpoint = Readonly<{ position: Position; pass(position: Position): void; close(): Promise<void> }>

/**
 * Writes a lane's checkpoint down beside the publishing, now and then and at the end. Each writing names where this relay left it: where
 * another has moved it the next `pass` throws.
 */
function keeper(name: string, from: Position, db: Database): Checkpoint {
  let written = from
  let passed = from
  let failure: unknown
  const stopping = new AbortController()

  async function write(): Promise<void> {
    const position = passed
    if (position === written) return
    const moved = await db.query(
      'update relay_lanes set position = $3 where name = $1 and position = $2 returning name',
      [name, written, position],
    )
    if (moved.length === 0) throw new Rival(`another relay has published lane ${name} beyond ${written}`)
    written = position
  }

  let writing: Promise<void> | undefined

  async function writeSoon(): Promise<void> {
    try {
      while (passed !== written) {
        await pause(KEEP_EVERY, stopping.signal)
        await write()
      }
    } catch (error) {
      failure = error
    }
    writing = undefined
  }

  return {
    get position() {
      return passed
    },
    pass(position) {
      if (failure !== undefined) throw failure
      passed = position
      writing ??= writeSoon()
    },
    async close() {
      stopping.abort()
      await writing
      // Where that fails, or the process dies, what was published since comes again.
      await write().catch(() => {})
    },
  }
}
