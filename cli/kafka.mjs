import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { Interrupted, Unreachable, UsageError, wordsOf } from './failures.mjs'

/**
 * The topics that commands are published to and replied on. kafkajs is loaded here alone, and only when it is asked for: the packed client
 * has no dependency.
 *
 * @typedef {Readonly<{
 *   brokers: readonly string[],
 *   prefix: string,
 *   tls: Readonly<{ ca?: string | undefined, cert?: string | undefined, key?: string | undefined }> | undefined,
 *   sasl: Readonly<{ mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', username: string, password: string }> | undefined,
 * }>} KafkaOptions `tls` holds paths of PEM files
 *
 * @typedef {Readonly<{
 *   id: string,
 *   status: string,
 *   record: number | null,
 *   all: number | null,
 *   success: number | null,
 *   fail: number | null,
 *   error: number | null,
 *   state: string | null,
 *   message: string,
 *   code?: string,
 * }>} Reply
 *
 * @typedef {Readonly<{
 *   publish: (id: string, command: string, signal: AbortSignal) => Promise<void>,
 *   lost: Promise<never>,
 *   close: () => Promise<void>,
 * }>} Commands `publish` throws `Interrupted` when `signal` ends its tries, `lost` rejects when the brokers have not answered for too long
 */

const COMMANDS = 'commands'
const REPLIES = 'commands.replies'

/** Milliseconds: that a broker holds an answer back, without a sign after which it is said, between two looks, and to say goodbye in. */
const FETCH = 500
const SILENCE = 10_000
const LOOK = 1_000
const GOODBYE = 2_000

/**
 * Connects, and hands on each reply that comes from now on. Whether the brokers are there, is found out at once.
 *
 * @param {KafkaOptions} options
 * @param {Readonly<{ giveUp: number, say: (line: string) => void, onReply: (reply: Reply) => void }>} more `giveUp` in milliseconds
 * @returns {Promise<Commands>}
 * @throws {Unreachable | UsageError}
 */
export async function openCommands(options, { giveUp, say, onReply }) {
  const { Kafka, logLevel } = await load()
  const server = `Kafka at ${options.brokers.join(', ')}`
  const kafka = new Kafka({
    clientId: 'testledger-run',
    brokers: [...options.brokers],
    ...(await securityOf(options)),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 1_000 },
    logLevel: logLevel.NOTHING,
  })
  const [commands, replies] = [`${options.prefix}${COMMANDS}`, `${options.prefix}${REPLIES}`]
  const admin = kafka.admin()
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  const consumer = kafka.consumer({
    groupId: `${options.prefix}testledger-run-${randomUUID()}`,
    allowAutoTopicCreation: false,
    // After an outage the group waits for the member that it was, until this has passed.
    sessionTimeout: 10_000,
    maxWaitTimeInMs: FETCH,
    retry: { retries: 50, initialRetryTime: 200, maxRetryTime: 2_000, restartOnFailure: async () => true },
  })
  /** @type {PromiseWithResolvers<never>} */
  const { promise: lost, reject: lose } = withResolvers()
  lost.catch(() => {})
  const closing = new AbortController()

  /** Where replies that are not known yet begin, by partition: what is published from now on is answered behind it. */
  const next = new Map()
  try {
    await Promise.all([admin.connect(), producer.connect()])
    if (!(await admin.listTopics()).includes(commands)) {
      throw new UsageError(
        `there is no topic ${commands} at ${options.brokers.join(', ')}: is it the right --kafka-prefix?`,
      )
    }
    for (const { partition, high } of await endsOf()) next.set(partition, high)
  } catch (error) {
    await leave()
    if (error instanceof UsageError) throw error
    throw new Unreachable(`${server} cannot be reached: ${wordsOf(error)}`)
  }

  /** The first reply makes the topic: without it all are new. */
  async function endsOf() {
    const there = (await admin.listTopics()).includes(replies)
    return there ? admin.fetchTopicOffsets(replies) : []
  }

  async function listen() {
    while (!closing.signal.aborted && !(await admin.listTopics()).includes(replies)) await nap(LOOK)
    if (closing.signal.aborted) return
    await consumer.connect()
    await consumer.subscribe({ topic: replies, fromBeginning: true })
    consumer.on(consumer.events.GROUP_JOIN, () => {
      for (const [partition, offset] of next) consumer.seek({ topic: replies, partition, offset })
    })
    watch()
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { key, value, offset } }) => {
        next.set(partition, String(BigInt(offset) + 1n))
        const reply = replyOf(key, value)
        if (reply) onReply(reply)
      },
    })
  }

  /** kafkajs goes on by itself: for how long is told here. */
  function watch() {
    let heard = performance.now()
    let said = false
    consumer.on(consumer.events.FETCH, () => {
      heard = performance.now()
      if (said) say('going on')
      said = false
    })
    const looking = setInterval(() => {
      const silent = performance.now() - heard
      if (silent > SILENCE && !said) {
        said = true
        say(`connection to ${server} lost; trying again for ${Math.ceil(Math.max(0, giveUp - silent) / 1_000)} s`)
      }
      if (silent > Math.max(giveUp, SILENCE))
        lose(new Unreachable(`${server} has not answered for ${giveUp / 1_000} s`))
    }, LOOK)
    closing.signal.addEventListener('abort', () => clearInterval(looking), { once: true })
  }

  /** @param {number} milliseconds */
  function nap(milliseconds) {
    return sleep(milliseconds, undefined, { signal: closing.signal }).catch(() => {})
  }

  async function leave() {
    closing.abort()
    const goodbye = Promise.allSettled([consumer.disconnect(), producer.disconnect(), admin.disconnect()])
    await Promise.race([goodbye, sleep(GOODBYE, undefined, { ref: false })])
  }

  listen().catch((error) => {
    if (!closing.signal.aborted) lose(new Unreachable(`${server} was lost: ${wordsOf(error)}`))
  })

  return {
    lost,
    close: leave,
    /** A command has one effect however often it is sent: it is, until the brokers have it. */
    async publish(id, command, signal) {
      const until = performance.now() + giveUp
      for (let doubtful = false; ; doubtful = true) {
        if (signal.aborted) throw new Interrupted(doubtful)
        try {
          await producer.send({ topic: commands, acks: -1, messages: [{ key: id, value: command }] })
          return
        } catch (error) {
          if (performance.now() >= until || closing.signal.aborted) {
            throw new Unreachable(`${server} does not take the command: ${wordsOf(error)}`)
          }
          await nap(LOOK)
        }
      }
    },
  }
}

