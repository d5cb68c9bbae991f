import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs'
import { messageLogContract } from '../../test/contract/message-log.ts'
import { startChild } from '../../test/support/child.ts'
import { ipv6Door } from '../../test/support/ipv6-door.ts'
import { describeWithKafka, kafkaConfig, sharedKafka } from '../../test/support/kafka.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createKafkaMessageLog } from './kafka.ts'
import type { Handled, Message, MessageLog } from './port.ts'

const SHARED = 60_000
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describeWithKafka('Kafka', () => {
  let brokers: readonly string[]
  let log: MessageLog & { stop(): Promise<void> }
  let client: Kafka
  beforeAll(async () => {
    ;({ brokers } = await sharedKafka())
    log = createKafkaMessageLog(kafkaConfig(brokers), { log: quiet })
    client = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  }, SHARED)
  afterAll(() => log.stop())

  messageLogContract('Kafka', async () => {
    const log = createKafkaMessageLog(kafkaConfig(brokers), { log: quiet })
    return { log, close: () => log.stop() }
  })

  /** Consumes until `count` messages are there, of whatever key and value. */
  async function consumeSome(
    topic: string,
    count: number,
    handler: (message: Message) => Handled | Promise<Handled> = () => 'done',
  ): Promise<readonly Message[]> {
    const seen: Message[] = []
    const abort = new AbortController()
    await log.consume(
      { topic, group: randomUUID(), from: 'start' },
      async (message) => {
        seen.push(message)
        if (seen.length === count) abort.abort()
        return handler(message)
      },
      abort.signal,
    )
    return seen
  }

  test('is durable, and can be reached', async () => {
    expect(log.durable).toBe(true)
    await Promise.all([log.reach(), log.reach()])
    await log.reach()
  })

  test('is found at an address of IPv6', async () => {
    const [host = '', port] = brokers[0]?.split(':') ?? []
    const door = await ipv6Door({ host, port: Number(port) })
    if (door === undefined) return
    const log = createKafkaMessageLog(kafkaConfig([door.address]), { log: quiet })
    try {
      await log.reach()
    } finally {
      await log.stop()
      door.close()
    }
  })

  test('does not ask for what waits every millisecond, as kafkajs does', async () => {
    const warnings: Error[] = []
    const heard = (warning: Error) => void warnings.push(warning)
    process.on('warning', heard)
    await log.publish(randomUUID(), [{ key: 'k', value: '' }])
    let timers = 0
    const { setTimeout } = globalThis
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      timers++
      return setTimeout(...args)
    }) as typeof setTimeout
    await new Promise((resolve) => setTimeout(resolve, 200))
    globalThis.setTimeout = setTimeout
    process.off('warning', heard)
    expect(timers).toBeLessThan(20)
    expect(warnings).toEqual([])
  })

  describe('topics', () => {
    test('are made with the partitions and the retention of the configuration, by many at once, and their .dead with them', async () => {
      const topic = randomUUID()
      const logs = Array.from({ length: 4 }, () => createKafkaMessageLog(kafkaConfig(brokers), { log: quiet }))
      await Promise.all(logs.map((log, n) => log.publish(topic, [{ key: String(n), value: '' }])))
      await Promise.all(logs.map((log) => log.stop()))
      await consumeSome(topic, 4)
      const admin = client.admin()
      await admin.connect()
      const names = [`test-${topic}`, `test-${topic}.dead`]
      const { topics } = await admin.fetchTopicMetadata({ topics: names })
      expect(topics.map(({ partitions }) => partitions.length)).toEqual([3, 3])
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: names.map((name) => ({ type: 2, name, configNames: ['retention.ms'] })),
      })
      expect(resources.map(({ configEntries }) => configEntries[0]?.configValue)).toEqual(['3600000', '3600000'])
      await admin.disconnect()
    })

    test('that are there stay as they are', async () => {
      const topic = randomUUID()
      const admin = client.admin()
      await admin.connect()
      await admin.createTopics({ topics: [{ topic: `test-${topic}`, numPartitions: 1 }] })
      await log.publish(topic, [{ key: 'k', value: '' }])
      const { topics } = await admin.fetchTopicMetadata({ topics: [`test-${topic}`] })
      expect(topics[0]?.partitions).toHaveLength(1)
      await admin.disconnect()
    })

    test('that cannot be made are named', async () => {
      await expect(log.publish('no/name', [{ key: 'k', value: '' }])).rejects.toThrow(
        /topic test-no\/name cannot be made/,
      )
      const greedy = createKafkaMessageLog(kafkaConfig(brokers, { replication: 3 }), { log: quiet })
      await expect(greedy.publish(randomUUID(), [{ key: 'k', value: '' }])).rejects.toThrow(/replication/i)
      await greedy.stop()
    })
  })

  describe('sizes', () => {
    test('many at once, and a large one among small ones, arrive in order', async () => {
      const topic = randomUUID()
      const values = Array.from({ length: 5_000 }, (_, n) => `${n} ${'.'.repeat(300)}`)
      values.splice(2_500, 0, 'x'.repeat(900_000))
      await log.publish(
        topic,
        values.map((value) => ({ key: 'k', value })),
      )
      const seen = await consumeSome(topic, values.length)
      expect(seen.map(({ value }) => value)).toEqual(values)
    })

    test('what a topic does not take is told by its name, and holds up nothing that travels with it', async () => {
      const [topic, other] = [randomUUID(), randomUUID()]
      const outcomes = await Promise.allSettled([
        log.publish(other, [{ key: 'k', value: 'before' }]),
        log.publish(topic, [{ key: 'k', value: 'x'.repeat(2_000_000) }]),
        log.publish(other, [{ key: 'k', value: 'after' }]),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(String((outcomes[1] as PromiseRejectedResult).reason)).toMatch(
        new RegExp(`topic test-${topic} takes no message of 2000\\d\\d\\d bytes`),
      )
      await log.publish(topic, [{ key: 'k', value: 'small' }])
      expect(await consumeSome(topic, 1)).toMatchObject([{ value: 'small' }])
    })

    test('a topic that takes little at once gets it in parts', async () => {
      const topic = randomUUID()
      const admin = client.admin()
      await admin.connect()
      const configEntries = [{ name: 'max.message.bytes', value: '5000' }]
      await admin.createTopics({ topics: [{ topic: `test-${topic}`, numPartitions: 1, configEntries }] })
      await admin.disconnect()
      const values = Array.from({ length: 40 }, (_, n) => `${n} ${'.'.repeat(500)}`)
      await log.publish(
        topic,
        values.map((value) => ({ key: 'k', value })),
      )
      const seen = await consumeSome(topic, values.length)
      expect([...new Set(seen.map(({ value }) => value))]).toEqual(values)
    })
  })

  test('what others publish as they like is handed over: without key or value, not as text, twice, on several partitions', async () => {
    const topic = randomUUID()
    await log.publish(topic, [{ key: 'ours', value: 'ours' }])
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const name = `test-${topic}`
    await producer.send({
      topic: name,
      messages: [
        { partition: 0, value: Buffer.from([0xff, 0xfe]), headers: { many: ['a', 'b'], raw: Buffer.from('r') } },
        { partition: 0, key: 'gone', value: null },
        { partition: 1, key: 'again', value: 'same' },
        { partition: 2, key: 'again', value: 'same' },
        { partition: 0, value: 'keyless' },
      ],
    })
    await producer.disconnect()
    // The first without a key never succeeds: those without one do not wait for each other.
    const seen = await consumeSome(topic, 6, (message) =>
      message.value.includes('\ufffd') ? { park: 'no text' } : 'done',
    )
    expect(seen).toEqual(
      expect.arrayContaining([
        { key: '', value: '\ufffd\ufffd', raw: Buffer.from([0xff, 0xfe]), headers: { many: 'a', raw: 'r' } },
        { key: 'gone', value: '' },
        { key: '', value: 'keyless' },
      ]),
    )
    expect(seen.filter(({ value }) => value === 'same')).toHaveLength(2)
    expect(await consumeSome(`${topic}.dead`, 1)).toEqual([
      {
        key: '',
        value: '\ufffd\ufffd',
        // Byte for byte what came.
        raw: Buffer.from([0xff, 0xfe]),
        headers: { many: 'a', raw: 'r', reason: 'no text' },
      },
    ])
  })

  describe('packed batches', () => {
    /** A topic whose broker packs what it is sent. */
    async function packing(type: string): Promise<string> {
      const topic = randomUUID()
      const admin = client.admin()
      await admin.connect()
      const configEntries = [{ name: 'compression.type', value: type }]
      await admin.createTopics({ topics: [{ topic: `test-${topic}`, numPartitions: 1, configEntries }] })
      await admin.disconnect()
      return topic
    }

    test.each(['gzip', 'snappy', 'lz4', 'zstd'])('of %s are read', async (type) => {
      const topic = await packing(type)
      // Some that repeat themselves, some that cannot be made smaller, and more than one block of LZ4 and Snappy.
      const values = Array.from(
        { length: 300 },
        (_, n) => `${n} ${'测试'.repeat(n)} ${randomBytes(500).toString('base64')}`,
      )
      await log.publish(
        topic,
        values.map((value) => ({ key: 'k', value, headers: { a: 'b' } })),
      )
      const seen = await consumeSome(topic, values.length)
      expect(seen).toEqual(values.map((value) => ({ key: 'k', value, headers: { a: 'b' } })))
    })

    test.each([
      ['GZIP', CompressionTypes.GZIP],
      ['ZSTD', CompressionTypes.ZSTD],
    ])(
      'of %s that unpack to far too much are put aside as size and hash, and those behind them are read',
      async (name, compression) => {
        const topic = randomUUID()
        const one = createKafkaMessageLog(kafkaConfig(brokers, { partitions: 1 }), { log: quiet })
        await one.publish(topic, [])
        const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
        await producer.connect()
        const value = Buffer.alloc(70 * 1024 * 1024, ' ')
        await producer.send({
          topic: `test-${topic}`,
          compression,
          messages: [{ key: 'secret', value }, { value: 'beside' }],
        })
        await producer.disconnect()
        await one.publish(topic, [{ key: 'k', value: 'behind' }])
        expect(await consumeSome(topic, 1)).toEqual([{ key: 'k', value: 'behind' }])
        await one.stop()
        const dead = await consumeSome(`${topic}.dead`, 2)
        for (const { key, value, headers } of dead) {
          expect(key).toBe('')
          expect(JSON.parse(value)).toEqual({
            version: 1,
            bytes: expect.any(Number),
            sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          })
          expect(headers?.['reason']).toMatch(new RegExp(`packed with ${name}, cannot be unpacked`))
        }
      },
      60_000,
    )
  })

  test('what is too large to be put aside is put aside as size and hash, and holds up nothing', async () => {
    const topic = randomUUID()
    const one = createKafkaMessageLog(kafkaConfig(brokers, { partitions: 1 }), { log: quiet })
    await one.publish(topic, [])
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const large = 'x'.repeat(3_000_000)
    await producer.send({
      topic: `test-${topic}`,
      compression: CompressionTypes.GZIP,
      messages: [{ key: 'k', value: large, headers: { 'correlation-id': 'c' } }],
    })
    await producer.disconnect()
    await one.publish(topic, [{ key: 'k', value: 'behind' }])
    const seen = await consumeSome(topic, 2, ({ value }) => (value === large ? { park: 'r'.repeat(2_000) } : 'done'))
    expect(seen.map(({ value }) => value.length)).toEqual([large.length, 6])
    const [dead] = await consumeSome(`${topic}.dead`, 1)
    expect(JSON.parse(dead?.value ?? '')).toEqual({
      version: 1,
      bytes: large.length,
      sha256: sha256(Buffer.from(large)),
    })
    expect(dead).toMatchObject({ key: '', headers: { reason: expect.stringMatching(/^r{1000} \(too large/) } })
    await one.stop()
  })

  test('a few large messages that fail for ever do not keep those of other keys from being fetched', async () => {
    const topic = randomUUID()
    const one = createKafkaMessageLog(kafkaConfig(brokers, { partitions: 1 }), { log: quiet })
    for (let n = 0; n < 6; n++) await one.publish(topic, [{ key: `stuck-${n}`, value: 'x'.repeat(890_000) }])
    await one.publish(topic, [{ key: 'other', value: 'fine' }])
    const abort = new AbortController()
    let came = false
    await one.consume(
      { topic, group: randomUUID(), from: 'start' },
      async ({ key }) => {
        if (key !== 'other') throw new Error('for ever')
        came = true
        abort.abort()
        return 'done'
      },
      abort.signal,
    )
    expect(came).toBe(true)
    await one.stop()
  })

  test('a partition of which enough was fetched for a while is fetched again when that is handled', async () => {
    const topic = randomUUID()
    const values = Array.from({ length: 3_000 }, (_, n) => String(n))
    await log.publish(
      topic,
      values.map((value) => ({ key: 'k', value })),
    )
    let handled = 0
    const seen = await consumeSome(topic, 3_001, async (): Promise<Handled> => {
      // What comes now has to wait until there is room.
      if (++handled === 10) await log.publish(topic, [{ key: 'k', value: 'last' }])
      return 'done'
    })
    expect(seen.map(({ value }) => value)).toEqual([...values, 'last'])
  })

  test('a consumer that joins takes over a share; who had it begins nothing more of that, and keeps the rest as it is', async () => {
    const [topic, group] = [randomUUID(), randomUUID()]
    const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`)
    await log.publish(
      topic,
      ['first', 'second'].flatMap((value) => keys.map((key) => ({ key, value }))),
    )
    const [released, allBegun, joined, allHandled] = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
    const handled = { stays: [] as string[], joins: [] as string[] }
    const abort = new AbortController()
    const consume = (who: 'stays' | 'joins') =>
      log.consume(
        { topic, group, from: 'start' },
        async ({ key, value }) => {
          if (who === 'joins') joined?.resolve()
          if (value === 'first') {
            handled[who].push(`first ${key}`)
            if (handled.stays.length === keys.length) allBegun?.resolve()
            await released?.promise
          } else {
            handled[who].push(key)
            const seconds = [...handled.stays, ...handled.joins].filter((name) => keys.includes(name))
            if (new Set(seconds).size === keys.length) allHandled?.resolve()
          }
          return 'done'
        },
        abort.signal,
      )
    const consumers = [consume('stays')]
    await allBegun?.promise
    consumers.push(consume('joins'))
    await joined?.promise
    released?.resolve()
    await allHandled?.promise
    abort.abort()
    await Promise.all(consumers)
    expect(handled.joins.length).toBeGreaterThan(0)
    expect(handled.joins.length).toBeLessThan(2 * keys.length)
    // What it keeps does not come again, and what it has lost is another's.
    expect(handled.stays).toHaveLength(new Set(handled.stays).size)
    expect(handled.joins.filter((name) => keys.includes(name) && handled.stays.includes(name))).toEqual([])
  })

  test('what a frozen consumer had comes to another, and its late word of how far it was counts for nothing', async () => {
    const [topic, group] = [randomUUID(), randomUUID()]
    const config = kafkaConfig(brokers, { partitions: 1 })
    const child = startChild('kafka-consumer-process.ts', [JSON.stringify({ config, topic, group })])
    const abort = new AbortController()
    const admin = client.admin()
    await admin.connect()
    const groupOffset = async () =>
      (await admin.fetchOffsets({ groupId: `test-${group}`, topics: [`test-${topic}`] }))[0]?.partitions[0]?.offset
    try {
      const own = createKafkaMessageLog(config, { log: quiet })
      await own.publish(topic, [{ key: 'k', value: 'first' }])
      expect(await child.line()).toBe('first')
      process.kill(child.pid, 'SIGSTOP')
      const seen: string[] = []
      const taken = Promise.withResolvers<void>()
      const consumed = own.consume(
        { topic, group, from: 'start' },
        async ({ value }) => {
          if (seen.push(value) === 2) await own.publish(topic, [{ key: 'k', value: 'third' }])
          if (value === 'third') taken.resolve()
          return 'done'
        },
        abort.signal,
      )
      await own.publish(topic, [{ key: 'k', value: 'second' }])
      await taken.promise
      expect(seen).toEqual(['first', 'second', 'third'])
      abort.abort()
      await consumed
      expect(await groupOffset()).toBe('3')
      await own.publish(topic, [{ key: 'k', value: 'fourth' }])
      // It ends what it had begun and what it fetched before it heard that it was given up, and would say now that the group is behind 3.
      child.write('go')
      process.kill(child.pid, 'SIGCONT')
      let line = await child.line()
      while (line === 'second' || line === 'third') line = await child.line()
      expect(line).toBe('fourth')
      const offsets = [await groupOffset()]
      while (offsets.at(-1) !== '4') {
        await new Promise((resolve) => setTimeout(resolve, 50))
        offsets.push(await groupOffset())
      }
      expect([...new Set(offsets)].filter((offset) => offset !== '3' && offset !== '4')).toEqual([])
      await own.stop()
    } finally {
      abort.abort()
      await admin.disconnect()
      await child.end('SIGKILL')
    }
  }, 60_000)
})
