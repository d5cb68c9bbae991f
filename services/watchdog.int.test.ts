import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RunMessage } from '../contracts/topics.ts'
import type { Leases } from '../platform/leases.ts'
import { quiet } from '../test/support/quiet.ts'
import { finished, requestsOf, type RunDesk, startRunDesk } from '../test/support/run-desk.ts'
import { leaseOf } from './runner/lease.ts'
import { startWatchdog } from './watchdog.ts'

/** Small, so that a lease passes within a test. What is said of them is how long something takes at least, or how many readings. */
const LEASE_MS = 60
const EVERY_MS = 5

/** Readings in which a lease would have passed many times. */
const MANY = 40

let desk: RunDesk
let watching: AbortController
let asked: readonly RunMessage[]
let watchdog: ReturnType<typeof startWatchdog> | undefined

beforeAll(async () => {
  desk = await startRunDesk()
})
beforeEach(() => {
  watching = new AbortController()
  asked = requestsOf(desk, watching.signal)
})
afterEach(async () => {
  await watchdog?.stop()
  watching.abort()
  // What is left of a test would be asked for in the next. What has just ended, the read models may not show yet.
  const head = await desk.store.head()
  while (!(await desk.models.passed(head)));
  const rows = await desk.db.query<{ id: number }>(
    `select id from ${desk.models.table('runs')} where status <> '执行完毕'`,
  )
  for (const { id } of rows) await desk.decide(id, { type: 'EndRun', reason: 'the test is over' })
})
afterAll(() => desk.stop())

/** What the watchdog reads of the leases: `before` comes first, and may throw. */
function reading(
  before: (nth: number) => Promise<void> | void,
): Pick<Leases, 'read'> & { times(count: number): Promise<void> } {
  let readings = 0
  const waiting: { count: number; resolve: () => void }[] = []
  return {
    async read() {
      const nth = ++readings
      // A reading that begins has everything of the one before behind it.
      for (const { count, resolve } of waiting) if (nth > count) resolve()
      await before(nth)
      return desk.leases.read()
    },
    times(more) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ count: readings + more, resolve })
      return promise
    },
  }
}

function watch(options: Partial<Parameters<typeof startWatchdog>[0]> = {}): void {
  const { models, leases, messages, folds, handle, blobs } = desk
  watchdog = startWatchdog({
    models,
    leases,
    messages,
    folds,
    handle,
    blobs,
    clock: () => new Date().toISOString(),
    deadline: 3_600,
    log: quiet,
    leaseMs: LEASE_MS,
    everyMs: EVERY_MS,
    ...options,
  })
}

async function claimed(cases = 2): Promise<number> {
  const id = await desk.ask(cases)
  await desk.decide(id, { type: 'ClaimRun', worker: 'somebody', after: 0 })
  return id
}

async function untilAsked(count: number): Promise<void> {
  while (asked.length < count) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('a run that is claimed', () => {
  test.each([
    ['stands still', true],
    ['was never there', false],
  ])('is asked for again when a lease has passed in which its counter %s', async (_name, held) => {
    const id = await claimed()
    if (held) await desk.leases.renew([leaseOf(id, 1)])
    const from = performance.now()
    watch()
    await untilAsked(1)
    expect(performance.now() - from).toBeGreaterThanOrEqual(LEASE_MS)
    expect(asked[0]).toEqual({ run: id, attempt: 1 })
  })

  test('is left to its runner as long as the counter moves', async () => {
    const id = await claimed()
    const leases = { ...desk.leases, ...reading(() => desk.leases.renew([leaseOf(id, 1)])) }
    watch({ leases })
    await leases.times(MANY)
    expect(asked).toEqual([])
  })

  test('is judged by the lease of its last attempt', async () => {
    const id = await claimed()
    await desk.decide(id, { type: 'ClaimRun', worker: 'another', after: 1 })
    const leases = { ...desk.leases, ...reading(() => desk.leases.renew([leaseOf(id, 1)])) }
    watch({ leases })
    await untilAsked(1)
    expect(asked[0]).toEqual({ run: id, attempt: 2 })
  })

  test('is not asked for while readings fail, and time that nobody watched does not count', async () => {
    const id = await claimed()
    let broken = true
    const leases = {
      ...desk.leases,
      ...reading((nth) => {
        if (broken && nth % 2 === 0) throw new Error('the database is out of reach')
      }),
    }
    watch({ leases })
    await leases.times(2 * MANY)
    expect(asked).toEqual([])
    broken = false
    await untilAsked(1)
    expect(asked[0]).toEqual({ run: id, attempt: 1 })
  })

  test('does not lose its lease to one reading that takes long, as on a host that slept', async () => {
    await claimed()
    const leases = {
      ...desk.leases,
      ...reading((nth) => (nth === 2 ? new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS)) : undefined)),
    }
    watch({ leases })
    await leases.times(2)
    expect(asked).toEqual([])
  })

  test('is asked for once more with each further lease', async () => {
    const id = await claimed()
    const from = performance.now()
    watch()
    await untilAsked(3)
    expect(performance.now() - from).toBeGreaterThanOrEqual(3 * LEASE_MS)
    expect(asked.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => ({ run: id, attempt: 1 })))
  })
})

