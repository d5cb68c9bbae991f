import { Kafka, logLevel, Partitioners } from 'kafkajs'
import type { KafkaConfig } from '../config.ts'
import type { Log } from '../log.ts'
import { pause } from '../pause.ts'
import { Unavailable } from '../unavailable.ts'
import { kafkaServer } from './kafka/address.ts'
import { clientLog } from './kafka/client-log.ts'
import { unpackEverything } from './kafka/codecs.ts'
import { createDeadLetters } from './kafka/dead-letters.ts'
import { BrokenOff, isTopicGone } from './kafka/errors.ts'
import { Handling } from './kafka/handling.ts'
import { keptAdmin } from './kafka/kept-admin.ts'
import { type OpenLink, type Patience, securityOf } from './kafka/link.ts'
import { takePart } from './kafka/membership.ts'
import { stopIdlePolling } from './kafka/polling.ts'
import { createPublisher } from './kafka/publisher.ts'
import { createSockets, namedBrokers } from './kafka/sockets.ts'
import { createTopics } from './kafka/topics.ts'
import { within } from '../within.ts'
import type { Handled, Message, MessageLog, Subscription } from './port.ts'

/** Milliseconds until a consumer that broke off begins anew, from failure to failure; and how long one must have lasted to begin with the first. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
const LASTED_MS = 60_000

/** Milliseconds that a publication may take in all, tries and waiting included. */
const PUBLISH_MS = 25_000

const REACH_MS = 2_000
/** Whoever asks, asks again. */
const ASKING_ONCE: Patience = { connect: 1_500, request: 1_500, retry: { retries: 0 } }
const MAKING_TOPICS: Patience = { connect: 3_000, request: 10_000, retry: { retries: 2, initialRetryTime: 100 } }

/** Milliseconds that consumers have to end at `stop`. */
const STOP_MS = 5_000

/**
 * A message log on Kafka. It connects at first use, makes the topics that it meets, and goes on trying where the brokers are away:
 * `publish` for half a minute, `consume` until it is aborted. `stop` ends both.
 */
export function createKafkaMessageLog(
  config: KafkaConfig,
  { log, clientId = 'testledger', publishMs = PUBLISH_MS }: { log: Log; clientId?: string; publishMs?: number },
): MessageLog & { stop(): Promise<void> } {
  stopIdlePolling()
  unpackEverything()
  const server = kafkaServer(config)
  const logCreator = clientLog(log)

  const open: OpenLink = async ({ connect, request, retry }, others = 0) => {
    const { names: brokers, hostOf } = namedBrokers(config.brokers)
    const sockets = createSockets(hostOf)
    const from = others % Math.max(1, brokers.length)
    const kafka = new Kafka({
      ...(await securityOf(config)),
      clientId,
      brokers: [...brokers.slice(from), ...brokers.slice(0, from)],
      connectionTimeout: connect,
      requestTimeout: request,
      retry,
      socketFactory: sockets.open,
      logLevel: logLevel.WARN,
      logCreator,
    })
    return { kafka, cut: sockets.cut }
  }

  const maker = keptAdmin(open, MAKING_TOPICS)
  const asker = keptAdmin(open, ASKING_ONCE)
  const topics = createTopics(maker, config)
  const publisher = createPublisher({
    open,
    topics,
    server,
    partitioner: Partitioners.DefaultPartitioner,
    patienceMs: publishMs,
  })
  const named = (name: string): string => `${config.prefix}${name}`
  const stopped = new AbortController()
  const consuming = new Set<Promise<void>>()
  let asking: Promise<unknown> | undefined

  /** Of several brokers some may be away, and kafkajs may know of no other. Whoever lets us in is there. */
  async function askAny(): Promise<unknown> {
    try {
      return await asker.use((admin) => admin.describeCluster())
    } catch {
      for (let left = config.brokers.length; ; left--) {
        try {
          return await asker.use(async () => {})
        } catch (error) {
          if (left <= 1) throw error
        }
      }
    }
  }

  /**
   * Takes part again and again: a consumer of kafkajs that has crashed is over, and a process that ended with it would end all that it does
   * besides (ADR 20).
   */
  async function consume(
    subscription: Subscription,
    handler: (message: Message) => Promise<Handled>,
    signal: AbortSignal,
  ): Promise<void> {
    const { topic, group } = subscription
    const dead = `${topic}.dead`
    const park = createDeadLetters(publisher, dead)
    const handling = new Handling({ topic, handler, park, log })
    let pauseMs = FIRST_PAUSE_MS
    let told: string | undefined
    while (!signal.aborted) {
      const begun = performance.now()
      try {
        await topics.ensure(topic)
        // What is dead already is parked nowhere, as a rule.
        if (!topic.endsWith('.dead')) await topics.ensure(dead)
        await takePart({ open, handling, sessionMs: config.sessionMs, log }, subscription, signal)
      } catch (error) {
        if (signal.aborted) break
        if (isTopicGone(error)) topics.forget(topic)
        const reason = error instanceof Error ? error.message : String(error)
        if (performance.now() - begun > LASTED_MS) pauseMs = FIRST_PAUSE_MS
        // An outage is told when it begins, and not at every try.
        if (reason !== told || pauseMs === FIRST_PAUSE_MS) {
          // Where it was, for it may be what comes next that breaks it off.
          const next = error instanceof BrokenOff ? error.next : undefined
          log.warn(
            { server, topic, group, reason, ...(next && { next }) },
            'messages cannot be consumed, and it is tried again',
          )
        }
        told = reason
        await pause(pauseMs, signal)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    }
    await handling.leave()
  }

  return {
    durable: true,

    publish: (topic, messages) => publisher.publish(named(topic), messages),

    async consume({ topic, group, from }, handler, signal) {
      const ending = AbortSignal.any([signal, stopped.signal])
      const consumption = consume({ topic: named(topic), group: named(group), from }, handler, ending)
      consuming.add(consumption)
      try {
        await consumption
      } finally {
        consuming.delete(consumption)
      }
    },

    async reach() {
      asking ??= within(REACH_MS, askAny()).finally(() => (asking = undefined))
      try {
        await asking
      } catch (error) {
        // Where no broker answers, kafkajs reads the answer all the same.
        throw new Unavailable(server, (error as Error).name === 'TypeError' ? new Error('no broker answers') : error)
      }
    },

    async stop() {
      stopped.abort(new Error('the message log is stopped'))
      await within(STOP_MS, Promise.all(consuming)).catch(() => {})
      await publisher.stop()
      maker.stop()
      asker.stop()
    },
  }
}
