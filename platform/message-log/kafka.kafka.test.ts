import { messageLogContract } from '../../test/contract/message-log.ts'
import { describeWithKafka, sharedKafka } from '../../test/support/kafka.ts'
import { quiet } from '../../test/support/quiet.ts'
import type { KafkaConfig } from '../config.ts'
import { createKafkaMessageLog } from './kafka.ts'

const settings: Omit<KafkaConfig, 'brokers'> = {
  prefix: 'test-',
  partitions: 3,
  replication: 0,
  retentionMs: 3_600_000,
  sessionMs: 6_000,
  tls: undefined,
  sasl: undefined,
}

describeWithKafka('with a broker', () => {
  messageLogContract('Kafka', async () => {
    const log = createKafkaMessageLog({ ...settings, ...(await sharedKafka()) }, { log: quiet })
    return { log, close: () => log.stop() }
  })
})
