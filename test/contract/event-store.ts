import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Position, Recorded } from '../../contracts/core.ts'
import {
  type Draft,
  type EventStore,
  MAX_APPEND_BYTES,
  MAX_FOLLOW_BATCH,
  WrongExpectedRevision,
} from '../../platform/event-store/port.ts'

export type OpenedStore = Readonly<{
  store: EventStore
  /** The same log as another process has it. */
  another(): EventStore
  close(): Promise<void>
}>

/** What every adapter of `EventStore` does. The log may hold other events; each test has streams of its own. */
export function eventStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as an event store`, () => {
    let opened: OpenedStore
    let store: EventStore
    beforeAll(async () => {
      opened = await open()
      store = opened.store
    })
    afterAll(() => opened.close())

    describe('appending', () => {
      test('stores events as they were stated, at the next revisions and rising positions', async () => {
        const stream = newStream()
        const first = await store.append(stream, 'none', [draft(1), draft(2)])
        const second = await store.append(stream, 1n, [draft(3)])

        const events = await store.load(stream)
        expect(events.map(({ revision, data }) => ({ revision, data }))).toEqual([
          { revision: 0n, data: { n: 1 } },
          { revision: 1n, data: { n: 2 } },
          { revision: 2n, data: { n: 3 } },
        ])
        expect(isRising(events.map(({ position }) => position))).toBe(true)
        expect(first).toEqual({ position: events[1]?.position, revision: 1n, recorded: events.slice(0, 2) })
        expect(second).toEqual({ position: events[2]?.position, revision: 2n, recorded: events.slice(2) })
      })

      test('keeps everything of an event: id, type, time, meta, and data with its order, numbers and scripts', async () => {
        const stream = newStream()
        const stated: Draft = {
          ...draft(1),
          type: 'CaseChanged',
          at: '2026-11-21T10:00:00.123456+08:00',
          data: {
            zeta: 1,
            alpha: {
              名: '登录 🚀',
              quote: `"'\\`,
              control: '\u0001\u001e\n',
              sent: '{"b":1.0,"a":1e3,"nul":"\\u0000"}',
            },
            list: [null, true, 0.1, '', []],
          },
          meta: {
            commandId: randomUUID(),
            requestHash: 'h',
            actor: 7,
            correlationId: 'c',
            causationId: randomUUID(),
            schemaVersion: 3,
          },
        }
        const { recorded } = await store.append(stream, 'none', [stated])
        const [event] = await store.load(stream)
        expect(event).toEqual({ ...stated, stream, revision: 0n, position: expect.any(String) })
        expect(JSON.stringify(event?.data)).toBe(JSON.stringify(stated.data))
        expect(recorded).toEqual([event])
      })

      test.each([
        ['`none` of a stream that has events', 'none'],
        ['a revision before the last', 0n],
        ['a revision after the last', 2n],
      ] as const)('refuses %s, and stores nothing', async (_, expected) => {
        const stream = newStream()
        await store.append(stream, 'none', [draft(1), draft(2)])
        const refused = store.append(stream, expected, [draft(3), draft(4)])
        await expect(refused).rejects.toMatchObject({ name: 'WrongExpectedRevision', stream, expected })
        await expect(refused).rejects.toBeInstanceOf(WrongExpectedRevision)
        expect(numbers(await store.load(stream))).toEqual([1, 2])
      })

      test('refuses a revision of a stream that has no events', async () => {
        await expect(store.append(newStream(), 0n, [draft(1)])).rejects.toBeInstanceOf(WrongExpectedRevision)
      })

      test('lets one of two writers win who believe the same', async () => {
        const stream = newStream()
        await store.append(stream, 'none', [draft(0)])
        const outcomes = await Promise.allSettled([
          store.append(stream, 0n, [draft(1)]),
          opened.another().append(stream, 0n, [draft(2)]),
        ])
        expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
        const lost = outcomes.find((outcome) => outcome.status === 'rejected')
        expect(lost?.reason).toBeInstanceOf(WrongExpectedRevision)
        expect(await store.load(stream)).toHaveLength(2)
      })

      test('judges each of many appends at once on its own', async () => {
        const [taken, repeated, tooLarge, unstorable] = [newStream(), newStream(), newStream(), newStream()]
        await store.append(taken, 'none', [draft(0)])
        const first = draft(0)
        const original = await store.append(repeated, 'none', [first])
        await store.append(repeated, 0n, [draft(1)])
        const good = Array.from({ length: 50 }, newStream)

        const [conflict, repeat, large, nul, ...stored] = await Promise.allSettled([
          store.append(taken, 'none', [draft(1)]),
          store.append(repeated, 'none', [first]),
          store.append(tooLarge, 'none', [{ ...draft(1), data: { text: 'x'.repeat(MAX_APPEND_BYTES) } }]),
          store.append(unstorable, 'none', [{ ...draft(1), data: { text: '\0' } }]),
          ...good.map((stream) => store.append(stream, 'none', [draft(1), draft(2)])),
        ])
        expect(conflict).toMatchObject({ status: 'rejected', reason: { name: 'WrongExpectedRevision' } })
        expect(repeat).toMatchObject({ status: 'fulfilled', value: original })
        expect(large).toMatchObject({ status: 'rejected', reason: { code: 'too_large' } })
        expect(nul).toMatchObject({ status: 'rejected', reason: { code: 'invalid' } })
        expect(stored.map(({ status }) => status)).toEqual(good.map(() => 'fulfilled'))
        expect((await store.loadMany(good.map((stream) => ({ stream })))).map(numbers)).toEqual(good.map(() => [1, 2]))
      })
    })

    describe('a repeated append', () => {
      test('with `none` answers what was stored at first, and stores nothing', async () => {
        const stream = newStream()
        const drafts = [draft(1), draft(2)]
        const first = await store.append(stream, 'none', drafts)
        await store.append(stream, 1n, [draft(3)])
        const again = drafts.map((event) => ({ ...event, data: { n: 9 }, at: '2027-01-01T00:00:00.000000+00:00' }))
        expect(await store.append(stream, 'none', again)).toEqual(first)
        expect(await opened.another().append(stream, 'none', again)).toEqual(first)
        expect(numbers(await store.load(stream))).toEqual([1, 2, 3])
      })

      test('at its old revision answers what was stored at first, and stores nothing', async () => {
        const stream = newStream()
        await store.append(stream, 'none', [draft(1)])
        const drafts = [draft(2), draft(3)]
        const first = await store.append(stream, 0n, drafts)
        expect(await store.append(stream, 0n, drafts)).toEqual(first)
        expect(numbers(await store.load(stream))).toEqual([1, 2, 3])
      })

      test('sent twice at once has one effect', async () => {
        const stream = newStream()
        const drafts = [draft(1)]
        const [one, two] = await Promise.all([
          store.append(stream, 'none', drafts),
          opened.another().append(stream, 'none', drafts),
        ])
        expect(one).toEqual(two)
        expect(await store.load(stream)).toHaveLength(1)
      })

      test('that only begins alike is a conflict', async () => {
        const stream = newStream()
        const [same, other] = [draft(1), draft(2)]
        await store.append(stream, 'none', [same, other])
        await expect(store.append(stream, 'none', [same, draft(3)])).rejects.toBeInstanceOf(WrongExpectedRevision)
        await expect(store.append(stream, 'none', [same, other, draft(3)])).rejects.toBeInstanceOf(
          WrongExpectedRevision,
        )
        expect(numbers(await store.load(stream))).toEqual([1, 2])
      })

      test('in another stream is no repeat', async () => {
        const [one, other] = [newStream(), newStream()]
        const event = draft(1)
        await store.append(one, 'none', [event])
        await store.append(other, 'none', [event])
        expect((await store.load(other)).map(({ id }) => id)).toEqual([event.id])
      })
    })

    describe('what may be stored', () => {
      test('is 256 KiB of data and meta, and not a byte more', async () => {
        const stream = newStream()
        const event = draft(1)
        const room = MAX_APPEND_BYTES - Buffer.byteLength(JSON.stringify({ text: '' }) + JSON.stringify(event.meta))
        const filled = (bytes: number): Draft => ({
          ...event,
          data: { text: '文'.repeat(100) + 'x'.repeat(bytes - 300) },
        })
        await expect(store.append(stream, 'none', [filled(room + 1)])).rejects.toMatchObject({ code: 'too_large' })
        await expect(store.append(stream, 'none', [filled(room), draft(2)])).rejects.toMatchObject({
          code: 'too_large',
        })
        expect(await store.load(stream)).toEqual([])
        await store.append(stream, 'none', [filled(room)])
        expect((await store.load(stream))[0]?.data).toEqual(filled(room).data)
      })

      test.each([
        ['NUL', { text: 'a\0b' }],
        ['NUL in a name', { 'a\0b': 1 }],
        ['NUL after a backslash', { text: '\\\0' }],
        ['a lone surrogate', { deep: [{ text: 'a\ud83d' }] }],
        ['a reversed pair', { text: '\udc00\ud800' }],
      ])('is no text with %s', async (_, data) => {
        const stream = newStream()
        await expect(store.append(stream, 'none', [draft(1), { ...draft(2), data }])).rejects.toMatchObject({
          code: 'invalid',
        })
        expect(await store.load(stream)).toEqual([])
      })
    })

    describe('time', () => {
      test("is never before the stream's last: as instants, whatever the offsets", async () => {
        const stream = newStream()
        const noon = '2026-11-21T12:00:00.000001+08:00'
        await store.append(stream, 'none', [at(noon)])
        const { recorded } = await store.append(stream, 0n, [
          at('2026-11-21T04:00:00.000000+00:00'), // a microsecond earlier
          at('2026-11-21T05:00:00.000002+01:00'), // a microsecond later
          at('2026-11-21T05:00:00.000000+01:00'), // earlier than its predecessor
          at('2026-11-21T12:00:01.000000+08:00'),
        ])
        const times = [
          noon,
          noon,
          '2026-11-21T05:00:00.000002+01:00',
          '2026-11-21T05:00:00.000002+01:00',
          '2026-11-21T12:00:01.000000+08:00',
        ]
        const events = await store.load(stream)
        expect(events.map((event) => event.at)).toEqual(times)
        expect(recorded).toEqual(events.slice(1))
      })
    })

    describe('loading', () => {
      test('answers nothing for a stream without events', async () => {
        expect(await store.load(newStream())).toEqual([])
      })

      test('answers revisions from and up to, both inclusive', async () => {
        const stream = newStream()
        await store.append(stream, 'none', [0, 1, 2, 3, 4].map(draft))
        expect(numbers(await store.load(stream, { from: 3n }))).toEqual([3, 4])
        expect(numbers(await store.load(stream, { upTo: 1n }))).toEqual([0, 1])
        expect(numbers(await store.load(stream, { from: 1n, upTo: 3n }))).toEqual([1, 2, 3])
        expect(numbers(await store.load(stream, { from: 5n }))).toEqual([])
        expect(numbers(await store.load(stream, { from: 3n, upTo: 9n }))).toEqual([3, 4])
      })

      test('answers many streams in the order in which they were asked for', async () => {
        const [one, two] = [newStream(), newStream()]
        await store.append(one, 'none', [0, 1, 2].map(draft))
        await store.append(two, 'none', [10, 11].map(draft))
        const refs = [
          { stream: two },
          { stream: newStream() },
          { stream: one, from: 1n },
          { stream: one, upTo: 0n },
          { stream: one, from: 1n, upTo: 1n },
          { stream: two },
        ]
        expect((await store.loadMany(refs)).map(numbers)).toEqual([[10, 11], [], [1, 2], [0], [1], [10, 11]])
        expect(await store.loadMany([])).toEqual([])
      })

      test('shows what another process has stored', async () => {
        const stream = newStream()
        await opened.another().append(stream, 'none', [draft(1)])
        expect(numbers(await store.load(stream))).toEqual([1])
        await store.append(stream, 0n, [draft(2)])
        expect(numbers(await opened.another().load(stream))).toEqual([1, 2])
      })
    })

    describe('following', () => {
      test('begins right after a position; the head is the position of the last event', async () => {
        const stream = newStream()
        const { recorded } = await store.append(stream, 'none', [1, 2, 3].map(draft))
        expect((await store.head()) >= (recorded[2]?.position ?? '')).toBe(true)
        const [first, ...rest] = recorded
        expect(await followed(store, first?.position ?? '', stream, 2)).toEqual(rest)
      })

      test('hands out what this process and another append while it waits', async () => {
        const stream = newStream()
        const after = await store.head()
        const events = followed(store, after, stream, 3)
        const there = followed(opened.another(), after, stream, 3)
        await store.append(stream, 'none', [draft(1)])
        await opened.another().append(stream, 0n, [draft(2)])
        await store.append(stream, 1n, [draft(3)])
        expect(await events).toEqual(await store.load(stream))
        expect(await there).toEqual(await store.load(stream))
      })

      test('catches up in batches, in order, without gap', async () => {
        const stream = newStream()
        const after = await store.head()
        const count = 3 * MAX_FOLLOW_BATCH + 100
        for (let n = 0; n < count; n += 100) {
          await store.append(
            stream,
            n === 0 ? 'none' : BigInt(n - 1),
            Array.from({ length: 100 }, (_, i) => draft(n + i)),
          )
        }
        const sizes: number[] = []
        const events = await followed(opened.another(), after, stream, count, (batch) => sizes.push(batch.length))
        expect(numbers(events)).toEqual(Array.from({ length: count }, (_, n) => n))
        expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_FOLLOW_BATCH)
        expect(sizes.length).toBeLessThan(count / 10)
      })

      test('sees each event once and in one order, in every process, while two of them append', async () => {
        const after = await store.head()
        const streams = Array.from({ length: 20 }, newStream)
        const belongs = (event: Recorded) => streams.includes(event.stream)
        const seen = [store, opened.another()].map((from) => gathered(from, after, belongs, 200))
        await Promise.all(streams.map((stream, i) => appendTen(i % 2 === 0 ? store : opened.another(), stream)))
        const [here = [], there = []] = await Promise.all(seen)
        expect(here).toEqual(there)
        expect(isRising(here.map(({ position }) => position))).toBe(true)
        for (const stream of streams) {
          expect(numbers(here.filter((event) => event.stream === stream))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        }
      })

      test('ends when it is aborted while it waits, and when it is not listened to any more', async () => {
        const stream = newStream()
        const after = await store.head()
        const abort = new AbortController()
        const waiting = (async () => {
          for await (const batch of store.follow(after, abort.signal)) {
            if (batch.some((event) => event.stream === stream)) setImmediate(() => abort.abort())
          }
        })()
        await store.append(stream, 'none', [draft(1)])
        await waiting

        for await (const batch of store.follow(after, new AbortController().signal)) {
          expect(batch.length).toBeGreaterThan(0)
          break
        }

        const aborted = store.follow(after, AbortSignal.abort())[Symbol.asyncIterator]()
        expect(await aborted.next()).toMatchObject({ done: true })
      })
    })
  })
}

