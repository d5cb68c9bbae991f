import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Consumer, ConsumerConfig, ConsumerRunConfig, EachBatchPayload } from 'kafkajs'
import { quiet } from '../../../test/support/quiet.ts'
import { Handling } from './handling.ts'
import { takePart } from './membership.ts'

type Said = Readonly<{ payload: unknown }>

/** A consumer that does what it is told, and whose batches the test hands over. */
function fakeConsumer() {
  const heard = new Map<string, ((said: Said) => void)[]>()
  const run = Promise.withResolvers<NonNullable<ConsumerRunConfig['eachBatch']>>()
  const seeks: string[] = []
  const committed: unknown[] = []
  const consumer = {
    events: {
      CRASH: 'crash',
      GROUP_JOIN: 'join',
      REBALANCING: 'rebalancing',
      HEARTBEAT: 'beat',
      FETCH_START: 'asks',
      FETCH: 'fetch',
    },
    on: (name: string, hear: (said: Said) => void) => void heard.set(name, [...(heard.get(name) ?? []), hear]),
    connect: async () => {},
    subscribe: async () => {},
    run: async ({ eachBatch }: ConsumerRunConfig) => run.resolve(eachBatch!),
    seek: ({ offset }: { offset: string }) => void seeks.push(offset),
    pause: () => {},
    resume: () => {},
    disconnect: async () => {},
  }
  const emit = (name: string, payload: unknown) => heard.get(name)?.forEach((hear) => hear({ payload }))
  const join = (memberId = 'm') => emit('join', { memberId, memberAssignment: { t: [0] } })
  const batch = async (from: number, to: number, { stale = false } = {}) =>
    (await run.promise)({
      batch: {
        partition: 0,
        messages: Array.from({ length: to - from }, (_, n) => ({
          offset: String(from + n),
          key: Buffer.from('k'),
          value: Buffer.from(String(from + n)),
        })),
        lastOffset: () => String(to - 1),
      },
      resolveOffset: () => {},
      commitOffsetsIfNecessary: async (offsets: unknown) => void committed.push(offsets),
      isStale: () => stale,
    } as unknown as EachBatchPayload)
  return { consumer: consumer as unknown as Consumer, seeks, committed, emit, join, batch }
}

describe('a membership', () => {
  let fake: ReturnType<typeof fakeConsumer>
  let handled: number[]
  let works: boolean
  let configured: ConsumerConfig
  let stop: AbortController
  let taking: Promise<void>
  let waiting: Readonly<{ count: number; resolve: () => void }> | undefined

  beforeEach(() => {
    fake = fakeConsumer()
    ;[handled, works, waiting] = [[], false, undefined]
    stop = new AbortController()
    const handling = new Handling({
      topic: 't',
      handler: async ({ value }) => {
        if (!works) throw new Error('passing')
        handled.push(Number(value))
        if (handled.length === waiting?.count) waiting.resolve()
        return 'done'
      },
      park: async () => {},
      log: quiet,
    })
    const kafka = { consumer: (config: ConsumerConfig) => ((configured = config), fake.consumer) }
    const open = async () => ({ kafka: kafka as never, cut: () => {} })
    const subscription = { topic: 't', group: 'g', from: 'start' } as const
    taking = takePart({ open, handling, sessionMs: 10_000, log: quiet }, subscription, stop.signal)
    taking.catch(() => {})
  })
  afterEach(async () => {
    stop.abort()
    await taking.catch(() => {})
  })

  function allHandled(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting = { count, resolve }
    works = true
    return promise
  }
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

  test('passes over what was fetched before it was told where to go on, and loses nothing of what it has', async () => {
    await Promise.resolve()
    fake.join()
    await fake.batch(0, 10)
    fake.join()
    expect(fake.seeks).toEqual(['10'])
    await fake.batch(10, 15, { stale: true })
    await fake.batch(10, 15)
    await allHandled(15)
    expect(handled).toEqual(numbers(0, 15))
  })

  test('goes back to what it has not handled where a log that has lost its end grows anew', async () => {
    await Promise.resolve()
    fake.join()
    await fake.batch(0, 10)
    await fake.batch(5, 7)
    expect(fake.seeks).toEqual(['0'])
    await fake.batch(0, 7)
    await allHandled(7)
    expect(new Set(handled)).toEqual(new Set(numbers(0, 7)))
  })

  test('ends where the group has given it up, and takes nothing that was asked of another broker before that', async () => {
    await Promise.resolve()
    fake.join()
    for (const nodeId of ['1', '2']) fake.emit('asks', { nodeId })
    await fake.batch(0, 10)
    fake.join('m2')
    await fake.batch(10, 15)
    works = true
    await expect(taking).rejects.toThrow('the group has given this member up')
    // All of it comes to the next membership, which goes on from the group's offset.
    expect(handled).toEqual([])
    expect(fake.committed).toEqual([])
  })

  test('says where it was when it breaks off', async () => {
    await Promise.resolve()
    fake.join()
    await fake.batch(0, 10)
    fake.emit('crash', { error: new Error('it cannot be read') })
    works = true
    await expect(taking).rejects.toMatchObject({ message: 'it cannot be read', next: { 0: 10 } })
  })

  test('learns within half a minute that a topic has got more partitions', async () => {
    await Promise.resolve()
    expect(configured.metadataMaxAge).toBeLessThanOrEqual(30_000)
  })
})
