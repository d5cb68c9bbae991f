import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs'
import type { Log } from '../../log.ts'
import type { Subscription } from '../port.ts'
import { watchCoordinator } from './coordinator.ts'
import { decoded } from './decoded.ts'
import { BrokenOff } from './errors.ts'
import type { Handling } from './handling.ts'
import { type Link, METADATA_MS, type OpenLink, type Patience } from './link.ts'
import { Partition } from './partition.ts'
import { within } from '../../within.ts'

/** Milliseconds between two notes to the broker of how far the group is. */
const COMMIT_MS = 1_000

/** Milliseconds between two words that a partition is held up by messages that fail. */
const TELL_MS = 60_000

/** Milliseconds that the broker holds an answer back while there is nothing: so long does one that has nothing to do take to stop. */
const FETCH_MS = 250

/** Milliseconds that saying goodbye may take; the broker finds out by itself then. */
const GOODBYE_MS = 3_000

/**
 * What survives a broker that is away for a minute and a half without leaving the group: whoever joins anew has to wait until the broker
 * has missed the old member for a whole session.
 */
const PATIENCE: Patience = {
  connect: 3_000,
  request: 10_000,
  retry: { retries: 50, initialRetryTime: 100, maxRetryTime: 2_000 },
}

type Commit = EachBatchPayload['commitOffsetsIfNecessary']

/**
 * Takes part in a consumer group until `signal` is aborted and what is under way is handled; throws when it cannot go on. What is fetched
 * goes to `handling` at once, so that heartbeats never wait for a handler, and the group's offset follows what is handled.
 */
export async function takePart(
  deps: Readonly<{ open: OpenLink; handling: Handling; sessionMs: number; log: Log }>,
  { topic, group, from }: Subscription,
  signal: AbortSignal,
): Promise<void> {
  const link = await deps.open(PATIENCE)
  const consumer = link.kafka.consumer({
    groupId: group,
    sessionTimeout: deps.sessionMs,
    heartbeatInterval: Math.min(3_000, Math.floor(deps.sessionMs / 4)),
    // Nobody keeps a rebalance waiting longer: no handler holds up a heartbeat.
    rebalanceTimeout: deps.sessionMs,
    maxWaitTimeInMs: FETCH_MS,
    minBytes: 1,
    metadataMaxAge: METADATA_MS,
    allowAutoTopicCreation: false,
    // A crash ends this membership, and who called makes another one.
    retry: { ...PATIENCE.retry, restartOnFailure: async () => false },
  })
  const membership = new Membership(consumer, topic, deps.handling)
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {})
  consumer.on(consumer.events.CRASH, ({ payload }) => broken.reject(new BrokenOff(payload.error, membership.next)))
  void membership.givenUp.then(() => broken.reject(new Error('the group has given this member up')))
  const committing = setInterval(() => void membership.commit(), COMMIT_MS)
  const watching = setInterval(() => {
    if (membership.silentMs > 2 * deps.sessionMs + 30_000) broken.reject(new Error('it gave no sign of life'))
  }, COMMIT_MS)
  const coordinator = watchCoordinator(consumer, {
    unheardMs: () => membership.unheardMs,
    sessionMs: deps.sessionMs,
    moved: () => broken.reject(new Error('the group has another coordinator')),
  })
  const telling = setInterval(() => {
    const partitions = membership.held
    if (partitions.length === 0) return
    deps.log.warn({ topic, group, partitions }, 'nothing more is fetched while so many messages fail again and again')
  }, TELL_MS)
  const aborted = Promise.withResolvers<void>()
  const abort = (): void => aborted.resolve()
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()

  const starting = start(consumer, membership, topic, from)
  starting.catch(broken.reject)
  try {
    await Promise.race([aborted.promise, broken.promise])
    membership.pause()
    await deps.handling.leave()
    await within(GOODBYE_MS, membership.commit()).catch(() => {})
  } finally {
    signal.removeEventListener('abort', abort)
    clearInterval(committing)
    clearInterval(watching)
    clearInterval(telling)
    coordinator.stop()
    membership.end()
    await goodbye(consumer, starting, link)
  }
}

