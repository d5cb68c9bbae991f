import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Message, PartitionMetadata, ProducerBatch, ProducerConfig, RecordMetadata } from 'kafkajs'
import { Unavailable } from '../../unavailable.ts'
import { createPublisher, type Publisher } from './publisher.ts'

/** Partition and texts of one request, as it comes to the brokers. */
type Request = Readonly<{ producer: number; texts: readonly string[] }>

const placeOf = ({ key }: Message, partitions: number): number => Number(key) % partitions

/**
 * A publisher whose producers do as kafkajs does: they ask where each message belongs, and answer for the partitions that brokers have
 * answered for. `answer` is asked at each request which those are; `partitions` is how many there are, at each look.
 */
function publishing(options: {
  answer?: (nth: number) => (partition: number) => boolean
  partitions?: (look: number) => number
  ensure?: () => Promise<void>
  patienceMs?: number
}): { publisher: Publisher; requests: Request[]; opened: () => number } {
  const { answer = () => () => true, partitions = () => 2, ensure = async () => {}, patienceMs = 10_000 } = options
  const requests: Request[] = []
  let opened = 0
  let looks = 0
  const open = async () => {
    const producer = ++opened
    const kafka = {
      producer({ createPartitioner }: ProducerConfig) {
        const partitioner = createPartitioner!()
        return {
          connect: async () => {},
          disconnect: async () => {},
          async sendBatch({ topicMessages = [] }: ProducerBatch): Promise<readonly Partial<RecordMetadata>[]> {
            const there = partitions(looks++)
            const partitionMetadata = Array.from({ length: there }, () => ({}) as PartitionMetadata)
            const placed = topicMessages.flatMap(({ topic, messages }) =>
              messages.map((message) => ({
                topicName: topic,
                partition: partitioner({ topic, partitionMetadata, message }),
                text: String(message.value),
              })),
            )
            const answered = answer(requests.length)
            requests.push({ producer, texts: placed.map(({ text }) => text) })
            return placed.filter(({ partition }) => answered(partition))
          },
        }
      },
    }
    return { kafka: kafka as never, cut: () => {} }
  }
  const publisher = createPublisher({
    open,
    topics: { ensure, forget: () => {} },
    server: 'Kafka',
    partitioner:
      () =>
      ({ message, partitionMetadata }) =>
        placeOf(message, partitionMetadata.length),
    patienceMs,
  })
  return { publisher, requests, opened: () => opened }
}

describe('a publisher', () => {
  let publisher: Publisher | undefined
  afterEach(() => publisher?.stop())
  const messages = ['0', '1', '2', '3'].map((key) => ({ key, value: `to ${key}` }))

  test('sends again what no broker has answered for, though kafkajs says that all is sent, and nothing else', async () => {
    const made = publishing({ answer: (nth) => (partition) => nth > 1 || partition === 0 })
    ;({ publisher } = made)
    await publisher.publish('t', messages)
    expect(made.requests).toEqual([
      { producer: 1, texts: ['to 0', 'to 1', 'to 2', 'to 3'] },
      { producer: 1, texts: ['to 1', 'to 3'] },
      { producer: 1, texts: ['to 1', 'to 3'] },
    ])
  })

  test('sends all again, by another producer, where a topic has got more partitions meanwhile', async () => {
    // The numbers of what was sent are those of other messages by then.
    const made = publishing({
      answer: (nth) => (partition) => nth > 0 || partition === 0,
      partitions: (look) => (look === 0 ? 2 : 3),
    })
    ;({ publisher } = made)
    await publisher.publish('t', messages)
    expect(made.requests).toEqual([
      { producer: 1, texts: ['to 0', 'to 1', 'to 2', 'to 3'] },
      { producer: 1, texts: ['to 1', 'to 3'] },
      { producer: 2, texts: ['to 1', 'to 3'] },
    ])
  })

  test('does not send what was given up while its topic was made, when that is there at last', async () => {
    const making = Promise.withResolvers<void>()
    const made = publishing({ ensure: () => making.promise, patienceMs: 50 })
    ;({ publisher } = made)
    await expect(publisher.publish('t', messages)).rejects.toThrow(Unavailable)
    making.resolve()
    await publisher.publish('t', [{ key: '0', value: 'later' }])
    expect(made.requests).toEqual([{ producer: 1, texts: ['later'] }])
  })

  test('remembers nothing of what it has sent', async () => {
    const made = publishing({})
    ;({ publisher } = made)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    async function kept(count: number): Promise<number> {
      for (let nth = 0; nth < count; nth++) await publisher?.publish('t', messages)
      made.requests.length = 0
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = await kept(1_000)
    expect((await kept(10_000)) - before).toBeLessThan(1_000_000)
  })

  test('opens no connection any more when it is stopped while a topic is made', async () => {
    const [asked, making] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const made = publishing({
      ensure() {
        asked.resolve()
        return making.promise
      },
    })
    ;({ publisher } = made)
    const published = publisher.publish('t', messages)
    const refused = expect(published).rejects.toThrow('the message log is stopped')
    await asked.promise
    await publisher.stop()
    await refused
    making.resolve()
    await new Promise(setImmediate)
    expect(made.opened()).toBe(0)
  })
})
