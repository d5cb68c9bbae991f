import { readFileSync } from 'node:fs'
import type { Expected, Recorded, StreamId } from '../../contracts/core.ts'
import { gather } from '../gather.ts'
import type { Log } from '../log.ts'
import { lastingSession } from '../lasting-session.ts'
import type { Migration } from '../migrations.ts'
import type { Database } from '../sql.ts'
import { encode } from './encode.ts'
import { type Draft, type EventStore, MAX_FOLLOW_BATCH, WrongExpectedRevision } from './port.ts'
import { announcer } from './postgres/announce.ts'
import { type Answer, type Request, sendAppends } from './postgres/append.ts'
import { Bell } from '../bell.ts'
import { followPages } from './postgres/follow.ts'
import { COLUMNS, LAST_REVISION, positionText, recorded, type Row } from './postgres/row.ts'
import { Tail } from './postgres/tail.ts'

export const eventStoreMigration: Migration = {
  name: 'event store',
  statements: [readFileSync(new URL('postgres/schema.sql', import.meta.url), 'utf8')],
}

/** Appends that one call carries at most, and about how many bytes: it is one value in memory here and there. */
const MOST_APPENDS = 256
const MOST_BYTES = 4 * 1024 * 1024

/**
 * Events in one table, in the order of their commits (`postgres/schema.sql` says how). The appends of this process travel together, over one
 * connection of their own; followers are woken by them directly, and by those of other processes through a notification or a poll.
 * A lost connection leaves the outcome of what was under way unknown, and the next append opens it again.
 */
export function createPostgresEventStore({
  db,
  log,
}: {
  db: Database
  log: Log
}): EventStore & { stop(): Promise<void> } {
  const appending = lastingSession(() => db.session({ name: 'appends' }))
  const bell = new Bell()
  const tail = new Tail()
  let words = 0
  const heard = (): void => {
    words++
    bell.ring()
  }
  const announce = announcer({ db, log, heard })
  const stopped = new AbortController()

  const appends = gather(
    (requests: readonly Request[]) => appending.use((sql) => sendAppends(sql, requests)).then(keep),
    {
      most: MOST_APPENDS,
      key: ({ stream }) => stream,
      weight: ({ bytes }) => bytes,
      mostWeight: MOST_BYTES,
    },
  )

  /** What was stored goes to this process's followers as it is, and word of it to the other processes. */
  function keep(answers: readonly Answer[]): readonly Answer[] {
    const stored = answers.filter((answer) => answer.outcome === 'stored')
    const first = stored[0]
    if (first !== undefined) {
      const bytes = stored.reduce((sum, answer) => sum + answer.bytes, 0)
      tail.push(
        first.first,
        stored.flatMap((answer) => answer.recorded),
        bytes,
      )
      bell.ring()
      announce.tell()
    }
    return answers
  }

  async function load(stream: StreamId, { from = 0n, upTo }: { from?: bigint; upTo?: bigint } = {}) {
    const rows = await db.query<Row>(
      `select ${COLUMNS} from events where stream = $1 and revision between $2 and $3 order by revision`,
      [stream, from, upTo ?? LAST_REVISION],
    )
    return rows.map(recorded)
  }

  async function append(stream: StreamId, expected: Expected, drafts: readonly Draft[]) {
    stopped.signal.throwIfAborted()
    const { events, bytes } = encode(stream, drafts)
    const before = expected === 'none' ? -1n : expected
    if (expected !== 'none' && expected < 0n) throw new WrongExpectedRevision(stream, expected)
    const answer = await appends({ stream, before, events, bytes })
    if (answer.outcome === 'conflict') throw new WrongExpectedRevision(stream, expected)
    const stands =
      answer.outcome === 'stored'
        ? answer.recorded
        : await load(stream, { from: before + 1n, upTo: before + BigInt(events.length) })
    const last = stands.at(-1)
    if (last === undefined) throw new Error(`nothing is recorded of an append to ${stream}`)
    return { position: last.position, revision: last.revision, recorded: stands }
  }

  return {
    load,

    async loadMany(refs) {
      const rows = await db.query<Row & { nth: string }>(
        `select wanted.nth, ${COLUMNS}
         from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as wanted (name, low, high, nth)
         join events on stream = name and revision between low and high
         order by wanted.nth, revision`,
        [
          refs.map(({ stream }) => stream),
          refs.map(({ from }) => from ?? 0n),
          refs.map(({ upTo }) => upTo ?? LAST_REVISION),
        ],
      )
      const answers = refs.map((): Recorded[] => [])
      for (const row of rows) answers[Number(row.nth) - 1]?.push(recorded(row))
      return answers
    },

    append,

    async head() {
      const rows = await db.query<{ position: string }>(
        'select position from events order by position desc limit 1',
        [],
      )
      return positionText(rows[0]?.position ?? 0)
    },

    follow(after, signal) {
      announce.listen()
      return followPages({
        after: Number(after),
        signal: AbortSignal.any([signal, stopped.signal]),
        bell,
        near: (position) => tail.after(position, MAX_FOLLOW_BATCH),
        isNewest: (position) => tail.endsAt(position),
        words: () => words,
        read: async (position, most) => {
          const rows = await db.query<Row>(
            `select ${COLUMNS} from events where position > $1 order by position limit $2`,
            [position, most],
          )
          return rows.map(recorded)
        },
        log,
      })
    },

    async stop() {
      stopped.abort(new Error('the event store is stopped'))
      await appends.idle()
      await Promise.all([appending.close(), announce.stop()])
    },
  }
}
