/**
 * A process with an event store of its own: `event-store-process.ts <database url> <name>`. It follows the log from its start, and does
 * what the lines of its input say, each a JSON value; it answers each with one line.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { START } from '../../contracts/core.ts'
import { type EventStore, WrongExpectedRevision } from '../../platform/event-store/port.ts'
import { createPostgresEventStore } from '../../platform/event-store/postgres.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { quiet } from './quiet.ts'

export type Instruction =
  /** Appends to every stream at once, so often to each. */
  | { write: { streams: readonly string[]; attempts: number } }
  /** Goes on following until it has seen this position, then ends. */
  | { until: string }

type Attempt = Readonly<{ stream: string; expected: string; ids: readonly string[] }>

export type Written = Readonly<{
  accepted: readonly Attempt[]
  conflicts: readonly Attempt[]
  failures: readonly string[]
}>

/** `digest` is over each event's position and id, in the order seen. */
export type Followed = Readonly<{ count: number; outOfOrder: number; digest: string }>

const [url = '', name = ''] = process.argv.slice(2)
const db = await openDatabase({ connection: url, log: quiet })
const store = createPostgresEventStore({ db, log: quiet })
const followed = follow(store)

answer('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const instruction = JSON.parse(line) as Instruction
  if ('write' in instruction) {
    const { streams, attempts } = instruction.write
    answer(merge(await Promise.all(streams.map((stream) => write(stream, attempts)))))
  } else {
    answer(await followed.until(instruction.until))
    break
  }
}
await store.stop()
await db.close()
process.stdin.destroy()

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

async function write(stream: string, attempts: number): Promise<Written> {
  const accepted: Attempt[] = []
  const conflicts: Attempt[] = []
  const failures: string[] = []
  let revision = -1n
  for (let n = 0; n < attempts; n++) {
    const drafts = Array.from({ length: 1 + (n % 3) }, () => ({
      id: randomUUID(),
      type: 'Tested',
      data: { by: name, n },
      at: '2026-11-21T10:00:00.000000+08:00',
      meta: { commandId: randomUUID(), actor: 1, correlationId: name, schemaVersion: 1 },
    }))
    const attempt = { stream, expected: String(revision), ids: drafts.map(({ id }) => id) }
    try {
      const appended = await store.append(stream, revision < 0n ? 'none' : revision, drafts)
      accepted.push(attempt)
      revision = appended.revision
    } catch (error) {
      if (error instanceof WrongExpectedRevision) conflicts.push(attempt)
      else failures.push(String(error))
      revision = (await store.load(stream, { from: revision < 0n ? 0n : revision })).at(-1)?.revision ?? -1n
    }
  }
  return { accepted, conflicts, failures }
}

function merge(all: readonly Written[]): Written {
  return {
    accepted: all.flatMap(({ accepted }) => accepted),
    conflicts: all.flatMap(({ conflicts }) => conflicts),
    failures: all.flatMap(({ failures }) => failures),
  }
}

function follow(from: EventStore): { until(position: string): Promise<Followed> } {
  let wanted: string | undefined
  let last: string = START
  let [count, outOfOrder] = [0, 0]
  const hash = createHash('sha256')
  const abort = new AbortController()
  const reached = () => wanted !== undefined && last >= wanted
  const following = (async () => {
    for await (const events of from.follow(START, abort.signal)) {
      for (const { position, id } of events) {
        count++
        if (BigInt(position) !== BigInt(last) + 1n) outOfOrder++
        last = position
        hash.update(`${position} ${id}\n`)
      }
      if (reached()) abort.abort()
    }
  })()
  return {
    async until(position) {
      wanted = position
      if (reached()) abort.abort()
      await following
      return { count, outOfOrder, digest: hash.digest('hex') }
    },
  }
}
