import {
  BACKWARDS,
  CancelledError,
  END,
  EventStoreDBClient,
  excludeSystemEvents,
  InvalidArgumentError,
  jsonEvent,
  type JSONEventData,
  MaxAppendSizeExceededError,
  NO_STREAM,
  NotLeaderError,
  type ReadPosition,
  type RecordedEvent,
  START as LOG_START,
  StreamDeletedError,
  StreamNotFoundError,
  UnavailableError,
  UnknownError,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { type Expected, type Position, type Recorded, type StreamId } from '../../contracts/core.ts'
import type { Log } from '../log.ts'
import { pause } from '../pause.ts'
import { Unavailable } from '../unavailable.ts'
import { within } from '../within.ts'
import { type Encoded, encode, later } from './encode.ts'
import { esdbAddress } from './esdb/address.ts'
import { batches } from './esdb/batches.ts'
import { collect } from './esdb/reading.ts'
import { type Beside, commitPosition, positionText, recorded } from './esdb/record.ts'
import { StreamTimes } from './esdb/stream-times.ts'
import { type Draft, type EventStore, MAX_FOLLOW_BATCH, WrongExpectedRevision } from './port.ts'

/** How long a call may be silent. */
const DEADLINE = 10_000
/** How long is looked for what an append without answer may have left, and for what a refused one met. */
const DOUBT = 2_000
/** Pauses between two looks for it. */
const [FIRST_LOOK, LONGEST_LOOK] = [2, 50]
/** Pauses before a call is made again that found no connection, or no leader: the client looks for the node anew meanwhile. */
const AGAIN = [20, 100, 400]
/** Pauses before a subscription is opened again that was dropped and had handed out nothing; one that had is opened at once. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [100, 5_000]
/**
 * How long a reader may hold a batch until its subscription is given up. Kestrel, which carries EventStoreDB, cuts a connection, with all calls
 * on it, when a client takes nothing of a response for five seconds (`MinResponseDataRate`).
 */
const LONGEST_HOLD = 2_000
/** How long a batch may grow while there is more in the log: a server sends events one by one. */
const CATCH_UP_PATIENCE = 5
const TOLD_AGAIN = 60_000
/** Streams that one `loadMany` reads at the same time. */
const READS_AT_ONCE = 16
/** Events of one page on the way back to the log's last event of ours: most often the very last is, or nothing is new. */
const HEAD_PAGES = [1, 16, 256]
const LONGEST_HEAD_PAGE = 1_024
/** Events that the server may pass over on the way, and batches of these, between two words about where it is; nobody needs them. */
const SEARCH_WINDOW = 500
const CHECKPOINT_WINDOWS = 1_000

type Options = Readonly<{ url: string; log: Log; deadline?: number }>

/**
 * Events in EventStoreDB 22.6 or later, over its frozen client (docs/adr/0002). Positions are commit positions, so that they have gaps.
 * Events that this platform did not write (the server's own, or of others who share it) are passed over in the log; in a stream of ours
 * they are an error.
 *
 * A call without answer fails as `Unavailable` after `deadline` (milliseconds), one without connection much sooner; the next finds the
 * server by itself when it is back.
 */
export function createEsdbEventStore({
  url,
  log,
  deadline = DEADLINE,
}: Options): EventStore & { stop(): Promise<void> } {
  const { connection, credentials, server } = esdbAddress(url)
  const client = connect(connection)
  const times = new StreamTimes()
  const pending = new Set<Promise<unknown>>()
  /** First nothing new is begun, then nothing goes on. */
  const [stopping, stopped] = [new AbortController(), new AbortController()]
  const login = credentials === undefined ? {} : { credentials }
  /** A node that follows may not know yet what was appended. */
  const asLeader = { ...login, requiresLeader: true }
  /** The newest event of ours that was met anywhere, and up to where there is none that is newer. */
  let [newest, looked] = [0n, 0n]
  let toldOfForeign = false

  function met(event: Recorded): Recorded {
    times.saw(event)
    const position = BigInt(event.position)
    if (position > newest) newest = position
    return event
  }

  /** The event, if it is ours. Whoever shares the server is told of once. */
  function ours(event: RecordedEvent | undefined): Recorded | undefined {
    if (event === undefined || event.type.startsWith('$')) return undefined
    const own = recorded(event)
    if (own !== undefined) return met(own)
    if (!toldOfForeign)
      log.warn({ stream: event.streamId }, 'the event store holds events of others, which are passed over')
    toldOfForeign = true
    return undefined
  }

  /**
   * Calls again where that may help, as long as `budget` (milliseconds) lasts. Appends may be repeated too: they are conditional and carry
   * their ids, so that they have one effect.
   */
  async function reached<T>(call: (left: number) => Promise<T>, budget = deadline): Promise<T> {
    const end = performance.now() + budget
    for (const wait of [...AGAIN, undefined]) {
      try {
        return await call(Math.max(1, Math.ceil(end - performance.now())))
      } catch (error) {
        if (isAnswer(error)) throw error
        const last = wait === undefined || performance.now() + wait >= end || stopped.signal.aborted
        if (last || !isPassing(error)) throw new Unavailable(server, error)
        await pause(wait, stopped.signal)
      }
    }
    throw new Unavailable(server, 'given up')
  }

  async function read(stream: StreamId, from: bigint, most: number, budget = deadline): Promise<readonly Recorded[]> {
    if (most < 1) return []
    try {
      const options = { ...asLeader, fromRevision: from, maxCount: most }
      const events = await reached((left) => collect(client.readStream(stream, options), left, stopped.signal), budget)
      return events.map(({ event }) => {
        const own = ours(event)
        if (own === undefined)
          throw new Error(`${stream} holds an event (${event?.revision}) that is not of this platform`)
        return own
      })
    } catch (error) {
      if (error instanceof StreamNotFoundError) return []
      throw error
    }
  }

  async function load(stream: StreamId, { from = 0n, upTo }: { from?: bigint; upTo?: bigint } = {}) {
    const most = upTo === undefined ? Infinity : Number(upTo - from) + 1
    return read(stream, from, Math.min(most, Number.MAX_SAFE_INTEGER))
  }

  /** The time that the next event of a stream may not precede; undefined when there is no event at `revision`. */
  async function lastTime(stream: StreamId, revision: bigint): Promise<string | undefined> {
    return times.at(stream, revision) ?? (await readable(stream, revision))?.at
  }

  async function append(stream: StreamId, expected: Expected, drafts: readonly Draft[]) {
    const { events } = encode(stream, drafts)
    if (expected !== 'none' && expected < 0n) throw new WrongExpectedRevision(stream, expected)
    const last = expected === 'none' ? '' : await lastTime(stream, expected)
    if (last === undefined) throw new WrongExpectedRevision(stream, expected)
    const failure = await send(stream, expected, proposals(drafts, events, last))
    // An answer names the last position alone, and does not tell a repeat from what it repeats; without an answer all is unknown.
    const first = nextTo(expected)
    const budget = failure instanceof Unavailable ? Math.min(deadline, DOUBT) : deadline
    const stands = await read(stream, first, events.length, budget).catch((error: unknown) => {
      throw failure instanceof Unavailable ? failure : error
    })
    const end = stands.at(-1)
    if (end === undefined || events.some(({ id }, index) => stands[index]?.id !== id)) {
      throw failure ?? new Error(`EventStoreDB accepted an append to ${stream} that does not stand at ${first}`)
    }
    return { position: end.position, revision: end.revision, recorded: stands }
  }

  /** Answers what went wrong: a `WrongExpectedRevision`, or `Unavailable`, which leaves the outcome unknown. */
  async function send(stream: StreamId, expected: Expected, events: JSONEventData[]): Promise<Error | undefined> {
    const options = { ...asLeader, expectedRevision: expected === 'none' ? NO_STREAM : expected } as const
    try {
      const { success } = await reached((left) =>
        within(left, client.appendToStream(stream, events, { ...options, deadline: left })),
      )
      return success ? undefined : new WrongExpectedRevision(stream, expected)
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) {
        const [next, actual] = [nextTo(expected), error.actualVersion]
        // Who knows less than the writer may have denied what it holds itself.
        await readable(stream, typeof actual === 'bigint' && actual > next ? actual : next)
        return new WrongExpectedRevision(stream, expected)
      }
      if (error instanceof Unavailable) return error
      throw error
    }
  }

  /**
   * The event at `revision`; waits, not for ever, until it can be read. A server refuses by what it has accepted, and shows it a little
   * later, when it is on disk, with most nodes and in the index: whoever was refused and read again would find nothing new, and be refused
   * again. A node that has only just begun to lead shows late even what the one before it has acknowledged.
   */
  async function readable(stream: StreamId, revision: bigint): Promise<Recorded | undefined> {
    const end = performance.now() + Math.min(deadline, DOUBT)
    for (let look = FIRST_LOOK; ; look = Math.min(2 * look, LONGEST_LOOK)) {
      const [event] = await read(stream, revision, 1)
      if (event !== undefined || performance.now() >= end || stopped.signal.aborted) return event
      await pause(look, stopped.signal)
    }
  }

  async function head(): Promise<Position> {
    const bottom = newest > looked ? newest : looked
    let before: ReadPosition = END
    let top: bigint | undefined
    for (let page = 0, found = false; !found; page++) {
      const maxCount = HEAD_PAGES[page] ?? LONGEST_HEAD_PAGE
      const options = { ...asLeader, direction: BACKWARDS, fromPosition: before, maxCount } as const
      const events = await reached((left) => collect(client.readAll(options), left, stopped.signal))
      for (const { event } of events) {
        if (event === undefined) continue
        const position = commitPosition(event)
        top ??= position
        before = { commit: position, prepare: position }
        found = position <= bottom || ours(event) !== undefined
        if (found) break
      }
      found ||= events.length < maxCount
    }
    if (top !== undefined && top > looked) looked = top
    return positionText(newest)
  }

  async function* follow(after: Position, given: AbortSignal): AsyncGenerator<readonly Recorded[]> {
    const signal = AbortSignal.any([given, stopping.signal])
    let position = BigInt(after)
    let wait = 0
    const tell = seldom((reason: string) => {
      log.warn({ reason, position: positionText(position) }, 'a follower of events subscribes anew')
    })
    while (!signal.aborted) {
      let reason = `${server} ended the subscription`
      const held = new AbortController()
      try {
        for await (const events of subscribe(position, AbortSignal.any([signal, held.signal]))) {
          // What the server hands out again to a new subscription was seen already.
          const fresh = events.filter((event) => BigInt(event.position) > position)
          const last = fresh.at(-1)
          if (last === undefined) continue
          position = BigInt(last.position)
          wait = 0
          const holding = setTimeout(() => held.abort(), LONGEST_HOLD)
          try {
            yield fresh
          } finally {
            clearTimeout(holding)
          }
        }
      } catch (error) {
        reason = new Unavailable(server, error).message
      }
      if (signal.aborted) return
      if (held.signal.aborted) continue
      tell(reason)
      await pause(wait, signal)
      wait = Math.min(Math.max(wait * 2, FIRST_PAUSE), LONGEST_PAUSE)
    }
  }

  /** One subscription, from its start until it is dropped. Checkpoints are of no use: they run ahead of the events that are handed out. */
  async function* subscribe(after: bigint, signal: AbortSignal): AsyncGenerator<readonly Recorded[]> {
    const subscription = client.subscribeToAll(
      {
        ...login,
        fromPosition: after === 0n ? LOG_START : { commit: after, prepare: after },
        filter: excludeSystemEvents({ maxSearchWindow: SEARCH_WINDOW, checkpointInterval: CHECKPOINT_WINDOWS }),
      },
      // Held twice while the reader is busy. The server holds but 64, and drops whoever lags by more at the log's end.
      { highWaterMark: MAX_FOLLOW_BATCH },
    )
    subscription.on('error', () => {})
    let live = false
    subscription.on('caughtUp', () => {
      live = true
    })
    subscription.on('fellBehind', () => {
      live = false
    })
    const end = (): void => {
      subscription.destroy()
      // What is left of it would wait in the connection for ever.
      subscription.unsubscribe().catch(() => {})
    }
    signal.addEventListener('abort', end)
    try {
      if (signal.aborted) return
      for await (const batch of batches(subscription, MAX_FOLLOW_BATCH, () => (live ? 0 : CATCH_UP_PATIENCE))) {
        const events = batch.flatMap(({ event }) => ours(event) ?? [])
        if (events.length > 0) yield events
      }
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }

  return {
    load,

    async loadMany(refs) {
      const answers: (readonly Recorded[])[] = refs.map(() => [])
      const waiting = refs.entries()
      const reader = async (): Promise<void> => {
        for (const [index, ref] of waiting) answers[index] = await load(ref.stream, ref)
      }
      await Promise.all(Array.from({ length: READS_AT_ONCE }, reader))
      return answers
    },

    append(stream, expected, drafts) {
      if (stopping.signal.aborted) return Promise.reject(stopping.signal.reason as Error)
      const appended = append(stream, expected, drafts)
      const settled = appended.then(
        () => {},
        () => {},
      )
      pending.add(settled)
      void settled.then(() => pending.delete(settled))
      return appended
    },

    head,
    follow,

    async stop() {
      stopping.abort(new Error('the event store is stopped'))
      await Promise.all(pending)
      stopped.abort(stopping.signal.reason)
      await client.dispose()
    },
  }
}

function connect(connection: string): EventStoreDBClient {
  const client = parsed(connection)
  // Asked whether the server takes appends in one lasting call, the client is told that it does not. That way of its is beyond use: an
  // error of any connection fails all appends under way in the process, and an answer that comes after it ends the process. So each
  // append is a call of its own, with its own deadline.
  return Object.assign(client, { supports: () => Promise.resolve(false) })
}

function parsed(connection: string): EventStoreDBClient {
  try {
    return EventStoreDBClient.connectionString(connection)
  } catch {
    // The error may repeat the string, and what was not recognised in it may be a password.
    throw new TypeError('EVENTSTOREDB_URL is not a connection string of EventStoreDB')
  }
}

function proposals(drafts: readonly Draft[], events: readonly Encoded[], last: string): JSONEventData[] {
  // The client writes data and metadata by JSON.stringify, as `encode` does.
  return drafts.map(({ id, type, data, meta }, index) => {
    const metadata: Beside = { at: later(last, events[index]?.at ?? ''), meta }
    return jsonEvent({ id, type, data: data as Record<string, unknown>, metadata })
  })
}

/** The revision of the first event of an append. */
function nextTo(expected: Expected): bigint {
  return expected === 'none' ? 0n : expected + 1n
}

/** Says the same thing once a minute: a server drops readers that lag, and one that is away is looked for every few seconds. */
function seldom(say: (text: string) => void): (text: string) => void {
  let last = { text: '', at: 0 }
  return (text) => {
    const now = performance.now()
    if (text === last.text && now - last.at < TOLD_AGAIN) return
    last = { text, at: now }
    say(text)
  }
}

/** What the server has decided; everything else that the client throws is about the way to it. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof WrongExpectedVersionError ||
    error instanceof StreamNotFoundError ||
    error instanceof StreamDeletedError ||
    error instanceof InvalidArgumentError ||
    error instanceof MaxAppendSizeExceededError
  )
}

/** No connection, a lost one, or a node that does not lead any more: the client looks for the node anew before the next call. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof UnavailableError ||
    error instanceof CancelledError ||
    error instanceof NotLeaderError ||
    error instanceof UnknownError
  )
}
