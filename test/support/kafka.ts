/** Real Kafka brokers for tests. Where none can be run, their tests say that they are skipped. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from '@jest/globals'
import { type Broker, type BrokerOptions, freeKafkaPort, startBroker } from '../../scripts/kafka/broker.ts'
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

/** A broker of one's own, for what stops and kills it. */
export interface KafkaBroker {
  readonly brokers: readonly string[]
  /** SIGTERM; what it knows is kept. */
  stop(): Promise<void>
  /** SIGKILL; what it knows is kept. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay, nothing is answered. */
  freeze(): void
  thaw(): void
  /** Starts it again after `stop` or `kill`, on the same data and port. */
  restart(): Promise<void>
  /** Ends it for good, and deletes its data. */
  remove(): Promise<void>
}

/** Starts one on a port that is free, with settings beside the usual ones. With `down` it has an address and waits for `restart`. */
export async function startKafka({
  down = false,
  ...options
}: Pick<BrokerOptions, 'security' | 'settings'> & { down?: boolean } = {}): Promise<KafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-kafka-'))
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    const port = await freeKafkaPort()
    const start = () => startBroker({ ...options, folder, port })
    let broker: Broker | undefined = down ? undefined : await start()
    return {
      brokers: [`127.0.0.1:${port}`],
      stop: async () => broker?.stop(),
      kill: async () => broker?.kill(),
      freeze: () => broker?.freeze(),
      thaw: () => broker?.thaw(),
      async restart() {
        broker = await start()
      },
      async remove() {
        await broker?.kill()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
