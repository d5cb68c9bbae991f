import { randomUUID } from 'node:crypto'
import { UsageError } from './failures.mjs'

/** What is said of Kafka: brokers on the command line, and how they are spoken to in the variables that the platform has for it. */

const SEE = 'see testledger run --help'

/** Characters of a command's id. */
const MOST_OF_ID = 255

const MECHANISMS = /** @type {const} */ (['plain', 'scram-sha-256', 'scram-sha-512'])

/**
 * @param {string} brokers
 * @param {string | undefined} prefix
 * @param {import('./options.mjs').Environment} environment
 * @returns {import('./kafka.mjs').KafkaOptions}
 * @throws {UsageError} naming the option or variable
 */
export function kafkaOf(brokers, prefix, environment) {
  const items = brokers
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const wrong = items.find((item) => !/^(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/.test(item))
  if (items.length === 0 || wrong !== undefined) {
    throw new UsageError(`--kafka ${JSON.stringify(wrong ?? brokers)} is not host:port, separated by commas (${SEE})`)
  }
  const before = prefix ?? environment['KAFKA_TOPIC_PREFIX'] ?? ''
  if (!/^[\w.-]{0,100}$/.test(before)) {
    throw new UsageError(`--kafka-prefix ${JSON.stringify(before)} is no part of a topic's name (${SEE})`)
  }
  return { brokers: items, prefix: before, tls: tlsOf(environment), sasl: saslOf(environment) }
}

/** @param {import('./options.mjs').Environment} environment */
function tlsOf({ KAFKA_TLS: on = '', KAFKA_TLS_CA: ca, KAFKA_TLS_CERT: cert, KAFKA_TLS_KEY: key }) {
  if (!['', 'off', 'on'].includes(on)) throw new UsageError(`KAFKA_TLS is neither on nor off (${SEE})`)
  if (Boolean(cert) !== Boolean(key)) {
    throw new UsageError(`KAFKA_TLS_CERT and KAFKA_TLS_KEY are set together or not at all (${SEE})`)
  }
  if (on === 'on') return { ca: ca || undefined, cert: cert || undefined, key: key || undefined }
  if (ca || cert) throw new UsageError(`KAFKA_TLS is not on, and certificates for it are set (${SEE})`)
  return undefined
}

/** @param {import('./options.mjs').Environment} environment */
function saslOf({ KAFKA_SASL_MECHANISM: name, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password }) {
  if (!name) {
    if (username || password) throw new UsageError(`KAFKA_SASL_MECHANISM is not set (${SEE})`)
    return undefined
  }
  const mechanism = MECHANISMS.find((one) => one === name)
  if (!mechanism) throw new UsageError(`KAFKA_SASL_MECHANISM is none of ${MECHANISMS.join(', ')} (${SEE})`)
  if (!username || !password) {
    throw new UsageError(`KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are not both set (${SEE})`)
  }
  return { mechanism, username, password }
}

/**
 * @param {string | undefined} given
 * @param {string} token that the command is sent with
 * @returns {string} one of its own where none is given
 */
export function commandId(given, token) {
  if (given === undefined) return `testledger-run-${randomUUID()}`
  // The platform answers no such command: the id stands in the reply.
  if (given.includes(token)) throw new UsageError(`--id holds the token, which everybody would read (${SEE})`)
  const fits = given.trim() !== '' && given.isWellFormed() && !/\p{Cc}/u.test(given)
  if (fits && Array.from(given).length <= MOST_OF_ID - '-cancel'.length) return given
  throw new UsageError(
    `--id is not 1 to ${MOST_OF_ID - '-cancel'.length} characters without control characters (${SEE})`,
  )
}