async function load() {
  try {
    const kafkajs = await import('kafkajs')
    stopIdlePolling()
    return kafkajs
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UsageError('--kafka needs kafkajs, which is not installed: npm install kafkajs')
  }
}

/**
 * kafkajs 2.2.4 looks every millisecond for requests that wait, though none does, with a time below zero, of which Node warns
 * (tulios/kafkajs#1704). It is asked to look when one waits.
 */
function stopIdlePolling() {
  /** @type {{ prototype: { pending: readonly unknown[], scheduleCheckPendingRequests(): void } } | undefined} */
  let queue
  try {
    queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue')
  } catch {
    // Another version has it elsewhere, or has no need of this.
  }
  const schedule = queue?.prototype.scheduleCheckPendingRequests
  if (!queue || typeof schedule !== 'function') return
  queue.prototype.scheduleCheckPendingRequests = function whenOneWaits() {
    if (this.pending.length > 0) schedule.call(this)
  }
}

/** @param {KafkaOptions} options */
async function securityOf({ tls, sasl }) {
  const [ca, cert, key] = await Promise.all([
    pem('KAFKA_TLS_CA', tls?.ca),
    pem('KAFKA_TLS_CERT', tls?.cert),
    pem('KAFKA_TLS_KEY', tls?.key),
  ])
  return {
    ...(tls && { ssl: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } }),
    ...(sasl && { sasl: /** @type {import('kafkajs').SASLOptions} */ (sasl) }),
  }
}

/**
 * @param {string} variable
 * @param {string | undefined} path
 */
async function pem(variable, path) {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${variable}: ${wordsOf(error)}`)
  }
}

/**
 * @param {Buffer | null} key
 * @param {Buffer | null} value
 * @returns {Reply | undefined} undefined for what is none
 */
function replyOf(key, value) {
  try {
    const reply = /** @type {Reply | null} */ (JSON.parse(value?.toString() ?? 'null'))
    return reply && typeof reply.id === 'string' && reply.id === key?.toString() ? reply : undefined
  } catch {
    return undefined
  }
}

/**
 * `Promise.withResolvers`, which Node 20 has not.
 *
 * @template T
 * @returns {PromiseWithResolvers<T>}
 */
function withResolvers() {
  /** @type {Partial<PromiseWithResolvers<T>>} */
  const made = {}
  const promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return /** @type {PromiseWithResolvers<T>} */ ({ ...made, promise })
}
