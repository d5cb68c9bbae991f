import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { describeWithKafka, type KafkaBroker, sharedKafka, startKafka } from './kafka.ts'

const client = (brokers: readonly string[]) =>
  new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 300 } })

describeWithKafka('a broker of a test', () => {
  let broker: KafkaBroker
  beforeAll(async () => {
    broker = await startKafka()
  }, 120_000)
  afterAll(() => broker.remove())

  test('has after a kill, and after a stop while it is frozen, what it had acknowledged, and its port', async () => {
    const kafka = client(broker.brokers)
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({ topic: 'kept', messages: [{ value: 'first' }] })
    await broker.kill()
    await broker.restart()
    await producer.send({ topic: 'kept', messages: [{ value: 'second' }] })
    broker.freeze()
    await broker.stop()
    await broker.restart()
    expect(await admin.fetchTopicOffsets('kept')).toMatchObject([{ partition: 0, offset: '2' }])
    await producer.disconnect()
    await admin.disconnect()
  }, 60_000)
})

describeWithKafka('the broker of a run', () => {
  test('is one for all that ask', async () => {
    const [one, other] = await Promise.all([sharedKafka(), sharedKafka()])
    expect(one).toEqual(other)
    const admin = client(one.brokers).admin()
    await admin.connect()
    expect((await admin.describeCluster()).brokers).toHaveLength(1)
    await admin.disconnect()
  }, 120_000)
})
