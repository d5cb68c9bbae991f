import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Handled, Message, MessageLog, Subscription } from '../../platform/message-log/port.ts'

export type OpenedLog = Readonly<{ log: MessageLog; close(): Promise<void> }>

/** What every adapter of `MessageLog` does. Each test has topics and groups of its own. Messages may come more than once. */
export function messageLogContract(name: string, open: () => Promise<OpenedLog>): void {
  describe(`${name} as a message log`, () => {
    let opened: OpenedLog
    let log: MessageLog
    const consumers: { abort(): void; ended: Promise<void> }[] = []
    beforeAll(async () => {
      opened = await open()
      log = opened.log
    })
    afterEach(async () => {
      for (const consumer of consumers) consumer.abort()
      await Promise.all(consumers.splice(0).map(({ ended }) => ended))
    })
    afterAll(() => opened.close())

    /** Consumes until the test ends. */
    function consume(
      topic: string,
      handler: (message: Message) => Handled | Promise<Handled>,
      { group = newName(), from = 'start' }: Partial<Subscription> = {},
    ) {
      const controller = new AbortController()
      const ended = log.consume({ topic, group, from }, async (message) => handler(message), controller.signal)
      const consumer = { abort: () => controller.abort(), ended }
      consumers.push(consumer)
      return consumer
    }

    test('hands each message over as it was published, before and after the consumer came', async () => {
      const topic = newName()
      const before = { key: 'run-1', value: '{"run":1,"名":"登录"}', headers: { 'correlation-id': 'c-1' } }
      const after = { key: 'run-2', value: '' }
      const seen = new Inbox()
      await log.publish(topic, [before])
      consume(topic, (message) => seen.take(message))
      await log.publish(topic, [after])
      await log.publish(topic, [])
      const messages = await seen.values(2)
      expect(messages.find(({ key }) => key === 'run-1')).toMatchObject(before)
      expect(messages.find(({ key }) => key === 'run-2')).toMatchObject(after)
    })

    test('keeps the order of each key', async () => {
      const topic = newName()
      const seen = new Inbox()
      consume(topic, async (message) => {
        // The later ones are quicker: only waiting for their predecessors keeps them behind.
        for (let turns = 10 - Number(message.value); turns > 0; turns--) await setImmediate()
        return seen.take(message)
      })
      const numbers = Array.from({ length: 10 }, (_, n) => String(n))
      await Promise.all(
        ['a', 'b', 'c'].map((key) =>
          log.publish(
            topic,
            numbers.map((value) => ({ key, value })),
          ),
        ),
      )
      await seen.values(30)
      for (const key of ['a', 'b', 'c']) expect(seen.distinct(key)).toEqual(numbers)
    })

    test('handles a key while another is busy', async () => {
      const topic = newName()
      const seen = new Inbox()
      const released = Promise.withResolvers<void>()
      consume(topic, async (message) => {
        if (message.key === 'slow') await released.promise
        return seen.take(message)
      })
      const quick = Array.from({ length: 20 }, (_, n) => ({ key: `quick-${n}`, value: '' }))
      await log.publish(topic, [{ key: 'slow', value: '' }, ...quick])
      expect((await seen.values(20)).map(({ key }) => key)).not.toContain('slow')
      released.resolve()
      expect((await seen.values(21)).map(({ key }) => key)).toContain('slow')
    })

    test('hands a message over again after its handler threw, before the next of its key, while other keys go on', async () => {
      const topic = newName()
      const seen = new Inbox()
      const others = Promise.withResolvers<void>()
      let attempts = 0
      consume(topic, async (message) => {
        if (message.value === 'first') {
          attempts++
          if (attempts === 1) throw new TypeError('for a moment')
          await others.promise
          if (attempts < 4) throw new Error('once more')
        }
        return seen.take(message)
      })
      const quick = Array.from({ length: 20 }, (_, n) => ({ key: `quick-${n}`, value: '' }))
      await log.publish(topic, [{ key: 'k', value: 'first' }, { key: 'k', value: 'second' }, ...quick])
      expect((await seen.values(20)).map(({ key }) => key)).not.toContain('k')
      others.resolve()
      await seen.values(22)
      expect(seen.distinct('k')).toEqual(['first', 'second'])
      expect(attempts).toBeGreaterThanOrEqual(4)
    })

    test('puts aside what is parked, with the reason, and goes on with its key', async () => {
      const topic = newName()
      const [seen, dead] = [new Inbox(), new Inbox()]
      consume(topic, (message) => (message.value === '{' ? { park: 'no JSON' } : seen.take(message)))
      consume(`${topic}.dead`, (message) => dead.take(message))
      await log.publish(topic, [
        { key: 'k', value: '{', headers: { h: '1' } },
        { key: 'k', value: '{}' },
      ])
      expect(await seen.values(1)).toMatchObject([{ key: 'k', value: '{}' }])
      expect(await dead.values(1)).toMatchObject([{ key: 'k', value: '{', headers: { h: '1', reason: 'no JSON' } }])
    })

    test('shares the messages among the consumers of a group, and gives all to each group', async () => {
      const topic = newName()
      const group = newName()
      const [one, two, alone] = [new Inbox(), new Inbox(), new Inbox()]
      consume(topic, (message) => one.take(message), { group })
      consume(topic, (message) => two.take(message), { group })
      consume(topic, (message) => alone.take(message))
      const messages = Array.from({ length: 100 }, (_, n) => ({ key: `key-${n}`, value: String(n) }))
      await log.publish(topic, messages)
      const all = messages.map(({ value }) => value).toSorted()
      await alone.values(100)
      expect(alone.distinct().toSorted()).toEqual(all)
      while (new Set([...one.distinct(), ...two.distinct()]).size < 100) await setImmediate()
      expect(one.distinct().length + two.distinct().length).toBeLessThan(200)
    })

    test('leaves out what was published before a group that begins at the end', async () => {
      const topic = newName()
      await log.publish(topic, [{ key: 'k', value: 'old' }])
      const seen = new Inbox()
      consume(topic, (message) => seen.take(message), { from: 'end' })
      // When a group has joined cannot be seen from outside: say it until it is heard.
      while (seen.count === 0) {
        await log.publish(topic, [{ key: 'k', value: 'new' }])
        await setImmediate()
      }
      expect(new Set(seen.distinct())).toEqual(new Set(['new']))
    })

    test('ends when it is aborted and the handlers under way are done, and the group goes on from there', async () => {
      const topic = newName()
      const group = newName()
      const begun = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const order: string[] = []
      const first = consume(
        topic,
        async () => {
          begun.resolve()
          await released.promise
          order.push('handled')
          return 'done' as const
        },
        { group },
      )
      const ended = first.ended.then(() => order.push('ended'))
      await log.publish(topic, [
        { key: 'k', value: '1' },
        { key: 'k', value: '2' },
      ])
      await begun.promise
      first.abort()
      await setImmediate()
      released.resolve()
      await ended
      expect(order).toEqual(['handled', 'ended'])

      const seen = new Inbox()
      consume(topic, (message) => seen.take(message), { group })
      expect(await seen.values(1)).toMatchObject([{ key: 'k', value: '2' }])
    })

    test('does not begin when it is aborted already', async () => {
      const topic = newName()
      const seen = new Inbox()
      await log.consume({ topic, group: newName(), from: 'start' }, async (m) => seen.take(m), AbortSignal.abort())
      await log.publish(topic, [{ key: 'k', value: '' }])
      expect(seen.count).toBe(0)
    })
  })
}

function newName(): string {
  return `tested-${randomUUID()}`
}

/** What a handler was given. */
class Inbox {
  #messages: Message[] = []
  #arrived = Promise.withResolvers<void>()

  get count(): number {
    return this.#messages.length
  }

  take(message: Message): 'done' {
    this.#messages.push(message)
    this.#arrived.resolve()
    this.#arrived = Promise.withResolvers()
    return 'done'
  }

  /** Waits for so many distinct ones. */
  async values(count: number): Promise<readonly Message[]> {
    while (new Set(this.#messages.map(({ key, value }) => `${key} ${value}`)).size < count) await this.#arrived.promise
    return this.#messages
  }

  /** The values, those of one key, in the order of their first arrival. */
  distinct(key?: string): readonly string[] {
    const messages = key === undefined ? this.#messages : this.#messages.filter((message) => message.key === key)
    return [...new Set(messages.map(({ value }) => value))]
  }
}