const meta = {
  commandId: '3f0c6e0e-3f0e-4c39-9d6b-0a8f5e2f7c11',
  actor: 1,
  correlationId: 'contract',
  schemaVersion: 1,
}

export function newStream(): string {
  return `tested-${randomUUID()}`
}

export function draft(n: number): Draft {
  return { id: randomUUID(), type: 'Tested', data: { n }, at: '2026-11-21T10:00:00.000000+08:00', meta }
}

function at(time: string): Draft {
  return { ...draft(0), at: time }
}

function numbers(events: readonly Recorded[]): unknown[] {
  return events.map(({ data }) => (data as { n?: unknown }).n)
}

function isRising(positions: readonly Position[]): boolean {
  return positions.every((position, index) => index === 0 || position > (positions[index - 1] ?? ''))
}

async function appendTen(store: EventStore, stream: string): Promise<void> {
  for (let n = 0; n < 10; n++) await store.append(stream, n === 0 ? 'none' : BigInt(n - 1), [draft(n)])
}

function followed(
  store: EventStore,
  after: Position,
  stream: string,
  count: number,
  see?: (batch: readonly Recorded[]) => void,
): Promise<readonly Recorded[]> {
  return gathered(store, after, (event) => event.stream === stream, count, see)
}

/** The first `count` events that `belongs` picks, of all that follow `after`. */
async function gathered(
  store: EventStore,
  after: Position,
  belongs: (event: Recorded) => boolean,
  count: number,
  see: (batch: readonly Recorded[]) => void = () => {},
): Promise<readonly Recorded[]> {
  const found: Recorded[] = []
  for await (const batch of store.follow(after, new AbortController().signal)) {
    see(batch)
    found.push(...batch.filter(belongs))
    if (found.length >= count) break
  }
  return found
}
