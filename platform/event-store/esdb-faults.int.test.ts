import { setTimeout } from 'node:timers/promises'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Recorded, START } from '../../contracts/core.ts'
import { draft, newStream } from '../../test/contract/event-store.ts'
import { type EsdbDouble, startEsdbDouble } from '../../test/support/esdb-double.ts'
import type { Log } from '../log.ts'
import { Unavailable } from '../unavailable.ts'
import { createEsdbEventStore } from './esdb.ts'
import { type Draft, type EventStore, MAX_APPEND_BYTES, WrongExpectedRevision } from './port.ts'

/** How long a call of an impatient store may be silent. The other stores have time, so that no slow machine is taken for a fault. */
const IMPATIENT = 2_000

describe('the EventStoreDB event store, through the real client', () => {
  let double: EsdbDouble
  let store: ReturnType<typeof createEsdbEventStore>
  let said: string[]
  const stores: ReturnType<typeof createEsdbEventStore>[] = []
  const log: Log = {
    debug: () => {},
    info: (_, message) => void said.push(message),
    warn: (_, message) => void said.push(message),
    error: (_, message) => void said.push(message),
  }
  const open = (url = double.url, deadline = 20_000) => {
    const opened = createEsdbEventStore({ url, log, deadline })
    stores.push(opened)
    return opened
  }

  beforeEach(async () => {
    said = []
    double = await startEsdbDouble()
    store = open()
  })
  afterEach(async () => {
    double.resume()
    await Promise.all(stores.splice(0).map((opened) => opened.stop()))
    await double.stop()
  })

  describe('an append', () => {
    test.each([true, false])(
      'whose connection is dropped without an answer has one effect (committed: %s)',
      async (committed) => {
        const stream = newStream()
        await store.append(stream, 'none', [draft(0)])
        double.nextAppend({ fault: 'dropped', committed }, { fault: 'dropped', committed })
        const { revision, recorded } = await store.append(stream, 0n, [draft(1), draft(2)])
        expect(revision).toBe(2n)
        expect(recorded).toEqual(await store.load(stream, { from: 1n }))
        expect(recorded.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }])
        expect(await store.load(stream)).toHaveLength(3)
      },
    )

    test('is not failed by the connection that another one loses', async () => {
      const streams = Array.from({ length: 40 }, newStream)
      double.nextAppend(
        ...streams.map((_, n) =>
          n % 8 === 5
            ? ({ fault: 'dropped', committed: n % 16 === 5 } as const)
            : ({ fault: 'late', milliseconds: 20, committed: 'late' } as const),
        ),
      )
      const other = open()
      await Promise.all(streams.map((stream, n) => (n % 2 === 0 ? store : other).append(stream, 'none', [draft(n)])))
      const stored = await store.loadMany(streams.map((stream) => ({ stream })))
      expect(stored.map((events) => events.map(({ data }) => data))).toEqual(streams.map((_, n) => [{ n }]))
      // The client's other way, one lasting call for all, ends the process when its connection is lost.
      expect(double.calls.batchAppend).toBe(0)
    })

    test('whose answer comes too late is found by what stands there', async () => {
      const stream = newStream()
      double.nextAppend({ fault: 'late', milliseconds: 3 * IMPATIENT, committed: 'at once' })
      const { recorded } = await open(double.url, IMPATIENT).append(stream, 'none', [draft(1)])
      expect(recorded).toEqual(await store.load(stream))
      expect(recorded).toHaveLength(1)
    })

    test('that is committed after it was given up leaves its outcome unknown, and its repeat answers what stands', async () => {
      const stream = newStream()
      const drafts = [draft(1)]
      double.nextAppend({ fault: 'late', milliseconds: 3 * IMPATIENT, committed: 'late' })
      await expect(open(double.url, IMPATIENT).append(stream, 'none', drafts)).rejects.toBeInstanceOf(Unavailable)
      for await (const batch of store.follow(START, new AbortController().signal)) if (batch.length > 0) break
      const { recorded } = await store.append(stream, 'none', drafts)
      expect(recorded).toHaveLength(1)
      expect(await store.load(stream)).toEqual(recorded)
    })

    test('that is committed and denied, with no_stream as the actual version, is found', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      double.nextAppend({ fault: 'denied' })
      const { recorded } = await store.append(stream, 0n, [draft(1)])
      expect(recorded).toEqual(await store.load(stream, { from: 1n }))
    })

    test('that is refused with no_stream as the actual version is a conflict', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      double.nextAppend({ fault: 'refused' })
      await expect(store.append(stream, 0n, [draft(1)])).rejects.toBeInstanceOf(WrongExpectedRevision)
      expect(await store.load(stream)).toHaveLength(1)
    })

    test('that repeats what cannot be read yet, which a server drops until its time has passed, is found', async () => {
      const [stream, drafts] = [newStream(), [draft(0), draft(1)]]
      double.indexAfter(500)
      const [one, other] = await Promise.all([store, open()].map((each) => each.append(stream, 'none', drafts)))
      expect(one).toEqual(other)
      expect(one?.recorded).toEqual(await store.load(stream))
    })

    test('is refused when what is in its way can be read, which a server shows after it has refused', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      double.indexAfter(500)
      const writers = [store, open(), open()].map(async (each, n) => {
        const refused = await each.append(stream, 0n, [draft(n)]).catch((error: unknown) => error)
        if (!(refused instanceof Error)) return 'stored'
        expect(refused).toBeInstanceOf(WrongExpectedRevision)
        return (await each.load(stream)).length
      })
      expect((await Promise.all(writers)).toSorted()).toEqual([2, 2, 'stored'])
    })

    test('behind what cannot be read yet, which a new leader shows later than it was acknowledged, waits for it', async () => {
      const stream = newStream()
      double.indexAfter(500)
      const before = open().append(stream, 'none', [draft(0)])
      await until(() => double.calls.append === 1)
      expect((await store.append(stream, 0n, [draft(1)])).revision).toBe(1n)
      expect((await before).revision).toBe(0n)
    })

    test('of as many events as one may hold is no larger than a server takes', async () => {
      const one: Draft = { ...draft(0), type: 'T'.repeat(40), data: {} }
      const count = Math.floor(MAX_APPEND_BYTES / (JSON.stringify(one.data) + JSON.stringify(one.meta)).length)
      const drafts = Array.from({ length: count }, (_, n) => ({ ...one, id: draft(n).id }))
      expect((await store.append(newStream(), 'none', drafts)).revision).toBe(BigInt(count - 1))
    })

    test('goes to the new leader', async () => {
      const stream = newStream()
      double.nextAppend({ fault: 'not leader' })
      await store.append(stream, 'none', [draft(0)])
      expect(await store.load(stream)).toHaveLength(1)
    })

    test.each([
      [status.UNAVAILABLE, 'Server Is Not Ready'],
      [status.UNKNOWN, 'No leader info available in response'],
      [status.ABORTED, 'Operation timed out'],
      [status.UNAUTHENTICATED, 'who are you'],
      [status.INTERNAL, 'Received RST_STREAM with code 2'],
    ])('that ends with status %s, which is no answer, is unavailable', async (code, details) => {
      const stream = newStream()
      double.nextAppend(...Array.from({ length: 10 }, () => ({ fault: 'status', code, details }) as const))
      const refused = store.append(stream, 'none', [draft(0)])
      await expect(refused).rejects.toBeInstanceOf(Unavailable)
      await expect(refused).rejects.toThrow(`EventStoreDB at ${addressOf(double)} is not available`)
    })

    test("is not before the stream's last event, whoever wrote that and whether it was read", async () => {
      const stream = newStream()
      const late = '2026-11-21T12:00:00.000000+08:00'
      await open().append(stream, 'none', [draft(0), { ...draft(1), at: late }])
      const { recorded } = await store.append(stream, 1n, [draft(2)])
      expect(recorded[0]?.at).toBe(late)
      // A repeat is answered with the time that stands, whatever it says itself.
      const again = { ...draft(3), at: '2026-11-21T13:00:00.000000+08:00' }
      const first = await store.append(stream, 2n, [again])
      expect(await store.append(stream, 2n, [{ ...again, at: '2026-11-21T14:00:00.000000+08:00' }])).toEqual(first)
    })
  })

  describe('a follower', () => {
    test('sees once what a new subscription repeats', async () => {
      const stream = newStream()
      const { recorded } = await store.append(stream, 'none', [0, 1, 2, 3].map(draft))
      double.repeatEvents(3)
      const seen = await take(store, recorded[1]?.position ?? '', 2)
      expect(seen).toEqual(recorded.slice(2))
    })

    test('goes on behind what it has seen when its subscription is dropped, and says so once', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      const seen = take(store, START, 4, async (batch) => {
        if (batch.at(-1)?.revision === 3n) return
        double.repeatEvents(5)
        double.dropSubscriptions()
        await open().append(stream, batch.at(-1)?.revision ?? 'none', [draft(Number(batch.at(-1)?.revision) + 1)])
      })
      expect(revisions(await seen)).toEqual([0n, 1n, 2n, 3n])
      expect(double.calls.subscribe).toBe(4)
      expect(said).toEqual(['a follower of events subscribes anew'])
    })

    test('that is slow is dropped by the server, and misses nothing', async () => {
      const [stream, count] = [newStream(), 2_000]
      await store.append(stream, 'none', [draft(0)])
      let slow = true
      const seen = await take(store, START, count, async () => {
        if (!slow) return
        const text = 'x'.repeat(500)
        for (let n = 1; n < count; n += 100) {
          const drafts = Array.from({ length: Math.min(100, count - n) }, (_, i) => ({
            ...draft(n + i),
            data: { text },
          }))
          await store.append(stream, BigInt(n - 1), drafts)
        }
        await until(() => double.openSubscriptions === 0)
        slow = false
      })
      expect(revisions(seen)).toEqual(Array.from({ length: count }, (_, n) => BigInt(n)))
      expect(double.calls.subscribe).toBe(2)
    })

    test('that is busy for long takes no other call down with it, and goes on where it was', async () => {
      const [stream, count] = [newStream(), 2_000]
      const text = 'x'.repeat(500)
      for (let n = 0; n < count; n += 100) {
        const drafts = Array.from({ length: 100 }, () => ({ ...draft(n), data: { text } }))
        await store.append(stream, n === 0 ? 'none' : BigInt(n - 1), drafts)
      }
      double.stallFor(3_500)
      let busy = true
      const seen = await take(store, START, count, async () => {
        if (busy) await setTimeout(5_000)
        busy = false
      })
      expect(revisions(seen)).toEqual(Array.from({ length: count }, (_, n) => BigInt(n)))
      expect(double.cut).toBe(0)
      expect(said).toEqual([])
    })

    test('leaves nothing behind in the connection when it is not listened to any more', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      // More than one connection carries at once.
      for (let n = 0; n < 150; n++) await take(store, START, 1)
      expect(await store.load(stream)).toHaveLength(1)
      await until(() => double.openSubscriptions === 0)
    })
  })

  describe('a node', () => {
    test('that goes away is said with its address, and found again when it is back', async () => {
      const stream = newStream()
      const { position } = await store.append(stream, 'none', [draft(0)])
      const seen = take(store, position, 2)
      await until(() => double.openSubscriptions === 1)
      await double.down()
      for (const call of [() => store.append(stream, 0n, [draft(1)]), () => store.load(stream), () => store.head()]) {
        const failed = call()
        await expect(failed).rejects.toBeInstanceOf(Unavailable)
        await expect(failed).rejects.toThrow(`EventStoreDB at ${addressOf(double)} is not available: `)
      }
      await double.up()
      // The transport itself pauses before it looks again, for some seconds at most.
      await whenAvailable(() => store.append(stream, 0n, [draft(1)]))
      await open().append(stream, 1n, [draft(2)])
      expect(await store.head()).toBe((await store.load(stream)).at(-1)?.position)
      expect(revisions(await seen)).toEqual([1n, 2n])
    })

    test('that does not answer is given up after the deadline, and served by again when it does', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      double.hang()
      const impatient = open(double.url, IMPATIENT)
      const calls = [impatient.load(stream), impatient.head(), impatient.append(stream, 0n, [draft(1)])]
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: { name: 'Unavailable' } })
      }
      double.resume()
      expect(await whenAvailable(() => impatient.load(stream, { upTo: 0n }))).toHaveLength(1)
    })

    test('is found by asking a cluster for its leader', async () => {
      const cluster = open(double.url.replace('esdb:', 'esdb+discover:'))
      const stream = newStream()
      await cluster.append(stream, 'none', [draft(0)])
      await double.down()
      await expect(cluster.load(stream)).rejects.toBeInstanceOf(Unavailable)
      await double.up()
      expect(await whenAvailable(() => cluster.load(stream))).toHaveLength(1)
    })

    test('of another version, which gives no positions, is refused plainly', async () => {
      const stream = newStream()
      await store.append(stream, 'none', [draft(0)])
      double.forgetPositions()
      await expect(store.load(stream)).rejects.toThrow('version 22.6 or later is needed')
    })
  })

  describe('the head', () => {
    test('is the start of a log that holds nothing of ours, and then the last event of ours, whatever follows it', async () => {
      expect(await store.head()).toBe(START)
      const others = EventStoreDBClient.connectionString(double.url)
      await others.appendToStream('of-others', [jsonEvent({ type: 'CaseCreated', data: { from: 'others' } })])
      expect(await store.head()).toBe(START)
      const { position } = await store.append(newStream(), 'none', [draft(0), draft(1)])
      for (let n = 0; n < 40; n++) {
        await others.appendToStream('of-others', [jsonEvent({ type: 'CaseCreated', data: { n }, metadata: { at: 1 } })])
      }
      expect(await store.head()).toBe(position)
      expect(await open().head()).toBe(position)
      const next = await open().append(newStream(), 'none', [draft(2)])
      expect(await store.head()).toBe(next.position)
      await others.dispose()
    })

    test('looks at what is new alone', async () => {
      const { position } = await store.append(newStream(), 'none', [draft(0)])
      for (let n = 0; n < 30; n++)
        double.log.append('$stats-0', 'any', [{ ...draft(n), ...noBytes, type: '$statsCollected' }])
      expect(await store.head()).toBe(position)
      const before = double.calls.read
      expect(await store.head()).toBe(position)
      expect(double.calls.read).toBe(before + 1)
    })
  })

  test('passes over the events of others in the log, and says so once', async () => {
    const others = EventStoreDBClient.connectionString(double.url)
    const { position } = await store.append(newStream(), 'none', [draft(0)])
    await others.appendToStream('of-others', [
      jsonEvent({ type: 'CaseCreated', data: { a: 1 } }),
      jsonEvent({ type: 'CaseCreated', data: 'text', metadata: { at: '2026', meta: { commandId: 'x' } } }),
    ])
    double.log.append('of-others', 'any', [{ ...draft(1), ...noBytes, isJson: true, type: 'NoJson' }])
    const { recorded } = await store.append(newStream(), 'none', [draft(2)])
    expect(await take(store, position, 1)).toEqual(recorded)
    expect(said).toEqual(['the event store holds events of others, which are passed over'])
    await expect(store.load('of-others')).rejects.toThrow('of-others holds an event (0) that is not of this platform')
    await others.dispose()
  })

  test('keeps data and metadata as JSON that anyone can read', async () => {
    const stated = { ...draft(1), data: { zeta: 1, alpha: { 名: 'x', sent: '{"b":1.0}' } } }
    await store.append('seen-1', 'none', [stated])
    const [entry] = double.log.stream('seen-1') ?? []
    expect(entry).toMatchObject({ id: stated.id, type: 'Tested', isJson: true })
    expect(Buffer.from(entry?.data ?? []).toString()).toBe(JSON.stringify(stated.data))
    expect(Buffer.from(entry?.metadata ?? []).toString()).toBe(JSON.stringify({ at: stated.at, meta: stated.meta }))
  })

  test('lets appends end that are under way when it stops, takes no more, and ends its followers', async () => {
    const stream = newStream()
    double.nextAppend({ fault: 'late', milliseconds: 200, committed: 'late' })
    const following = take(store, START, Infinity)
    const appending = store.append(stream, 'none', [draft(0)])
    await until(() => double.calls.append === 1)
    await store.stop()
    expect((await appending).revision).toBe(0n)
    await following
    await expect(store.append(stream, 0n, [draft(1)])).rejects.toThrow('the event store is stopped')
    expect(double.log.stream(stream)).toHaveLength(1)
  })

  describe('a password', () => {
    const secret = 'hunter2'

    test.each([
      ['of a server that is away', `esdb://admin:${secret}@127.0.0.1:9?tls=false`],
      ['with an at sign', `esdb://admin:a@${secret}@127.0.0.1:9?tls=false`],
      [
        'beside options that the client does not know',
        `esdb://admin:${secret}@127.0.0.1:9?tls=false&nonsense=1&tlsVerifyCert=false`,
      ],
    ])('%s is in no message', async (_, url) => {
      const warned = jest.spyOn(console, 'warn').mockImplementation(() => {})
      const error: unknown = await open(url)
        .load('x')
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Unavailable)
      expect(String(error)).toContain('127.0.0.1:9')
      expect(everything(error)).not.toContain(secret)
      expect(JSON.stringify(warned.mock.calls)).not.toContain(secret)
      warned.mockRestore()
    })

    test.each([
      `esdb://admin:${secret}@`,
      `esdb://admin:/${secret}@host:2113`,
      `esdb://${secret}@host:2113`,
      `esdb://admin:${secret}@host:port?tls=maybe`,
      `http://admin:${secret}@host:2113`,
    ])('of a string that is none (%#) is not repeated', (url) => {
      const error = thrown(() => createEsdbEventStore({ url, log }))
      expect(error).toBeInstanceOf(TypeError)
      expect(everything(error)).not.toContain(secret)
    })
  })

  test('the double takes appends in one lasting call too, as the client makes them by itself', async () => {
    const client = EventStoreDBClient.connectionString(double.url)
    const event = jsonEvent({ type: 'Tested', data: { n: 1 } })
    const first = await client.appendToStream('batched', [event], { expectedRevision: 'no_stream' })
    expect(await client.appendToStream('batched', [event], { expectedRevision: 'no_stream' })).toEqual(first)
    const refused = client.appendToStream('batched', [jsonEvent({ type: 'Tested', data: {} })], {
      expectedRevision: 5n,
    })
    await expect(refused).rejects.toMatchObject({ type: 'wrong-expected-version', actualVersion: 0n })
    const unknown = client.appendToStream('unknown', [event], { expectedRevision: 5n })
    await expect(unknown).rejects.toMatchObject({ message: '', actualVersion: 'no_stream' })
    expect(double.calls).toMatchObject({ append: 0, batchAppend: 1 })
    await client.dispose()
  })

  test('the double knows positions of events alone, and appends of a mebibyte, as a server does', async () => {
    const client = EventStoreDBClient.connectionString(double.url)
    const { recorded } = await store.append(newStream(), 'none', [draft(0), draft(1)])
    const amid = BigInt(recorded[0]?.position ?? '') + 1n
    const within = { commit: amid, prepare: amid }
    const unknown = { type: 'unknown' }
    await expect(all(client.readAll({ fromPosition: within }))).rejects.toMatchObject(unknown)
    await expect(all(client.subscribeToAll({ fromPosition: within }))).rejects.toMatchObject(unknown)
    const large = jsonEvent({ type: 'Tested', data: { text: 'x'.repeat(1024 * 1024) } })
    // Credentials make it a call of its own.
    const refused = client.appendToStream('large', [large], { credentials: { username: 'u', password: 'p' } })
    await expect(refused).rejects.toMatchObject({ type: 'maximum-append-size-exceeded', maxAppendSize: 1024 * 1024 })
    await client.dispose()
  })
})

const noBytes = { isJson: false, data: Buffer.from('\xff', 'latin1'), metadata: Buffer.from('{') }

function addressOf({ url }: EsdbDouble): string {
  return /\/\/([^?]+)/.exec(url)?.[1] ?? ''
}

async function all<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of stream) found.push(item)
  return found
}

function revisions(events: readonly Recorded[]): bigint[] {
  return events.map(({ revision }) => revision)
}

/** Follows until there are `count` events, or the store is stopped. */
async function take(
  store: EventStore,
  after: string,
  count: number,
  see: (batch: readonly Recorded[]) => Promise<void> = () => Promise.resolve(),
): Promise<readonly Recorded[]> {
  const seen: Recorded[] = []
  for await (const batch of store.follow(after, new AbortController().signal)) {
    seen.push(...batch)
    await see(batch)
    if (seen.length >= count) break
  }
  return seen
}

async function whenAvailable<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(5)
}

/** An error with all that led to it, as a log would print it. */
function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return `${error.stack} ${JSON.stringify(error, Object.getOwnPropertyNames(error))} ${everything(error.cause)}`
}

function thrown(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}
