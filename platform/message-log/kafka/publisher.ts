import type { Message as KafkaMessage, Partitioners, Producer, TopicMessages } from 'kafkajs'
import { gather } from '../../gather.ts'
import { pause } from '../../pause.ts'
import { Unavailable } from '../../unavailable.ts'
import type { Message } from '../port.ts'
import { isProducerOver, isRefusal, isTooLarge, isTopicGone, TooLarge } from './errors.ts'
import { type Link, METADATA_MS, type OpenLink, type Patience } from './link.ts'
import { createPlaces, Moved, type Places } from './places.ts'
import type { Topics } from './topics.ts'
import { Late, within } from '../../within.ts'

/** Bytes of one request: below the 1 MiB that topics take by default, even when all of it is for one partition. */
const MOST_BYTES = 900_000
/** Messages that travel in one piece. */
const MOST_MESSAGES = 1_000
/** What a message takes beside its key, value and headers, at most. */
const OVERHEAD_BYTES = 70

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 1_000

/** kafkajs tries a few times by itself, where leaders move; how long it goes on is our affair. */
const PATIENCE: Patience = {
  connect: 3_000,
  request: 10_000,
  retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
}

/** Messages of one topic that are sent together. */
type Piece = Readonly<{ topic: string; messages: readonly Message[]; bytes: number; deadline: number }>
/** What has not been answered for, of all that goes together: `topics` are there even where nothing is sent to them. */
type Sending = { readonly topics: readonly string[]; left: readonly TopicMessages[] }
/** What became of a piece that the broker has answered: another's refusal is not its own. */
type Outcome = Readonly<{ refused?: unknown }>

type Connected = Link & Readonly<{ producer: Producer; places: Places }>

export type Publisher = Readonly<{
  publish(topic: string, messages: readonly Message[]): Promise<void>
  stop(): Promise<void>
}>

/**
 * Sends one request at a time, and the same one again until it is answered: the broker knows a repeated one by its numbers, which kafkajs
 * takes back after a failure. Were another sent under them, it would be taken for a repetition, and lost. So a producer whose request
 * is given up is given up itself.
 */
