import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Recorded, START } from '../../contracts/core.ts'
import { restore, storedEvents } from '../../test/support/stored-events.ts'
import { fact, fill, openLog, type OwnLog } from '../../test/support/two-logs.ts'
import { Unavailable } from '../unavailable.ts'
import { beginLog, LOG_STREAM } from './belongs.ts'
import { copyLog, digestLog, NoCopy } from './copy.ts'
import { eventsUpTo } from './extent.ts'
import { type EventStore, MAX_APPEND_BYTES } from './port.ts'

let source: OwnLog
let target: OwnLog
let from: EventStore
let to: EventStore
beforeEach(async () => {
  ;[source, target] = await Promise.all([openLog(), openLog()])
  from = source.store
  to = target.store
  // What is copied to has a name already, which is no part of the copy: positions differ.
  await beginLog(to, '9b2f7c56-6a86-4c55-8f0e-6a1f0d6b3c11')
})
afterEach(async () => {
  await Promise.all([source.close(), target.close()])
})

const signal = new AbortController().signal
const copy = (there = to) => copyLog({ from, to: there, signal, progress: () => {} })

/** All of it, positions and the log's name aside. */
async function all(store: EventStore): Promise<readonly object[]> {
  const events: Recorded[] = []
  for await (const batch of eventsUpTo(store, await store.head())) events.push(...batch)
  return events.filter(({ stream }) => stream !== LOG_STREAM).map((event) => ({ ...event, position: '' }))
}

/** The target with an answer of its own to some of its appends, the first of which is number 1. */
function troubled(trouble: (nth: number, append: () => ReturnType<EventStore['append']>) => unknown) {
  let nth = 0
  const store: EventStore = {
    ...to,
    append: (...args) => trouble(++nth, () => to.append(...args)) as ReturnType<EventStore['append']>,
  }
  return { store, appends: () => nth }
}

describe('a copied log', () => {
  test('has every event of every version at its revision, in order, with id, type, data, meta and time', async () => {
    await restore(source.db, storedEvents())
    await from.append('odd', 'none', [fact({ b: 1, a: { 10: 0.1, 2: '"\\u0000"' }, 名: '🚀' })])
    const count = await copy()
    expect(count).toBe(storedEvents().length + 1)
    expect(await all(to)).toEqual(await all(from))
    const [one, other] = await Promise.all([digestLog(from, { signal }), digestLog(to, { signal })])
    expect(other).toEqual({ ...one, last: expect.not.stringMatching(one.last) })
    expect(one).toMatchObject({
      events: count,
      sha256: expect.stringMatching(/^[\da-f]{64}$/),
      last: await from.head(),
    })
  })

  test('of nothing is nothing', async () => {
    expect(await copy()).toBe(0)
    expect(await digestLog(to, { signal })).toMatchObject({ events: 0, last: START })
  })

  test('is written with one append for what follows in one stream, as far as an append may carry it', async () => {
    for (let n = 0; n < 5; n++) await from.append('long', n === 0 ? 'none' : BigInt(n - 1), [fact({ n })])
    await from.append('other', 'none', [fact()])
    const half = 'x'.repeat(MAX_APPEND_BYTES / 2)
    for (let n = 5; n < 8; n++) await from.append('long', BigInt(n - 1), [fact({ half })])
    const { store, appends } = troubled((_, append) => append())
    await copy(store)
    expect(appends()).toBe(5)
    expect(await all(to)).toEqual(await all(from))
  })

  test.each([
    ['type', { type: 'Other' }],
    ['data', { data: { n: 1 } }],
    ['time', { at: '2026-11-21T10:00:00.123457+08:00' }],
    ['meta', { meta: { commandId: 'c', actor: 2, correlationId: 'test', schemaVersion: 1 } }],
  ])('has another hash when the %s of one event is another', async (_, change) => {
    const draft = fact()
    await from.append('s', 'none', [draft])
    await to.append('s', 'none', [{ ...draft, ...change }])
    const [one, other] = await Promise.all([digestLog(from, { signal }), digestLog(to, { signal })])
    expect(other.sha256).not.toBe(one.sha256)
  })
})

