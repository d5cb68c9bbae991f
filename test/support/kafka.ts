/** Real Kafka brokers for tests. Where none can be run, their tests say that they are skipped. */
import { describe } from '@jest/globals'
import type { KafkaConfig } from '../../platform/config.ts'
import { kafkaJars, NoKafka } from '../../scripts/kafka/jars.ts'
import { sharedServer } from './shared-servers.ts'

/** What is missing; asked once for a file of tests, before its tests are declared. */
const missing = await kafkaJars().then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof NoKafka) return error.message
    throw error
  },
)

/** `describe` for what needs a broker; skipped, and saying why, where none can be run. */
export function describeWithKafka(name: string, tests: () => void): void {
  if (missing === undefined) return describe(name, tests)
  const skipped = `${name} (skipped: ${missing})`
  // When many files run, jest tells neither names nor logs of what is skipped.
  process.stderr.write(`${skipped}\n`)
  describe.skip(skipped, tests)
}

/** The broker that all tests of a run share, started by the first that asks. Take names of topics and groups of your own. */
export async function sharedKafka(): Promise<{ brokers: readonly string[] }> {
  const { address } = await sharedServer<{ address: string }>('kafka')
  return { brokers: [address] }
}

/** What a message log needs to be told to use these brokers; sessions are as short as brokers allow. */
export function kafkaConfig(brokers: readonly string[], beside: Partial<KafkaConfig> = {}): KafkaConfig {
  return {
    brokers,
    prefix: 'test-',
    partitions: 3,
    replication: 0,
    retentionMs: 3_600_000,
    sessionMs: 6_000,
    tls: undefined,
    sasl: undefined,
    ...beside,
  }
}

export { type KafkaBroker, startKafka } from './kafka-broker.ts'
