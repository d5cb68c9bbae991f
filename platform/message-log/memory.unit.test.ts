import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { messageLogContract } from '../../test/contract/message-log.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createMemoryMessageLog } from './memory.ts'
import type { Message } from './port.ts'

messageLogContract('The memory', async () => {
  const log = createMemoryMessageLog({ log: quiet })
  return { log, close: async () => log.stop() }
})

const MANY = Array.from({ length: 10_000 }, (_, n) => ({ key: `k${n % 100}`, value: String(n) }))
const start = { topic: 't', group: 'g', from: 'start' } as const

describe('the memory message log', () => {
  test('says that it forgets', () => {
    expect(createMemoryMessageLog({ log: quiet }).durable).toBe(false)
  })

  test("names what could not be handled only by a stream's name: another key may hold anything", async () => {
    const told: object[] = []
    const log = createMemoryMessageLog({ log: { ...quiet, warn: (fields) => void told.push(fields) } })
    const abort = new AbortController()
    await log.publish('t', [
      { key: 'run-7', value: '' },
      { key: 'tl_hunter2', value: '' },
    ])
    const failed = new Set<string>()
    const both = Promise.withResolvers<void>()
    const consumed = log.consume(
      start,
      async ({ key }) => {
        if (failed.add(key).size === 2) both.resolve()
        throw new Error('for a moment')
      },
      abort.signal,
    )
    await both.promise
    abort.abort()
    await consumed
    expect(told).toContainEqual({ topic: 't', key: 'run-7', reason: 'Error: for a moment' })
    expect(told).toContainEqual({ topic: 't', key: undefined, reason: 'Error: for a moment' })
    expect(JSON.stringify(told)).not.toContain('hunter2')
  })

  test('lets publishers wait while 10,000 messages are unhandled, whether anyone consumes or not', async () => {
    const log = createMemoryMessageLog({ log: quiet })
    const abort = new AbortController()
    const order: string[] = []
    await log.publish('t', MANY)
    const waiting = log.publish('t', [{ key: 'k', value: 'late' }]).then(() => order.push('published'))
    const gate = Promise.withResolvers<void>()
    const late = Promise.withResolvers<void>()
    const consumed = log.consume(
      start,
      async ({ value }) => {
        await gate.promise
        if (order.length === 0) order.push('handled')
        if (value === 'late') late.resolve()
        return 'done'
      },
      abort.signal,
    )
    gate.resolve()
    await Promise.all([waiting, late.promise])
    expect(order).toEqual(['handled', 'published'])
    abort.abort()
    await consumed
  })

  test('refuses who waits to publish when it is stopped, and all who come later', async () => {
    const log = createMemoryMessageLog({ log: quiet })
    await log.publish('t', MANY)
    const waiting = log.publish('t', [{ key: 'k', value: 'late' }])
    log.stop()
    await expect(waiting).rejects.toThrow(/stopped/)
    await expect(log.publish('other', [{ key: 'k', value: '' }])).rejects.toThrow(/stopped/)
  })

  test('puts aside another message instead of one that must not be kept', async () => {
    const log = createMemoryMessageLog({ log: quiet })
    const abort = new AbortController()
    const { promise: parked, resolve } = Promise.withResolvers<Message>()
    const instead = { key: '', value: '9 bytes', headers: { kept: '1' } }
    const consumed = [
      log.consume(start, async () => ({ park: 'unreadable', instead }), abort.signal),
      log.consume(
        { ...start, topic: 't.dead' },
        async (message) => {
          resolve(message)
          return 'done'
        },
        abort.signal,
      ),
    ]
    await log.publish('t', [{ key: 'secret', value: '{"secret"', headers: { secret: '1' } }])
    expect(await parked).toEqual({ key: '', value: '9 bytes', headers: { kept: '1', reason: 'unreadable' } })
    abort.abort()
    await Promise.all(consumed)
  })

  test('parks without waiting, however many lie there unseen', async () => {
    const log = createMemoryMessageLog({ log: quiet })
    const abort = new AbortController()
    let parked = 0
    const all = Promise.withResolvers<void>()
    const consumed = log.consume(
      start,
      async () => {
        if (++parked === 3 * MANY.length) all.resolve()
        return { park: 'why' }
      },
      abort.signal,
    )
    for (let round = 0; round < 3; round++) await log.publish('t', MANY)
    await all.promise
    abort.abort()
    await consumed
  })

  test('handles at most 64 keys at once for one consumer', async () => {
    const log = createMemoryMessageLog({ log: quiet })
    const abort = new AbortController()
    let [busy, most, handled] = [0, 0, 0]
    const all = Promise.withResolvers<void>()
    const consumed = log.consume(
      start,
      async () => {
        most = Math.max(most, ++busy)
        await Promise.resolve()
        busy--
        if (++handled === MANY.length) all.resolve()
        return 'done'
      },
      abort.signal,
    )
    await log.publish('t', MANY)
    await all.promise
    expect(most).toBe(64)
    abort.abort()
    await consumed
  })

  describe('after a failure', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] })
    })
    afterEach(() => {
      jest.useRealTimers()
    })

    test('waits 10 ms, and twice as long each time, up to 5 s; success makes the next failure wait 10 ms again', async () => {
      const log = createMemoryMessageLog({ log: quiet })
      const abort = new AbortController()
      let attempts = 0
      const consumed = log.consume(
        start,
        async () => {
          attempts++
          if (attempts === 13) return 'done'
          throw new Error('not yet')
        },
        abort.signal,
      )
      await log.publish('t', [
        { key: 'k', value: 'first' },
        { key: 'k', value: 'second' },
      ])
      await jest.advanceTimersByTimeAsync(0)
      expect(attempts).toBe(1)
      const pauses = [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]
      for (const [index, pause] of pauses.entries()) {
        await jest.advanceTimersByTimeAsync(pause - 1)
        expect(attempts).toBe(index + 1)
        await jest.advanceTimersByTimeAsync(1)
        expect(attempts).toBe(index + 2)
      }
      await jest.advanceTimersByTimeAsync(5000) // the 13th succeeds, and the next message fails at once
      expect(attempts).toBe(14)
      await jest.advanceTimersByTimeAsync(9)
      expect(attempts).toBe(14)
      await jest.advanceTimersByTimeAsync(1)
      expect(attempts).toBe(15)
      abort.abort()
      await consumed
    })

    test('its key takes no place of another', async () => {
      const log = createMemoryMessageLog({ log: quiet })
      const abort = new AbortController()
      const handled = Promise.withResolvers<void>()
      const consumed = log.consume(
        start,
        async ({ value }) => {
          if (value === 'bad') throw new Error('never')
          handled.resolve()
          return 'done'
        },
        abort.signal,
      )
      const bad = Array.from({ length: 200 }, (_, n) => ({ key: `bad-${n}`, value: 'bad' }))
      await log.publish('t', [...bad, { key: 'good', value: 'good' }])
      await handled.promise
      abort.abort()
      await consumed
    })
  })
})