describe('copying that was stopped', () => {
  test.each([1, 2, 7])(
    'before or after append %i took effect goes on there, and nothing is there twice',
    async (at) => {
      await fill(from, 80)
      const early = troubled((nth, append) => (nth === at ? Promise.reject(new Error('killed')) : append()))
      await expect(copy(early.store)).rejects.toThrow('killed')
      const late = troubled(async (nth, append) => {
        await append()
        if (nth === at) throw new Error('killed')
        return append()
      })
      await expect(copy(late.store)).rejects.toThrow('killed')
      expect((await all(to)).length).toBeGreaterThanOrEqual(2 * at - 1)
      expect(await copy()).toBe(80)
      expect(await all(to)).toEqual(await all(from))
    },
  )

  test('in the middle of what is now one append goes on in it', async () => {
    const drafts = Array.from({ length: 6 }, (_, n) => fact({ n }))
    await from.append('s', 'none', drafts)
    await to.append('s', 'none', drafts.slice(0, 4))
    await copy()
    expect(await all(to)).toEqual(await all(from))
  })

  test('by the source having grown meanwhile takes what is new', async () => {
    await fill(from, 10)
    await copy()
    await from.append('new', 'none', [fact()])
    expect(await copy()).toBe(11)
    expect(await all(to)).toEqual(await all(from))
  })

  test('by a signal ends', async () => {
    await fill(from, 40)
    const stopping = new AbortController()
    const progress = () => stopping.abort(new Error('told to stop'))
    await expect(copyLog({ from, to, signal: stopping.signal, progress })).rejects.toThrow('told to stop')
    expect((await all(to)).length).toBeLessThan(40)
    await copy()
    expect(await all(to)).toEqual(await all(from))
  })

  test('by a target that is away for a moment goes on by itself, whether the append had taken effect or not', async () => {
    await fill(from, 10)
    const { store } = troubled(async (nth, append) => {
      if (nth === 2) await append()
      if (nth <= 3) throw new Unavailable('the target', new Error('away'))
      return append()
    })
    await copy(store)
    expect(await all(to)).toEqual(await all(from))
  })
})

describe('a target is refused', () => {
  test('that holds another event', async () => {
    await fill(from, 10)
    await to.append('mine', 'none', [fact()])
    await expect(copy()).rejects.toThrow(
      /^the target is no copy of the source: .* it has Tested \S+ \(mine, revision 0\)$/,
    )
  })

  test('that holds the same in another order', async () => {
    const [one, other] = [fact(), fact()]
    await from.append('one', 'none', [one])
    await from.append('other', 'none', [other])
    await to.append('other', 'none', [other])
    await to.append('one', 'none', [one])
    await expect(copy()).rejects.toBeInstanceOf(NoCopy)
  })

  test('that holds more', async () => {
    await fill(from, 10)
    await copy()
    await to.append('mine', 'none', [fact()])
    await expect(copy()).rejects.toThrow('the target holds more than the source')
  })

  test('that somebody else writes to', async () => {
    await fill(from, 10)
    const { store } = troubled(async (nth, append) => {
      if (nth === 2) await to.append('filled-1', 'none', [fact()])
      return append()
    })
    await expect(copy(store)).rejects.toThrow('somebody else writes to the target')
  })

  test('that does not keep what it is given', async () => {
    await fill(from, 10)
    const { store } = troubled(async (_, append) => {
      const { recorded, ...rest } = await append()
      return { ...rest, recorded: recorded.map((event) => ({ ...event, at: '2026-11-21T10:00:00.123456+00:00' })) }
    })
    await expect(copy(store)).rejects.toBeInstanceOf(NoCopy)
  })
})
