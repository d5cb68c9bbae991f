import { join } from 'node:path'
import { freeKafkaPort, startBroker } from './kafka/broker.ts'
import { NoKafka } from './kafka/jars.ts'

/**
 * `npm run kafka [-- FOLDER]`: one real Kafka broker on loopback in the foreground, on PORT or one that is free, with its data in FOLDER
 * (default .data/kafka). Prints its address, which is what KAFKA_BROKERS wants. Needs Java 17 and Maven.
 */
export async function main([folder = join('.data', 'kafka')]: readonly string[]): Promise<void> {
  const port = process.env.PORT ? Number(process.env.PORT) : await freeKafkaPort()
  if (!Number.isInteger(port) || port < 1 || port > 65_534) {
    console.error('PORT: expected a whole number from 1 to 65534; the one after it is taken as well')
    process.exit(2)
  }
  try {
    const broker = await startBroker({ folder, port })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void broker.stop())
    console.log(broker.address)
    await broker.ended
  } catch (error) {
    console.error(error instanceof NoKafka ? `No Kafka here: ${error.message}` : error)
    process.exit(1)
  }
}
