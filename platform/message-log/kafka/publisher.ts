import type { Message as KafkaMessage, Partitioners, Producer } from 'kafkajs'
import { gather } from '../../gather.ts'
import { pause } from '../../pause.ts'
import { Unavailable } from '../../unavailable.ts'
import type { Message } from '../port.ts'
import { isProducerOver, isRefusal, isTooLarge, isTopicGone, TooLarge } from './errors.ts'
import { type Link, METADATA_MS, type OpenLink, type Patience } from './link.ts'
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
/** What became of a piece that the broker has answered: another's refusal is not its own. */
type Outcome = Readonly<{ refused?: unknown }>

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
  const stop = new Promise<never>((_, reject) => {
    stopped.signal.addEventListener('abort', () => reject(stopped.signal.reason as Error), { once: true })
  })
  stop.catch(() => {})
  let current: Promise<Link & { producer: Producer }> | undefined

  async function connect(): Promise<Link & { producer: Producer }> {
    const link = await open(PATIENCE)
    const producer = link.kafka.producer({
      createPartitioner: partitioner,
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
      metadataMaxAge: METADATA_MS,
      retry: PATIENCE.retry,
    })
    try {
      await producer.connect()
      return { ...link, producer }
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

  async function sendOnce(pieces: readonly Piece[], ms: number): Promise<void> {
    const attempt = async (): Promise<void> => {
      await Promise.all([...new Set(pieces.map(({ topic }) => topic))].map((topic) => topics.ensure(topic)))
      const full = pieces.filter(({ messages }) => messages.length > 0)
      if (full.length === 0) return
      const { producer } = await (current ??= connect())
      await producer.sendBatch({
        acks: -1,
        topicMessages: full.map(({ topic, messages }) => ({ topic, messages: messages.map(encoded) })),
      })
    }
    // A broker that is away must not hold up a process that goes down.
    await within(ms, Promise.race([attempt(), stop]))
  }

  /** Sends them until they are answered, or the time of the first is over. Throws what the broker refuses, or `Unavailable`. */
  async function send(pieces: readonly Piece[]): Promise<void> {
    const deadline = Math.min(...pieces.map((piece) => piece.deadline))
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
        return await sendOnce(pieces, left)
      } catch (error) {
        // That the time is over says less than what came before.
        if (!(error instanceof Late)) why = error
        if (isProducerOver(error)) giveUp()
        else if (isTopicGone(error)) for (const { topic } of pieces) topics.forget(topic)
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
