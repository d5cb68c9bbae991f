import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { type Position, START } from '../contracts/core.ts'
import { createPostgresEventStore, eventStoreMigration } from '../platform/event-store/postgres.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import { migrate } from '../platform/migrations.ts'
import { openDatabase } from '../platform/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { startDatabases } from './database.ts'
import { type Bench, type Figure, number } from './measurement.ts'
import { count, inTurns, median, round, type Round, tellCompared } from './rounds.ts'

/** Of the rate of a bare insert, by writers. */
const AIMS: Readonly<Record<number, number>> = { 16: 1.2 }

const INTERFACE = { name: '登录', url: '/users/login/', method: 'post', type: '1', project: 1 }

/**
 * Appends of one event to a new stream each, with a follower that must miss none, and bare inserts of the same fields into one table:
 * both from this process, with connections to one server.
 */
export async function eventStore(bench: Bench): Promise<readonly Figure[]> {
  const databases = await startDatabases(bench)
  const bare = await bareInsert(bench, await databases.fresh('bare'))
  const db = await openDatabase({ connection: await databases.fresh('platform'), max: 20, log: quiet })
  bench.defer(() => db.close())
  await migrate(db, [eventStoreMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  bench.defer(() => store.stop())
  const followed = follow(bench, store)

  const figures: Figure[] = []
  const seconds = bench.quick ? 0.3 : 3
  const drained: number[] = []
  for (const writers of [1, 16, 64]) {
    const appends = async (): Promise<Round> => {
      let last = ''
      const result = await round(writers, seconds, async () => {
        const { position } = await append(store)
        if (position > last) last = position
      })
      const ended = performance.now()
      await followed.until(last)
      drained.push(performance.now() - ended)
      return result
    }
    const compared = await inTurns(bench.quick ? 1 : 5, { ours: appends, bare: () => round(writers, seconds, bare) })
    const names = {
      what: `append an event, ${count(writers, 'writer')}`,
      ours: 'the event store, followed',
      bare: 'a bare insert',
    }
    figures.push(...tellCompared(names, compared, AIMS[writers]))
  }
  figures.push({
    what: 'the follower has everything after the last append',
    reached: `median ${number(median(drained))} ms`,
  })
  return figures
}

function append(store: EventStore): ReturnType<EventStore['append']> {
  const meta = { commandId: randomUUID(), actor: 1, correlationId: randomUUID(), schemaVersion: 1 }
  const at = '2026-11-21T10:00:00.000000+08:00'
  const draft = { type: 'InterfaceCreated', data: INTERFACE, id: randomUUID(), at, meta }
  return store.append(`interface-${randomUUID()}`, 'none', [draft])
}

async function bareInsert(bench: Bench, url: string): Promise<() => Promise<unknown>> {
  const pool = new Pool({ connectionString: url, max: 20 })
  // Connections that are ended may still be there when the server goes.
  pool.on('error', () => {})
  bench.defer(() => pool.end())
  await pool.query(
    'create table interfaces (id bigserial primary key, name text, url text, method text, type text, project integer)',
  )
  const text = 'insert into interfaces (name, url, method, type, project) values ($1, $2, $3, $4, $5) returning id'
  const { name, url: path, method, type, project } = INTERFACE
  return () => pool.query({ name: 'insert', text, values: [name, path, method, type, project] })
}

/** Reads on from the beginning and sees that no position is missing. */
function follow(bench: Bench, store: EventStore): { until(position: Position): Promise<void> } {
  const stopped = new AbortController()
  let seen = 0
  let waiting: { position: number; resolve: () => void }[] = []
  const following = (async () => {
    for await (const events of store.follow(START, stopped.signal)) {
      for (const { position } of events) {
        if (Number(position) !== seen + 1) throw new Error(`the follower got ${position} after ${seen}`)
        seen++
      }
      for (const { position, resolve } of waiting) if (position <= seen) resolve()
      waiting = waiting.filter(({ position }) => position > seen)
    }
  })()
  // Whoever waits for a position is told of it.
  following.catch(() => {})
  bench.defer(async () => {
    stopped.abort()
    await following
  })
  return {
    until: (position) =>
      Promise.race([
        new Promise<void>((resolve) => {
          if (Number(position) <= seen) resolve()
          else waiting.push({ position: Number(position), resolve })
        }),
        following,
      ]),
  }
}
