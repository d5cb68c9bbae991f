import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs'
import { testledger } from '../test/support/cli.ts'
import { ipv6Door } from '../test/support/ipv6-door.ts'
import { describeWithKafka, sharedKafka } from '../test/support/kafka.ts'

const STARTING = 60_000

/** The client at topics that are there, with replies that the tests write: what no platform does at the right moment by itself. */
describeWithKafka('npx testledger run --kafka', () => {
  let brokers: readonly string[]
  let admin: Admin
  let producer: Producer
  beforeAll(async () => {
    ;({ brokers } = await sharedKafka())
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
    admin = kafka.admin()
    producer = kafka.producer()
    await Promise.all([admin.connect(), producer.connect()])
  }, STARTING)
  afterAll(() => Promise.all([admin.disconnect(), producer.disconnect()]))

  /** Topics of their own, with settings for each, and what the client comes to on them. */
  async function desk(
    settings: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
    at = brokers.join(','),
  ) {
    const prefix = `cli-${randomUUID()}.`
    const topics = ['commands', 'commands.replies'].map((name) => ({
      topic: `${prefix}${name}`,
      numPartitions: 1,
      configEntries: Object.entries(settings[name] ?? {}).map(([name, value]) => ({ name, value })),
    }))
    await admin.createTopics({ topics })
    const alone = ['--kafka-prefix', prefix, '--task', '1', '--env', '1', '--id', 'b-17']
    const client = testledger(['run', '--kafka', at, ...alone])
    return {
      ended: client.ended,
      said: client.said,
      async asked(): Promise<void> {
        for (;;) {
          const [end] = await admin.fetchTopicOffsets(`${prefix}commands`)
          if (Number(end?.high) > 0) return
        }
      },
      async reply(...replies: readonly object[]): Promise<void> {
        const messages = replies.map((reply) => ({
          key: 'b-17',
          value: JSON.stringify({ version: 1, id: 'b-17', record: null, state: null, message: '', ...reply }),
        }))
        await producer.send({ topic: `${prefix}commands.replies`, messages })
      },
    }
  }

  test(
    'waits for the end of its own run, whatever becomes of a command that another user gave the same id',
    async () => {
      const { asked, reply, said, ended } = await desk()
      await asked()
      await reply({ status: 'accepted', record: 5 })
      await said('record 5 is started')
      const counts = { all: 1, success: 0, fail: 1, error: 0 }
      await reply(
        { status: 'refused', code: 'token_not_valid', message: '令牌无效或已过期' },
        { status: 'accepted', record: 6 },
        { status: 'finished', record: 6, ...counts, success: 1, fail: 0, state: 'success' },
        { status: 'finished', record: 5, ...counts, state: 'fail' },
      )
      const { code, output } = await ended
      expect(code).toBe(1)
      expect(output).toMatch(/^record 5$/m)
      expect(output).toMatch(/0 成功, 1 失败/)
    },
    STARTING,
  )

  test(
    'finds brokers at an address of IPv6',
    async () => {
      const [host = '', port] = brokers[0]?.split(':') ?? []
      const door = await ipv6Door({ host, port: Number(port) })
      if (door === undefined) return
      try {
        const { asked, reply, ended } = await desk({}, door.address)
        await asked()
        const counts = { all: 1, success: 1, fail: 0, error: 0 }
        await reply({ status: 'accepted', record: 5 }, { status: 'finished', record: 5, ...counts, state: 'success' })
        expect(await ended).toMatchObject({ code: 0, errors: '' })
      } finally {
        door.close()
      }
    },
    STARTING,
  )

  test(
    'says at once that it cannot read the replies, as where brokers pack them in a way that it does not know',
    async () => {
      const { asked, reply, ended } = await desk({ 'commands.replies': { 'compression.type': 'lz4' } })
      await asked()
      await reply({ status: 'accepted', record: 5 })
      const { code, errors } = await ended
      expect(code).toBe(2)
      expect(errors).toMatch(/^testledger: cli-[\da-f-]+\.commands\.replies at Kafka at .* cannot be read: LZ4/)
    },
    STARTING,
  )

  test(
    'says at once that the brokers do not take the command',
    async () => {
      const { ended } = await desk({ commands: { 'max.message.bytes': '100' } })
      const { code, errors } = await ended
      expect(code).toBe(2)
      expect(errors).toMatch(/does not take the command: .*larger/)
    },
    STARTING,
  )
})
