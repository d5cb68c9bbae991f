/** CI and outsiders at the topics of a platform, with a client of their own. */
import { randomUUID } from 'node:crypto'
import { type Consumer, Kafka, type KafkaMessage, logLevel, type Producer } from 'kafkajs'
import { cloudEvent, type CloudEvent } from '../../contracts/integration.ts'
import { type Reply, replyMessage } from '../../contracts/topics.ts'

export type Sent = Readonly<{
  value: object | string
  partition?: number
  key?: string
  headers?: Record<string, string>
}>

/** A client of the topics as CI has one, and as outsiders have who follow the events. */
export type Ci = Readonly<{
  send(messages: readonly Sent[]): Promise<void>
  /** Replies to a command, once so many (1) are as they are wanted. */
  replies(id: string, wanted?: (reply: Reply) => boolean, count?: number): Promise<readonly Reply[]>
  /** All events so far, once there is one that is wanted. */
  events(wanted: (event: CloudEvent) => boolean): Promise<readonly CloudEvent[]>
  /** All messages of a topic, once there are so many. */
  all(topic: string, count: number): Promise<readonly KafkaMessage[]>
  /** Every text that came, whatever topic. */
  texts: ReadonlySet<string>
  close(): Promise<void>
}>

const TOPICS = ['commands.replies', 'commands.dead', 'events', 'runs']

export async function openCi(brokers: readonly string[], prefix: string): Promise<Ci> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer: Producer = kafka.producer()
  const consumer: Consumer = kafka.consumer({ groupId: `ci-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const seen = new Map<string, KafkaMessage[]>(TOPICS.map((topic) => [topic, []]))
  const texts = new Set<string>()
  let arrived = Promise.withResolvers<void>()
  await Promise.all([producer.connect(), consumer.connect()])
  const topics = TOPICS.map((topic) => `${prefix}${topic}`)
  await untilThere(kafka, topics)
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ topic, message }) => {
      seen.get(topic.slice(prefix.length))?.push(message)
      texts.add(String(message.value))
      arrived.resolve()
      arrived = Promise.withResolvers()
    },
  })

  async function until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await arrived.promise
    }
  }
  const of = (topic: string): readonly KafkaMessage[] => seen.get(topic) ?? []

  return {
    texts,
    async send(messages) {
      const encoded = messages.map(({ value, ...rest }) => ({
        ...rest,
        value: typeof value === 'string' ? value : JSON.stringify(value),
      }))
      await producer.send({ topic: `${prefix}commands`, messages: encoded })
    },
    replies: (id, wanted = () => true, count = 1) =>
      until(() => {
        const mine = of('commands.replies').filter(({ key }) => key?.toString() === id)
        const replies = mine.map(({ value }) => replyMessage.strict().parse(JSON.parse(String(value))))
        return replies.filter(wanted).length >= count ? replies : undefined
      }),
    events: (wanted) =>
      until(() => {
        const all = of('events').map(({ value }) => cloudEvent.strict().parse(JSON.parse(String(value))))
        return all.some(wanted) ? all : undefined
      }),
    all: (topic, count) => until(() => (of(topic).length >= count ? of(topic) : undefined)),
    async close() {
      await consumer.disconnect()
      await producer.disconnect()
    },
  }
}

/** The platform makes its topics beside its start: who subscribes before they are there is refused. */
async function untilThere(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    for (;;) {
      const there = await admin.listTopics()
      if (topics.every((topic) => there.includes(topic))) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } finally {
    await admin.disconnect()
  }
}