export function createPublisher(deps: {
  open: OpenLink
  topics: Topics
  server: string
  partitioner: (typeof Partitioners)['DefaultPartitioner']
  /** Milliseconds that a publication may take in all, tries and waiting included. */
  patienceMs: number
}): Publisher {
  const { open, topics, server, partitioner, patienceMs } = deps
  const stopped = new AbortController()
  let current: Promise<Connected> | undefined

  async function connect(): Promise<Connected> {
    const link = await open(PATIENCE)
    const places = createPlaces(partitioner)
    const producer = link.kafka.producer({
      createPartitioner: places.partitioner,
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
      metadataMaxAge: METADATA_MS,
      retry: PATIENCE.retry,
    })
    try {
      await producer.connect()
      return { ...link, producer, places }
    } catch (error) {
      link.cut()
      throw error
    }
  }

  function giveUp(): void {
    const given = current
    current = undefined
    given?.then(
      ({ cut }) => cut(),
      () => {},
    )
  }

  /** Sends what is left, and leaves what was not answered for. */
  async function sendOnce(sending: Sending, ms: number): Promise<void> {
    const over = new AbortController()
    const attempt = async (): Promise<void> => {
      await Promise.all(sending.topics.map((topic) => topics.ensure(topic)))
      // What was given up while its topic was made, or its client, must not go out beside what came after it.
      while (sending.left.length > 0 && !over.signal.aborted) {
        const { producer, places } = await (current ??= connect())
        if (over.signal.aborted) return
        const answers = await producer.sendBatch({ acks: -1, topicMessages: [...sending.left] })
        sending.left = places.unanswered(sending.left, answers)
      }
    }
    // A broker that is away must not hold up a process that goes down. One promise for all sendings would remember each of them.
    const stop = Promise.withResolvers<never>()
    const leave = (): void => stop.reject(stopped.signal.reason)
    stopped.signal.addEventListener('abort', leave, { once: true })
    if (stopped.signal.aborted) leave()
    try {
      await within(ms, Promise.race([attempt(), stop.promise]))
    } finally {
      stopped.signal.removeEventListener('abort', leave)
      over.abort()
    }
  }

  /** Sends them until they are answered, or the time of the first is over. Throws what the broker refuses, or `Unavailable`. */
  async function send(pieces: readonly Piece[]): Promise<void> {
    const deadline = Math.min(...pieces.map((piece) => piece.deadline))
    const sending: Sending = {
      topics: [...new Set(pieces.map(({ topic }) => topic))],
      left: pieces.map(({ topic, messages }) => ({ topic, messages: messages.map(encoded) })).filter(isFull),
    }
    let pauseMs = FIRST_PAUSE_MS
    let why: unknown = new Late(patienceMs)
    for (;;) {
      const left = deadline - performance.now()
      if (left <= 0 || stopped.signal.aborted) {
        giveUp()
        stopped.signal.throwIfAborted()
        throw new Unavailable(server, why)
      }
      try {
        return await sendOnce(sending, left)
      } catch (error) {
        // That the time is over says less than what came before.
        if (!(error instanceof Late)) why = error
        if (isProducerOver(error) || error instanceof Moved) giveUp()
        else if (isTopicGone(error)) for (const topic of sending.topics) topics.forget(topic)
        else if (isRefusal(error)) {
          // Other partitions may have taken their part of it, under numbers that kafkajs has taken back.
          giveUp()
          throw error
        }
        // A client that could not even connect has been cut.
        current?.catch(giveUp)
        await pause(Math.min(pauseMs, Math.max(0, deadline - performance.now())), stopped.signal)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  /** As `send`; what is refused as a whole is sent one by one, so that each gets its own answer. */
  async function sendAll(pieces: readonly Piece[]): Promise<readonly Outcome[]> {
    try {
      await send(pieces)
      return pieces.map(() => ({}))
    } catch (error) {
      if (!isRefusal(error)) throw error
      const [first] = pieces
      if (first === undefined) return []
      if (pieces.length === 1) return [await sendApart(first, error)]
      const outcomes: Outcome[] = []
      for (const piece of pieces) outcomes.push(...(await sendAll([piece])))
      return outcomes
    }
  }

  /** A piece that is too large may have none that is: a topic can be set to take less than others. */
  async function sendApart(piece: Piece, error: unknown): Promise<Outcome> {
    const { topic, messages, bytes } = piece
    if (!isTooLarge(error)) return { refused: error }
    const half = Math.ceil(messages.length / 2)
    if (messages.length === 1) {
      return { refused: new TooLarge(topic, bytes) }
    }
    for (const part of [messages.slice(0, half), messages.slice(half)]) {
      const [outcome = {}] = await sendAll([{ ...piece, messages: part, bytes: bytesOf(part) }])
      if (outcome.refused !== undefined) return outcome
    }
    return {}
  }

  const sent = gather(sendAll, { most: MOST_MESSAGES, weight: ({ bytes }) => bytes, mostWeight: MOST_BYTES })

  return {
    async publish(topic, messages) {
      const deadline = performance.now() + patienceMs
      // One after the other: what is sent again after a failure must not come behind what followed it.
      for (const piece of piecesOf(messages)) {
        stopped.signal.throwIfAborted()
        const { refused } = await sent({ topic, messages: piece, bytes: bytesOf(piece), deadline })
        if (refused !== undefined) throw refused
      }
    },
    async stop() {
      stopped.abort(new Error('the message log is stopped'))
      if (current)
        await within(
          2_000,
          current.then(({ producer }) => producer.disconnect()),
        ).catch(() => {})
      giveUp()
    },
  }
}

const isFull = ({ messages }: TopicMessages): boolean => messages.length > 0

/** Their messages in order, in pieces that can be sent. */
function* piecesOf(messages: readonly Message[]): Generator<readonly Message[]> {
  let [piece, bytes]: [Message[], number] = [[], 0]
  for (const message of messages) {
    const size = sizeOf(message)
    if (piece.length > 0 && (piece.length >= MOST_MESSAGES || bytes + size > MOST_BYTES)) {
      yield piece
      ;[piece, bytes] = [[], 0]
    }
    piece.push(message)
    bytes += size
  }
  // Nothing to send is a piece as well: its topic is made.
  if (piece.length > 0 || messages.length === 0) yield piece
}

function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + sizeOf(message), 0)
}

function sizeOf({ key, value, raw, headers = {} }: Message): number {
  return Object.entries(headers).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + 10,
    Buffer.byteLength(key) + (raw?.length ?? Buffer.byteLength(value)) + OVERHEAD_BYTES,
  )
}

function encoded({ key, value, raw, headers }: Message): KafkaMessage {
  return { key, value: raw ?? value, ...(headers && { headers: { ...headers } }) }
}
