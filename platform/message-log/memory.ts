import type { Log } from '../log.ts'
import { KeyedQueues, MOST_KEYS } from './keyed-queues.ts'
import { toldKey } from './told-key.ts'
import { withReason } from './parking.ts'
import type { Handled, Message, MessageLog, Subscription } from './port.ts'

/** Unhandled messages of a topic beyond which `publish` waits; so many of the newest are kept for groups that begin at the start. */
const MOST_MESSAGES = 10_000

type Handler = (message: Message) => Promise<Handled>
type Consumer = { readonly handler: Handler; busy: number; leaving: boolean; readonly left: () => void }

/**
 * A message log of one process, which forgets on exit: what was asked for is asked for again at start. `stop` refuses who waits to
 * publish and all who come later.
 */
export function createMemoryMessageLog({ log }: { log: Log }): MessageLog & { stop(): void } {
  const topics = new Map<string, Topic>()
  const stopped = new AbortController()

  function topicOf(name: string): Topic {
    let topic = topics.get(name)
    if (topic === undefined) {
      topic = new Topic({
        park: (message) => topicOf(`${name}.dead`).add(message),
        failed: (message, error) =>
          log.warn(
            { topic: name, key: toldKey(message), reason: String(error) },
            'a message could not be handled, and is tried again',
          ),
      })
      topics.set(name, topic)
    }
    return topic
  }

  return {
    durable: false,

    async publish(topicName, messages) {
      const topic = topicOf(topicName)
      for (const message of messages) {
        while (topic.full && !stopped.signal.aborted) await topic.room()
        stopped.signal.throwIfAborted()
        topic.add(message)
      }
    },

    async consume({ topic, group, from }: Subscription, handler, signal) {
      if (signal.aborted) return
      await topicOf(topic).group(group, from).consume(handler, signal)
    },

    async reach() {
      stopped.signal.throwIfAborted()
    },

    stop() {
      stopped.abort(new Error('the message log is stopped'))
      for (const topic of topics.values()) topic.handled()
    },
  }
}

/** What a group does with what it cannot handle, and whom it tells that it has handled something. */
type Outlets = Readonly<{
  park(message: Message): void
  failed(message: Message, error: unknown): void
  handled(): void
}>

class Topic {
  readonly #outlets: Outlets
  readonly #groups = new Map<string, Group>()
  #newest: Message[] = []
  #waiting: (() => void)[] = []

  constructor(outlets: Omit<Outlets, 'handled'>) {
    this.#outlets = { ...outlets, handled: () => this.handled() }
  }

  /** Who has not consumed yet has handled nothing. */
  get full(): boolean {
    if (this.#groups.size === 0) return this.#newest.length >= MOST_MESSAGES
    return [...this.#groups.values()].some((group) => group.unhandled >= MOST_MESSAGES)
  }

  room(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** What is parked comes in even when the topic is full: nobody may ever look at it, and its handler must go on. */
  add(message: Message): void {
    this.#newest.push(message)
    // Now and then, not at each: shifting a long array costs.
    if (this.#newest.length >= 2 * MOST_MESSAGES) this.#newest = this.#newest.slice(-MOST_MESSAGES)
    for (const group of this.#groups.values()) group.add(message)
  }

  handled(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  group(name: string, from: Subscription['from']): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new Group(this.#outlets)
      this.#groups.set(name, group)
      if (from === 'start') for (const message of this.#newest.slice(-MOST_MESSAGES)) group.add(message)
      this.handled()
    }
    return group
  }
}

/** The consumers that share a topic's messages. */
class Group {
  readonly #outlets: Outlets
  readonly #queues = new KeyedQueues<Message>(() => this.#assign())
  readonly #consumers = new Set<Consumer>()
  #assigning = false
  unhandled = 0

  constructor(outlets: Outlets) {
    this.#outlets = outlets
  }

  add(message: Message): void {
    this.unhandled++
    this.#queues.add(message.key, message)
  }

  /** Takes part until `signal` is aborted; resolves when the handlers under way are done. */
  consume(handler: Handler, signal: AbortSignal): Promise<void> {
    return new Promise((left) => {
      const consumer: Consumer = { handler, busy: 0, leaving: false, left }
      this.#consumers.add(consumer)
      const leave = () => {
        consumer.leaving = true
        this.#consumers.delete(consumer)
        if (consumer.busy === 0) left()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#assign()
    })
  }

  #assign(): void {
    if (this.#assigning) return
    this.#assigning = true
    // Not within the call: a handler that publishes would be called within itself.
    queueMicrotask(() => {
      this.#assigning = false
      this.#assignReady()
    })
  }

  /** Gives ready keys to the consumers that do least. */
  #assignReady(): void {
    for (let consumer = this.#idlest(); consumer !== undefined; consumer = this.#idlest()) {
      const message = this.#queues.begin()?.item
      if (message === undefined) return
      void this.#handle(message, consumer)
    }
  }

  #idlest(): Consumer | undefined {
    let idlest: Consumer | undefined
    for (const consumer of this.#consumers) {
      if (consumer.busy < MOST_KEYS && (idlest === undefined || consumer.busy < idlest.busy)) idlest = consumer
    }
    return idlest
  }

  async #handle(message: Message, consumer: Consumer): Promise<void> {
    consumer.busy++
    try {
      const outcome = await consumer.handler(message)
      if (outcome !== 'done') this.#outlets.park(withReason(outcome.instead ?? message, outcome.park))
      this.#queues.done(message.key)
      this.unhandled--
      this.#outlets.handled()
    } catch (error) {
      this.#outlets.failed(message, error)
      this.#queues.failed(message.key)
    }
    consumer.busy--
    if (consumer.leaving && consumer.busy === 0) consumer.left()
    this.#assign()
  }
}
