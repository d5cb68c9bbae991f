/** A real Kafka broker of one's own, for what stops and kills it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, type BrokerOptions, freeKafkaPort, startBroker } from '../../scripts/kafka/broker.ts'

export interface KafkaBroker {
  readonly brokers: readonly string[]
  /** Where its data is. */
  readonly folder: string
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

/**
 * Starts one on a port that is free, with settings beside the usual ones, in a folder of its own or the one that is named. With `down` it
 * has an address and waits for `restart`.
 */
export async function startKafka({
  down = false,
  folder: wanted,
  ...options
}: Pick<BrokerOptions, 'security' | 'settings' | 'users'> & {
  down?: boolean
  folder?: string
} = {}): Promise<KafkaBroker> {
  const folder = wanted ?? (await mkdtemp(join(tmpdir(), 'testledger-kafka-')))
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    const port = await freeKafkaPort()
    const start = () => startBroker({ ...options, folder, port })
    let broker: Broker | undefined = down ? undefined : await start()
    return {
      brokers: [`127.0.0.1:${port}`],
      folder,
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
