import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect, isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
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

/**
 * Milliseconds: that a broker holds an answer back, without a sign after which it is said, between two looks, to say goodbye in, and after
 * which an idle connection is asked whether it still is one.
 */
const FETCH = 500
const SILENCE = 10_000
const LOOK = 1_000
const GOODBYE = 2_000
const KEEP_ALIVE = 60_000

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
    ...addressed(options.brokers),
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
    if (!(await awaitReplies())) return
    await consumer.connect()
    await consumer.subscribe({ topic: replies, fromBeginning: true })
    consumer.on(consumer.events.GROUP_JOIN, () => {
      for (const [partition, offset] of next) consumer.seek({ topic: replies, partition, offset })
    })
    // It goes on by itself after what passes, and is over after anything else.
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) lose(new Unreachable(`${replies} at ${server} cannot be read: ${wordsOf(error)}`))
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

  /** Resolves when there is a topic of replies, brokers that are away are waited for; false when nobody waits any more. */
  async function awaitReplies() {
    for (let heard = performance.now(); !closing.signal.aborted; await nap(LOOK)) {
      try {
        if ((await admin.listTopics()).includes(replies)) return true
        heard = performance.now()
      } catch (error) {
        if (performance.now() - heard > giveUp) throw error
      }
    }
    return false
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
          if (performance.now() >= until || closing.signal.aborted || isRefusal(error)) {
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

/**
 * kafkajs takes what stands before the first colon for the host: IPv6 addresses get names that its connections know.
 *
 * @param {readonly string[]} brokers
 * @returns {Pick<import('kafkajs').KafkaConfig, 'socketFactory'> & { brokers: string[] }}
 */
function addressed(brokers) {
  /** @type {Map<string, string>} */
  const hosts = new Map()
  const names = brokers.map((broker) => {
    const [, host, port] = /^\[(.+)\]:(\d+)$/.exec(broker) ?? []
    if (host === undefined) return broker
    const name = `ipv6-${host.replaceAll(':', '-')}`
    hosts.set(name, host)
    return `${name}:${port}`
  })
  return {
    brokers: names,
    socketFactory({ host: name, port, ssl, onConnect }) {
      const host = hosts.get(name) ?? name
      const socket = ssl
        ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
        : connect({ host, port }, onConnect)
      return socket.setKeepAlive(true, KEEP_ALIVE)
    },
  }
}

/**
 * Whether the brokers have answered, and the answer is no, as it would be at the next try.
 *
 * @param {unknown} error
 * @returns {boolean}
 */
function isRefusal(error) {
  const { type, retriable, cause } = /** @type {{ type?: string, retriable?: boolean, cause?: unknown }} */ (
    error ?? {}
  )
  return (type !== undefined && retriable === false) || (cause !== undefined && isRefusal(cause))
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
