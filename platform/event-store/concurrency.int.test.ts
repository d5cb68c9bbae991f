import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { startChild } from '../../test/support/child.ts'
import type { Followed, Instruction, Written } from '../../test/support/event-store-process.ts'
import { freshDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { migrate, type Migration } from '../migrations.ts'
import { openDatabase } from '../postgres.ts'
import type { Database } from '../sql.ts'
import { eventStoreMigration } from './postgres.ts'

const STREAMS = Array.from({ length: 8 }, (_, n) => `shared-${n}`)
const ATTEMPTS = 100
const LOCK = '  perform pg_advisory_xact_lock(7002);\n'

type Stored = Readonly<{ position: string; stream: string; revision: string; id: string }>
type Outcome = Readonly<{ writers: readonly Written[]; followers: readonly Followed[]; stored: readonly Stored[] }>

describe('writers and followers in processes of their own', () => {
  test('skip, double and disorder no event, and conflict exactly where two writers met', async () => {
    const outcome = await writeAndFollow(eventStoreMigration)
    expect(faults(outcome)).toEqual([])
    // Else nothing was shown: the writers did meet.
    expect(outcome.writers.flatMap(({ conflicts }) => conflicts).length).toBeGreaterThan(20)
    expect(outcome.writers.flatMap(({ accepted }) => accepted).length).toBeGreaterThan(100)
  }, 60_000)

  test('do fail when the append lock is taken away', async () => {
    const unlocked = eventStoreMigration.statements.map((statement) => statement.replace(LOCK, ''))
    expect(unlocked).not.toEqual(eventStoreMigration.statements)
    const outcome = await writeAndFollow({ ...eventStoreMigration, statements: unlocked })
    expect(faults(outcome)).not.toEqual([])
  }, 60_000)
})

/** Three processes write to the same streams; they, and two that do nothing else, follow all the while. */
async function writeAndFollow(migration: Migration): Promise<Outcome> {
  const database = await freshDatabase()
  const db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [migration])
  const children = ['one', 'two', 'three', 'four', 'five'].map((name) =>
    startChild('event-store-process.ts', [database.url, name]),
  )
  const tell = async <T>(child: (typeof children)[number], instruction: Instruction): Promise<T> => {
    child.write(JSON.stringify(instruction))
    return JSON.parse((await child.line()) ?? 'null') as T
  }
  try {
    await Promise.all(children.map((child) => child.line()))
    const write = { write: { streams: STREAMS, attempts: ATTEMPTS } }
    const writers = await Promise.all(children.slice(0, 3).map((child) => tell<Written>(child, write)))
    const stored = await storedEvents(db)
    const until = { until: (stored.at(-1)?.position ?? '').padStart(19, '0') }
    const followers = await Promise.all(children.map((child) => tell<Followed>(child, until)))
    return { writers, followers, stored }
  } finally {
    await Promise.all(children.map((child) => child.end('SIGKILL')))
    await db.close()
    await database.drop()
  }
}

function storedEvents(db: Database): Promise<readonly Stored[]> {
  return db.query<Stored>('select position, stream, revision, id from events order by position')
}

/** What is wrong with what was seen, in words; nothing when all is well. */
function faults(outcome: Outcome): readonly string[] {
  return [
    ...outcome.writers.flatMap(({ failures }) => failures),
    ...faultsOfPositions(outcome),
    ...outcome.writers.flatMap((writer) => faultsOfWriter(writer, outcome)),
    ...STREAMS.flatMap((stream) => faultsOfStream(stream, outcome)),
    ...faultsOfFollowers(outcome),
  ]
}

function faultsOfPositions({ stored }: Outcome): readonly string[] {
  return stored.flatMap(({ position }, index) => {
    return position === String(index + 1) ? [] : [`position ${position} stands where ${index + 1} belongs`]
  })
}

/** What was accepted is there, at its place; what was refused is not, and the event that was in its way is another writer's. */
function faultsOfWriter({ accepted, conflicts }: Written, { stored }: Outcome): readonly string[] {
  const idAt = new Map(stored.map(({ stream, revision, id }) => [`${stream} ${revision}`, id]))
  const all = new Set(stored.map(({ id }) => id))
  const own = new Set(accepted.flatMap(({ ids }) => ids))
  const lost = accepted.flatMap(({ stream, expected, ids }) =>
    ids
      .map((id, step) => ({ id, place: `${stream} ${BigInt(expected) + BigInt(step + 1)}` }))
      .filter(({ id, place }) => idAt.get(place) !== id)
      .map(({ place }) => `${place} was accepted and is not there`),
  )
  const wrong = conflicts.filter(({ stream, expected, ids }) => {
    const winner = idAt.get(`${stream} ${BigInt(expected) + 1n}`)
    return winner === undefined || own.has(winner) || ids.some((id) => all.has(id))
  })
  return [
    ...lost,
    ...wrong.map(({ stream, expected }) => `${stream} was refused at ${expected}, where no other had written`),
  ]
}

function faultsOfStream(name: string, { writers, stored }: Outcome): readonly string[] {
  const written = writers.flatMap(({ accepted }) =>
    accepted.filter(({ stream }) => stream === name).flatMap(({ ids }) => ids),
  )
  const revisions = stored.filter(({ stream }) => stream === name).map(({ revision }) => Number(revision))
  const isWhole = revisions.every((revision, index) => revision === index)
  return isWhole && revisions.length === written.length ? [] : [`${name} holds other revisions than were written`]
}

function faultsOfFollowers({ followers, stored }: Outcome): readonly string[] {
  const digest = digestOf(stored)
  return followers.flatMap((follower) => {
    if (follower.outOfOrder > 0) return [`a follower saw ${follower.outOfOrder} events out of order`]
    if (follower.digest === digest) return []
    return [`a follower saw ${follower.count} events and not the ${stored.length} that there are`]
  })
}

function digestOf(stored: readonly Stored[]): string {
  const hash = createHash('sha256')
  for (const { position, id } of stored) hash.update(`${position.padStart(19, '0')} ${id}\n`)
  return hash.digest('hex')
}
