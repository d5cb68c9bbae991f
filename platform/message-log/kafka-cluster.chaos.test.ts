import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { type Broker, freeKafkaPort, startBroker } from '../../scripts/kafka/broker.ts'
import { describeWithKafka, kafkaConfig } from '../../test/support/kafka.ts'
import { quiet } from '../../test/support/quiet.ts'
import type { KafkaConfig } from '../config.ts'
import { Unavailable } from '../unavailable.ts'
import { createKafkaMessageLog } from './kafka.ts'
import type { Message } from './port.ts'

const STARTING = 120_000

/** Two brokers, of which the first is the controller besides: the second can go, and what it leads goes to the first. */
describeWithKafka('Kafka of two brokers', () => {
  let folder: string
  let ports: readonly [number, number]
  let [first, second]: [Broker | undefined, Broker | undefined] = [undefined, undefined]
  let admin: Admin
  const ends: (() => Promise<void>)[] = []

  const both = {
    'offsets.topic.replication.factor': '2',
    // Who comes back leads again what it should.
    'leader.imbalance.check.interval.seconds': '2',
    'leader.imbalance.per.broker.percentage': '1',
  }
  const startFirst = () => startBroker({ folder: join(folder, '1'), port: ports[0], settings: both })
  const startSecond = () =>
    startBroker({
      folder: join(folder, '2'),
      port: ports[1],
      settings: {
        ...both,
        'process.roles': 'broker',
        'node.id': '2',
        'controller.quorum.voters': `1@127.0.0.1:${ports[0] + 1}`,
        listeners: `CLIENTS://127.0.0.1:${ports[1]}`,
      },
    })
  const address = (nth: 0 | 1): string => `127.0.0.1:${ports[nth]}`

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testledger-kafka-'))
    ports = [await freeKafkaPort(), await freeKafkaPort()]
    first = await startFirst()
    second = await startSecond()
    admin = new Kafka({ brokers: [address(0)], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    // The second is known when it can have partitions.
    while ((await admin.describeCluster()).brokers.length < 2) await pause(50)
  }, STARTING)
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })
  afterAll(async () => {
    await admin.disconnect()
    await second?.kill()
    await first?.kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  function open(
    brokers: readonly string[],
    beside: Partial<KafkaConfig> = {},
  ): ReturnType<typeof createKafkaMessageLog> {
    const log = createKafkaMessageLog(kafkaConfig(brokers, beside), { log: quiet })
    ends.push(() => log.stop())
    return log
  }

  /** Consumes in the background, and collects what comes. */
  function collect(
    log: ReturnType<typeof createKafkaMessageLog>,
    topic: string,
    group: string,
    hear: (message: Message) => void = () => {},
  ): string[] {
    const seen: string[] = []
    const abort = new AbortController()
    const ended = log.consume(
      { topic, group, from: 'start' },
      async (message) => {
        seen.push(message.value)
        hear(message)
        return 'done'
      },
      abort.signal,
    )
    ends.push(() => {
      abort.abort()
      return ended
    })
    return seen
  }

  async function leaderOf(topic: string, partition: number): Promise<number | undefined> {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader
  }

  test(
    'loses nothing of a publication while a partition goes to the broker that has taken its share already',
    async () => {
      const topic = randomUUID()
      const name = `test-${topic}`
      await admin.createTopics({
        topics: [
          {
            topic: name,
            replicaAssignment: [
              { partition: 0, replicas: [1] },
              { partition: 1, replicas: [2] },
            ],
          },
        ],
      })
      const log = open([address(0)])
      const values = Array.from({ length: 40 }, (_, n) => String(n))
      const publish = (round: string) =>
        log.publish(
          topic,
          values.map((value) => ({ key: value, value: `${round} ${value}` })),
        )
      await publish('before')
      await admin.alterPartitionReassignments({
        topics: [{ topic: name, partitionAssignment: [{ partition: 1, replicas: [1] }] }],
      })
      while ((await leaderOf(name, 1)) !== 1) await pause(20)
      // The producer still takes the second broker for the leader.
      await publish('after')
      const seen = collect(log, topic, randomUUID())
      const all = ['before', 'after'].flatMap((round) => values.map((value) => `${round} ${value}`))
      for (const deadline = Date.now() + 20_000; new Set(seen).size < all.length && Date.now() < deadline;) {
        await pause(50)
      }
      expect(all.filter((value) => !seen.includes(value))).toEqual([])
    },
    STARTING,
  )

  test(
    'can be reached while the broker that is named first is away',
    async () => {
      const log = open([address(1), address(0)])
      await log.reach()
      await second?.kill()
      try {
        const outcomes = []
        for (let nth = 0; nth < 5; nth++) {
          outcomes.push(
            await log.reach().then(
              () => 'reached',
              (error: unknown) => String(error),
            ),
          )
        }
        expect(outcomes).toEqual(Array(5).fill('reached'))
      } finally {
        second = await startSecond()
      }
    },
    STARTING,
  )

  test(
    'goes on with a group whose coordinator has died',
    async () => {
      const topic = randomUUID()
      const [name, group] = [`test-${topic}`, await groupCoordinatedBy(2)]
      // The coordinator leads none of what the member has: no other failure tells that it has died.
      const replicaAssignment = [0, 1].map((partition) => ({ partition, replicas: [1] }))
      await admin.createTopics({ topics: [{ topic: name, replicaAssignment }] })
      const log = open([address(0), address(1)])
      const seen = collect(log, topic, group)
      let sent = 0
      const publish = () => log.publish(topic, [{ key: String(sent), value: String(sent++) }])
      const committed = async (): Promise<number> => {
        const [of] = await admin.fetchOffsets({ groupId: `test-${group}`, topics: [name] })
        return of?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0) ?? 0
      }
      for (let nth = 0; nth < 10; nth++) await publish()
      while ((await committed()) < 10) await pause(100)
      await second?.kill()
      const killed = performance.now()
      try {
        for (let nth = 0; nth < 10; nth++) await publish()
        while ((await committed().catch(() => 0)) < 20) await pause(200)
        // By itself kafkajs asks the dead one for more than a minute and a half.
        expect(performance.now() - killed).toBeLessThan(60_000)
        expect(new Set(seen)).toEqual(new Set(Array.from({ length: sent }, (_, n) => String(n))))
      } finally {
        second = await startSecond()
      }
    },
    2 * STARTING,
  )

  test(
    'loses nothing that was accepted, and keeps keys in order, while a broker stops, dies and comes back under load',
    async () => {
      const topic = randomUUID()
      const partitions = 6
      await admin.createTopics({
        topics: [{ topic: `test-${topic}`, numPartitions: partitions, replicationFactor: 2 }],
      })
      const log = open([address(0), address(1)])
      const keys = Array.from({ length: 3 * partitions }, (_, n) => `key-${n}`)
      const seen = new Map<string, Set<number>>(keys.map((key) => [key, new Set()]))
      collect(log, topic, randomUUID(), ({ key, value }) => seen.get(key)?.add(Number(value)))
      let accepted = 0
      const enough = new AbortController()
      const publishing = (async () => {
        while (!enough.signal.aborted) {
          const value = String(accepted)
          try {
            await log.publish(
              topic,
              keys.map((key) => ({ key, value })),
            )
            accepted++
          } catch (error) {
            expect(error).toBeInstanceOf(Unavailable)
          }
        }
      })()
      const leaders = async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [`test-${topic}`] })
        return new Set(topics[0]?.partitions.map(({ leader }) => leader)).size
      }
      const goesOn = async () => {
        for (const from = accepted; ; await pause(20)) if (accepted >= from + 50) return
      }
      for (const strike of ['stop', 'kill', 'stop', 'kill'] as const) {
        await goesOn()
        await second?.[strike]()
        await goesOn()
        second = await startSecond()
        // It has its partitions back in the middle of the load.
        while ((await leaders()) < 2) await pause(50)
      }
      await goesOn()
      enough.abort()
      await publishing
      const wanted = Array.from({ length: accepted }, (_, n) => n)
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(100)) {
        if (keys.every((key) => seen.get(key)!.size >= accepted)) break
      }
      // A set keeps the order of first arrival: one may come twice.
      for (const key of keys) expect([...seen.get(key)!].slice(0, accepted)).toEqual(wanted)
    },
    3 * STARTING,
  )

  /** A group's name that makes this broker its coordinator: the leader of its partition of the topic of offsets. */
  async function groupCoordinatedBy(broker: number): Promise<string> {
    // A member makes that topic.
    const [log, topic] = [open([address(0)]), randomUUID()]
    await log.publish(topic, [{ key: 'k', value: 'v' }])
    const seen = collect(log, topic, randomUUID())
    while (seen.length === 0) await pause(20)
    for (;;) {
      const { topics } = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] })
      const partitions = topics[0]?.partitions ?? []
      const group = randomUUID()
      const partition = (javaHash(`test-${group}`) & 0x7fffffff) % partitions.length
      if (partitions.find(({ partitionId }) => partitionId === partition)?.leader === broker) return group
    }
  }
})

function javaHash(text: string): number {
  return Array.from(text).reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) | 0, 0)
}
