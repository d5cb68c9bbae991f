import { readFile } from 'node:fs/promises'
import type { Kafka, KafkaConfig as ClientConfig, RetryOptions, SASLOptions } from 'kafkajs'
import type { KafkaConfig } from '../../config.ts'

/** A client of Kafka for one purpose: what one waits for, or breaks, holds up no other. */
export type Link = Readonly<{
  kafka: Kafka
  /** Ends its connections for good. */
  cut(): void
}>

/** Milliseconds until a client finds out that a topic has got more partitions: what is on them waits until then. */
export const METADATA_MS = 30_000

/** How long it waits, in milliseconds, and how often it tries by itself. */
export type Patience = Readonly<{ connect: number; request: number; retry: RetryOptions }>

/**
 * Opens nothing yet: kafkajs connects when it is told to, to the broker that is named first, or the one behind so many others. Throws when
 * a file that the configuration names cannot be read.
 */
export type OpenLink = (patience: Patience, others?: number) => Promise<Link>

/** TLS and SASL as kafkajs wants them. The files are read at each call: certificates are renewed. */
export async function securityOf({ tls, sasl }: KafkaConfig): Promise<Pick<ClientConfig, 'ssl' | 'sasl'>> {
  const [ca, cert, key] = await Promise.all([
    pem('KAFKA_TLS_CA', tls?.ca),
    pem('KAFKA_TLS_CERT', tls?.cert),
    pem('KAFKA_TLS_KEY', tls?.key),
  ])
  return {
    ...(tls && { ssl: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } }),
    ...(sasl && { sasl: sasl as SASLOptions }),
  }
}

async function pem(variable: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Error(`${variable}: ${String(error)}`, { cause: error })
  }
}