async function start(
  consumer: Consumer,
  membership: Membership,
  topic: string,
  from: Subscription['from'],
): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: from === 'start' })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => membership.take(payload),
  })
}

/** One that is told to disconnect while it joins goes on joining, and is a member that nobody hears of: it is waited for, or cut off. */
async function goodbye(consumer: Consumer, starting: Promise<void>, { cut }: Link): Promise<void> {
  const leaving = starting.catch(() => {}).then(() => consumer.disconnect())
  await within(GOODBYE_MS, leaving).catch(() => {})
  cut()
}

class Membership {
  readonly #consumer: Consumer
  readonly #topic: string
  readonly #handling: Handling
  readonly #partitions = new Map<number, Partition>()
  readonly #paused = new Set<Partition>()
  #member: string | undefined
  #commit: Commit | undefined
  #committing: Promise<void> = Promise.resolve()
  #sign = performance.now()
  #heard = performance.now()
  #ended = false
  readonly #givenUp = Promise.withResolvers<void>()
  /** Those that were asked for messages. */
  readonly #brokers = new Set<number>()

  constructor(consumer: Consumer, topic: string, handling: Handling) {
    this.#consumer = consumer
    this.#topic = topic
    this.#handling = handling
    const { GROUP_JOIN, REBALANCING, HEARTBEAT, FETCH_START, FETCH } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload }) => this.#assigned(payload))
    // Said before the group is joined again: others need not begin with what we have done.
    consumer.on(REBALANCING, () => void this.commit())
    consumer.on(HEARTBEAT, () => void (this.#heard = performance.now()))
    consumer.on(FETCH_START, ({ payload }) => void this.#brokers.add(payload.nodeId))
    consumer.on(FETCH, () => void (this.#sign = performance.now()))
  }

  /** Milliseconds since it has heard of the group's coordinator. */
  get unheardMs(): number {
    return performance.now() - this.#heard
  }

  /** Milliseconds since it has heard of the broker. */
  get silentMs(): number {
    return performance.now() - this.#sign
  }

  /** Resolves when the group has given this member up, and all of it is to begin anew. */
  get givenUp(): Promise<void> {
    return this.#givenUp.promise
  }

  /** The offsets that come next, by partition, where anything has come. */
  get next(): Readonly<Record<number, number>> {
    const known = [...this.#partitions].flatMap(([id, { next }]) => (next === undefined ? [] : [[id, next] as const]))
    return Object.fromEntries(known)
  }

  /** Partitions of which nothing is fetched though something is: what they have holds messages that fail again and again. */
  get held(): readonly number[] {
    return [...this.#partitions].filter(([, one]) => this.#paused.has(one) && one.failing).map(([id]) => id)
  }

  /** Fetches nothing more. */
  pause(): void {
    this.#ended = true
    this.#tell(() => this.#consumer.pause([{ topic: this.#topic }]))
  }

  /** Forgets what was fetched and is not begun. */
  end(): void {
    this.#ended = true
    for (const partition of this.#partitions.values()) this.#handling.drop(partition)
    this.#partitions.clear()
  }

  /**
   * Tells the group how far each partition is. Nothing is tried again: where it fails the next one says more, and to whom has lost a partition
   * meanwhile the old offset must not be told once more under the new membership, which could put the group back.
   */
  commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitOnce()).catch(() => {})
    return this.#committing
  }

  async #commitOnce(): Promise<void> {
    const moved = [...this.#partitions].flatMap(([id, partition]) => {
      const { position, committed } = partition
      return position === undefined || position === committed ? [] : [{ id, partition, position }]
    })
    if (moved.length === 0) return
    const partitions = moved.map(({ id, position }) => ({ partition: id, offset: String(position) }))
    await this.#commit?.({ topics: [{ topic: this.#topic, partitions }] })
    for (const { partition, position } of moved) partition.committed = position
  }

  /**
   * The group was joined, for the first time or again. What the same member keeps goes on where it was; of all else what is not begun is
   * dropped: it comes again to whom it belongs now, from the group's offset. Where there are several brokers, whom the group has given up
   * begins anew as a whole: kafkajs may have joined while it fetches from another broker, and would hand over what comes from there as if
   * nothing lay between that and the group's offset.
   */
  #assigned({ memberId, memberAssignment }: ConsumerGroupJoinEvent['payload']): void {
    this.#sign = performance.now()
    this.#heard = performance.now()
    const same = memberId === this.#member
    if (!same && this.#member !== undefined && this.#brokers.size > 1) {
      this.end()
      this.#givenUp.resolve()
    }
    this.#member = memberId
    const now = this.#ended ? [] : (memberAssignment[this.#topic] ?? [])
    for (const [id, partition] of this.#partitions) {
      if (same && now.includes(id)) continue
      this.#partitions.delete(id)
      this.#paused.delete(partition)
      this.#handling.drop(partition)
    }
    for (const id of now) {
      const kept = this.#partitions.get(id)
      if (kept === undefined) {
        this.#partitions.set(id, new Partition())
        this.#tell(() => this.#consumer.resume([{ topic: this.#topic, partitions: [id] }]))
      } else if (kept.next !== undefined) {
        this.#consumer.seek({ topic: this.#topic, partition: id, offset: String(kept.next) })
      }
    }
  }

  take({ batch, resolveOffset, commitOffsetsIfNecessary, isStale }: EachBatchPayload): void {
    this.#commit = commitOffsetsIfNecessary
    // It was told to go on elsewhere after this was fetched: what is here comes again, or has been.
    if (isStale()) return
    const id = batch.partition
    let partition = this.#partitions.get(id)
    const [first] = batch.messages
    // Fetched for an earlier membership, or while it stops.
    if (this.#ended || partition === undefined || first === undefined) return
    if (partition.next !== undefined && Number(first.offset) < partition.next) {
      // The log was made anew, or has lost its end: what we know of its offsets is of another log.
      const { position } = partition
      this.#handling.drop(partition)
      this.#paused.delete(partition)
      partition = new Partition()
      this.#partitions.set(id, partition)
      if (position !== undefined && position < Number(first.offset)) {
        // What was dropped may lie before this, and is in no batch to come.
        this.#consumer.seek({ topic: this.#topic, partition: id, offset: String(position) })
        return
      }
    }
    for (const message of batch.messages) this.#add(partition, id, message)
    partition.fetchedUpTo(Number(batch.lastOffset()))
    resolveOffset(batch.lastOffset())
    if (!partition.full) return
    this.#paused.add(partition)
    this.#consumer.pause([{ topic: this.#topic, partitions: [id] }])
  }

  #add(partition: Partition, id: number, message: EachBatchPayload['batch']['messages'][number]): void {
    const offset = Number(message.offset)
    const { message: readable, lane: key, unreadable } = decoded(message)
    // What has no key has no order.
    const lane = key === undefined ? `${id}:${offset}` : `${id}/${key}`
    partition.add(offset, (message.key?.length ?? 0) + (message.value?.length ?? 0), lane)
    const goOn = (): void => {
      if (!partition.roomy || !this.#paused.delete(partition) || this.#ended) return
      this.#tell(() => this.#consumer.resume([{ topic: this.#topic, partitions: [id] }]))
    }
    this.#handling.add({
      lane,
      message: readable,
      ...(unreadable && { unreadable: unreadable.reason }),
      source: partition,
      done: () => {
        partition.handled(offset)
        goOn()
      },
      failed: () => {
        partition.failed(lane)
        goOn()
      },
    })
  }

  /** kafkajs throws when it is told something while it is not running; then it has forgotten it all. */
  #tell(say: () => void): void {
    try {
      say()
    } catch {
      // It is told again when it has joined.
    }
  }
}
