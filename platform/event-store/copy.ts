import { createHash } from 'node:crypto'
import { type Position, type Recorded, START, type StreamId } from '../../contracts/core.ts'
import { pause } from '../pause.ts'
import { Unavailable } from '../unavailable.ts'
import { LOG_STREAM } from './belongs.ts'
import { eventsUpTo } from './extent.ts'
import { type Draft, type EventStore, MAX_APPEND_BYTES, MAX_FOLLOW_BATCH, WrongExpectedRevision } from './port.ts'

/** The target is not a beginning of the source: it holds other events of Testledger, or somebody writes to it. */
export class NoCopy extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoCopy'
  }
}

export type CopyOptions = Readonly<{
  from: EventStore
  to: EventStore
  signal: AbortSignal
  /** Called now and then with the number of events that are known to be in the target. */
  progress(events: number): void
}>

/**
 * Makes one log hold what another one does: the same events in the same order, at the same revisions, with their ids, times and meta.
 * Nobody may write to either meanwhile. What is there already is read and compared, and the rest appended: whenever it was stopped, the
 * next call goes on there, for the target itself says what it holds. Answers how many events that makes. Throws `NoCopy`.
 */
export async function copyLog({ from, to, signal, progress }: CopyOptions): Promise<number> {
  const present = singly(eventsOf(to, signal))
  let count = 0
  let group: Group | undefined
  const storeGroup = async (): Promise<void> => {
    await group?.store(to, signal)
    if (group) progress(count)
  }
  try {
    let next = await present.next()
    for await (const event of singly(eventsOf(from, signal))) {
      if (next.done !== true) {
        expectSame(event, next.value)
        if (count % MAX_FOLLOW_BATCH === 0) progress(count)
        next = await present.next()
      } else if (group?.takes(event)) group.add(event)
      else {
        await storeGroup()
        group = new Group(event)
      }
      count++
    }
    if (next.done !== true) throw new NoCopy(`the target holds more than the source: ${placeOf(next.value)}`)
    await storeGroup()
  } finally {
    await present.return(undefined)
  }
  return count
}

/** Events of one stream that follow each other in the log: one append carries them. */
class Group {
  readonly #stream: StreamId
  readonly #events: Recorded[]
  #bytes: number

  constructor(first: Recorded) {
    this.#stream = first.stream
    this.#events = [first]
    this.#bytes = bytesOf(first)
  }

  takes(event: Recorded): boolean {
    const fits = this.#events.length < MAX_FOLLOW_BATCH && this.#bytes + bytesOf(event) <= MAX_APPEND_BYTES
    return fits && event.stream === this.#stream
  }

  add(event: Recorded): void {
    this.#events.push(event)
    this.#bytes += bytesOf(event)
  }

  /** A target that is away for a while is waited for: whether an append took effect before does not matter, it is the same again. */
  async store(to: EventStore, signal: AbortSignal): Promise<void> {
    for (let wait = SHORTEST_WAIT; ; wait *= 2) {
      signal.throwIfAborted()
      try {
        return await this.#append(to)
      } catch (error) {
        if (!(error instanceof Unavailable) || wait > LONGEST_WAIT) throw error
        await pause(wait, signal)
      }
    }
  }

  async #append(to: EventStore): Promise<void> {
    const [first] = this.#events
    const expected = first?.revision ? first.revision - 1n : 'none'
    const drafts = this.#events.map(({ id, type, data, meta, at }): Draft => ({ id, type, data, meta, at }))
    try {
      const { recorded } = await to.append(this.#stream, expected, drafts)
      for (const [nth, event] of this.#events.entries()) expectSame(event, recorded[nth])
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error
      throw new NoCopy(`somebody else writes to the target: ${error.message}`)
    }
  }
}

/** Milliseconds between tries to reach a target that is away: twice as many each time, about a minute in all. */
const SHORTEST_WAIT = 250
const LONGEST_WAIT = 30_000

function bytesOf({ data, meta }: Recorded): number {
  return Buffer.byteLength(JSON.stringify(data)) + Buffer.byteLength(JSON.stringify(meta))
}

function expectSame(event: Recorded, copied: Recorded | undefined): void {
  if (copied !== undefined && wordsOf(copied) === wordsOf(event)) return
  const there = copied === undefined ? 'nothing' : placeOf(copied)
  throw new NoCopy(`the target is no copy of the source: where the source has ${placeOf(event)}, it has ${there}`)
}

const placeOf = ({ stream, revision, type, id }: Recorded): string => `${type} ${id} (${stream}, revision ${revision})`

/** All of an event but its position, which is a store's own. */
function wordsOf({ stream, revision, id, type, data, meta, at }: Recorded): string {
  return JSON.stringify([stream, String(revision), id, type, data, meta, at])
}

/** What a log holds: how many events, a sha256 over them in their order, and where the ones that were asked for stand. */
export type LogDigest = Readonly<{ events: number; sha256: string; last: Position }>

/** Equal for two logs that hold the same events in the same order, wherever their stores have put them. */
export async function digestLog(
  store: EventStore,
  { signal, see = () => {} }: { signal: AbortSignal; see?: (event: Recorded, nth: number) => void },
): Promise<LogDigest> {
  const hash = createHash('sha256')
  let events = 0
  let last = START
  for await (const batch of eventsOf(store, signal)) {
    for (const event of batch) {
      hash.update(`${wordsOf(event)}\n`)
      see(event, events++)
      last = event.position
    }
  }
  return { events, sha256: hash.digest('hex'), last }
}

/** The whole log but its name. */
async function* eventsOf(store: EventStore, signal: AbortSignal): AsyncGenerator<readonly Recorded[]> {
  for await (const batch of eventsUpTo(store, await store.head(), { signal })) {
    yield batch.filter(({ stream }) => stream !== LOG_STREAM)
  }
}

async function* singly<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch
}
