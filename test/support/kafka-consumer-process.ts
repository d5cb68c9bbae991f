/**
 * A consumer of Kafka in a process of its own, for tests that freeze it: `node kafka-consumer-process.ts <config, topic and group as JSON>`.
 * Prints the value of each message when it begins with it. The first is handled when a line comes in, the others at once.
 */
import { once } from 'node:events'
import type { KafkaConfig } from '../../platform/config.ts'
import { createKafkaMessageLog } from '../../platform/message-log/kafka.ts'
import { quiet } from './quiet.ts'

const { config, topic, group } = JSON.parse(process.argv[2] ?? '') as {
  config: KafkaConfig
  topic: string
  group: string
}
const released = once(process.stdin, 'data')
await createKafkaMessageLog(config, { log: quiet }).consume(
  { topic, group, from: 'start' },
  async ({ value }) => {
    console.log(value)
    await released
    return 'done'
  },
  new AbortController().signal,
)