test('a run that nobody claims is asked for again, after pauses that grow', async () => {
  const id = await desk.ask(1)
  const at = [performance.now()]
  watch({ unclaimedMs: 30 })
  for (const count of [1, 2, 3]) {
    await untilAsked(count)
    at.push(performance.now())
  }
  const pauses = at.slice(1).map((each, nth) => each - (at[nth] ?? 0))
  for (const [nth, least] of [30, 60, 120].entries()) {
    // One reading may have been counted before the message was seen.
    expect(pauses[nth]).toBeGreaterThanOrEqual(least - 2 * EVERY_MS)
  }
  expect(asked).toEqual(Array.from({ length: 3 }, () => ({ run: id, attempt: 0 })))
})

test('many that wait are asked for together', async () => {
  const ids = new Set<number>()
  for (let nth = 0; nth < 20; nth++) ids.add(await desk.ask(1))
  let publications = 0
  const publish: typeof desk.messages.publish = (topic, messages) => {
    publications++
    return desk.messages.publish(topic, messages)
  }
  watch({ messages: { ...desk.messages, publish }, unclaimedMs: 50 })
  while (![...ids].every((id) => asked.some(({ run }) => run === id))) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(publications).toBeLessThan(5)
})

test('what the message log does not take is as due at the next look, and so are those behind it', async () => {
  const ids = [await claimed(), await claimed()]
  const leases = { ...desk.leases, ...reading((nth) => void (looks = nth)) }
  let looks = 0
  const tries: number[] = []
  const publish: typeof desk.messages.publish = async (topic, messages) => {
    tries.push(looks)
    if (tries.length < 3) throw new Error('the message log is away')
    return desk.messages.publish(topic, messages)
  }
  watch({ leases, messages: { ...desk.messages, publish } })
  await untilAsked(2)
  expect(new Set(asked.map(({ run }) => run))).toEqual(new Set(ids))
  const [first = 0] = tries
  expect(tries.slice(0, 3)).toEqual([first, first + 1, first + 2])
})

test('a run that has ended is no longer watched', async () => {
  const id = await claimed(1)
  await desk.decide(id, { type: 'RecordResults', attempt: 1, results: [finished(0)], end: {} })
  const leases = { ...desk.leases, ...reading(() => {}) }
  watch({ leases })
  await leases.times(MANY)
  expect(asked).toEqual([])
})

describe('past its deadline', () => {
  const deadline = 90
  const later = () => new Date(Date.now() + deadline * 1_000).toISOString()
  const reason = '运行超过时限（90秒），已终止'

  test('a run is 错误 with the reason, which the case that it had come to gets too', async () => {
    const id = await claimed(3)
    await desk.decide(id, { type: 'RecordResults', attempt: 1, results: [finished(0)] })
    watch({ deadline, clock: later })
    const events = await desk.until(id, 'RunFinished')
    const [result, end] = events.slice(-2)
    expect(result).toMatchObject({
      type: 'CaseFinished',
      data: {
        attempt: 1,
        flow: 0,
        index: 1,
        state: '错误',
        result: { name: 'case 1', state: '错误', log_data: [['ERROR', expect.stringContaining(reason)]] },
      },
    })
    expect(end).toMatchObject({
      type: 'RunFinished',
      data: { all: 2, success: 1, fail: 0, error: 1, state: 'error', reason },
    })
  })

  test('one that nobody has claimed ends likewise', async () => {
    const id = await desk.ask(1)
    watch({ deadline, clock: later })
    const events = await desk.until(id, 'RunFinished')
    expect(events.map(({ type }) => type)).toEqual(['RunRequested', 'CaseFinished', 'RunFinished'])
    expect(events.at(-1)?.data).toMatchObject({ all: 1, error: 1, state: 'error', reason })
  })

  test('one that has all its results ends with those', async () => {
    const id = await claimed(1)
    await desk.decide(id, { type: 'RecordResults', attempt: 1, results: [finished(0)] })
    watch({ deadline, clock: later })
    const events = await desk.until(id, 'RunFinished')
    expect(events.at(-1)?.data).toMatchObject({ all: 1, success: 1, error: 0, state: 'error', reason })
  })

  test('its runner, which still works, may say nothing any more', async () => {
    const id = await claimed(2)
    watch({ deadline, clock: later })
    await desk.until(id, 'RunFinished')
    const late = desk.decide(id, { type: 'RecordResults', attempt: 1, results: [finished(1)] })
    await expect(late).rejects.toMatchObject({ code: 'conflict' })
  })

  test('is not a moment before', async () => {
    const id = await claimed(1)
    const leases = { ...desk.leases, ...reading(() => desk.leases.renew([leaseOf(id, 1)])) }
    const [{ at } = { at: '' }] = await desk.db.query<{ at: string }>(
      `select requested_at as at from ${desk.models.table('runs')} where id = $1`,
      [id],
    )
    watch({ leases, deadline, clock: () => new Date(Date.parse(at) + deadline * 1_000 - 1).toISOString() })
    await leases.times(MANY)
    expect((await desk.eventsOf(id)).at(-1)?.type).toBe('RunClaimed')
  })
})
