import { randomUUID } from 'node:crypto'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { describeWithKafka, kafkaConfig, type KafkaBroker, startKafka } from '../../test/support/kafka.ts'
import { quiet } from '../../test/support/quiet.ts'
import { Unavailable } from '../unavailable.ts'
import { createKafkaMessageLog } from './kafka.ts'
import type { Handled, Message } from './port.ts'

const STARTING = 120_000

/** A broker that comes and goes, for what a message log says and does meanwhile. */
describeWithKafka('Kafka whose broker', () => {
  let broker: KafkaBroker
  const ends: (() => Promise<void>)[] = []
  beforeAll(async () => {
    broker = await startKafka({ down: true })
  }, STARTING)
  afterEach(async () => {
    broker.thaw()
    for (const end of ends.splice(0).toReversed()) await end()
  })
  afterAll(() => broker.remove())

  function open(publishMs?: number): ReturnType<typeof createKafkaMessageLog> {
    const log = createKafkaMessageLog(kafkaConfig(broker.brokers), { log: quiet, ...(publishMs && { publishMs }) })
    ends.push(() => log.stop())
    return log
  }

  function consume(
    log: ReturnType<typeof createKafkaMessageLog>,
    topic: string,
    handler: (message: Message) => Handled | Promise<Handled>,
    group = randomUUID(),
  ): () => Promise<void> {
    const abort = new AbortController()
    const ended = log.consume({ topic, group, from: 'start' }, async (message) => handler(message), abort.signal)
    const stop = () => {
      abort.abort()
      return ended
    }
    ends.push(stop)
    return stop
  }

  test(
    'is not there yet: publishing and asking say so, in time, and consuming begins when it comes',
    async () => {
      const [log, topic] = [open(1_500), randomUUID()]
      const [address = ''] = broker.brokers
      const got = Promise.withResolvers<Message>()
      consume(log, topic, (message) => {
        got.resolve(message)
        return 'done'
      })
      const givesUp = consume(log, `${topic}-2`, () => 'done')
      const begun = performance.now()
      const refused = await Promise.allSettled([log.reach(), log.publish(topic, [{ key: 'k', value: 'lost' }])])
      for (const outcome of refused) {
        const { reason } = outcome as PromiseRejectedResult
        expect(reason).toBeInstanceOf(Unavailable)
        expect(String(reason)).toContain(`Kafka at ${address} is not available: `)
        expect(String(reason)).toContain('ECONNREFUSED')
      }
      expect(performance.now() - begun).toBeLessThan(10_000)
      await givesUp()
      await broker.restart()
      await log.reach()
      await open().publish(topic, [{ key: 'k', value: 'came' }])
      expect((await got.promise).value).toBe('came')
    },
    STARTING,
  )

  test(
    'answers nothing for a while: asking says so within two seconds, publishing goes on when it is back',
    async () => {
      const [log, topic] = [open(), randomUUID()]
      await log.publish(topic, [{ key: 'k', value: '' }])
      await log.reach()
      broker.freeze()
      const begun = performance.now()
      await expect(log.reach()).rejects.toThrow(Unavailable)
      expect(performance.now() - begun).toBeLessThan(6_000)
      const published = log.publish(topic, [{ key: 'k', value: 'late' }])
      await expect(open(500).publish(topic, [{ key: 'k', value: 'never' }])).rejects.toThrow(Unavailable)
      broker.thaw()
      await published
      // It is elected anew as the leader of its own partitions, which takes a moment.
      while (
        !(await log.reach().then(
          () => true,
          () => false,
        ))
      );
    },
    STARTING,
  )

  test(
    'is killed under load and comes back: nothing is lost, and each key stays in order',
    async () => {
      const [log, topic] = [open(), randomUUID()]
      const seen = new Map<string, number[]>()
      consume(log, topic, ({ key, value }) => {
        seen.set(key, [...(seen.get(key) ?? []), Number(value)])
        return 'done'
      })
      const sent = new Map<string, number>()
      const enough = new AbortController()
      const publishing = ['a', 'b', 'c', 'd', 'e'].map(async (key) => {
        for (let n = 0; !enough.signal.aborted; n++) {
          try {
            await log.publish(topic, [{ key, value: String(n) }])
          } catch (error) {
            expect(error).toBeInstanceOf(Unavailable)
            n--
            continue
          }
          sent.set(key, n)
          await pause(2)
        }
      })
      const reaches = async (count: number) => {
        while (![...sent.values()].every((n) => n >= count) || sent.size < 5) await pause(20)
      }
      await reaches(50)
      await broker.kill()
      await broker.restart()
      await reaches(Math.max(...sent.values()) + 50)
      enough.abort()
      await Promise.all(publishing)
      for (const [key, last] of sent) while ((seen.get(key)?.at(-1) ?? -1) < last) await pause(20)
      for (const [key, last] of sent) {
        // In the order of their first arrival: one may come twice.
        expect([...new Set(seen.get(key))]).toEqual(Array.from({ length: last + 1 }, (_, n) => n))
      }
    },
    STARTING,
  )

  test(
    'has forgotten the newest of what it knew: a new producer takes over, and consuming goes on',
    async () => {
      const [log, topic] = [open(), randomUUID()]
      const seen: string[] = []
      consume(log, topic, ({ value }) => {
        seen.push(value)
        return 'done'
      })
      const publish = (value: string) => log.publish(topic, [{ key: 'k', value }])
      await publish('old')
      await broker.stop()
      const backup = join(broker.folder, 'backup')
      await cp(join(broker.folder, 'logs'), backup, { recursive: true })
      await broker.restart()
      for (const value of ['gone', 'gone too']) await publish(value)
      await broker.kill()
      await rm(join(broker.folder, 'logs'), { recursive: true })
      await cp(backup, join(broker.folder, 'logs'), { recursive: true })
      await broker.restart()
      await publish('new')
      await publish('newer')
      while (seen.at(-1) !== 'newer') await pause(20)
      expect(seen.indexOf('new')).toBeLessThan(seen.indexOf('newer'))
    },
    STARTING,
  )

  test(
    'is gone when the log is stopped: that takes seconds, and what waits is told',
    async () => {
      const [log, topic] = [open(), randomUUID()]
      await log.publish(topic, [{ key: 'k', value: '' }])
      const stop = consume(log, topic, () => 'done')
      await broker.kill()
      const waiting = log.publish(topic, [{ key: 'k', value: 'never' }])
      const refused = expect(waiting).rejects.toThrow('the message log is stopped')
      const begun = performance.now()
      await Promise.all([log.stop(), stop()])
      await refused
      expect(performance.now() - begun).toBeLessThan(15_000)
      await expect(log.publish(topic, [{ key: 'k', value: 'never' }])).rejects.toThrow('the message log is stopped')
    },
    STARTING,
  )
})
