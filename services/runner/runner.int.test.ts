import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { quiet } from '../../test/support/quiet.ts'
import { finished, type RunDesk, startRunDesk } from '../../test/support/run-desk.ts'
import type { Requested } from '../commands/run.ts'
import type { ExecuteRun, Leaving } from './execute.ts'
import { leaseOf } from './lease.ts'
import { type Runner, startRunner } from './runner.ts'

let desk: RunDesk
let runner: Runner | undefined

beforeAll(async () => {
  desk = await startRunDesk()
})
afterEach(async () => {
  await runner?.stop({ soon: AbortSignal.abort(), now: AbortSignal.abort() })
  runner = undefined
})
afterAll(() => desk.stop())

/** An execution under way, which ends when the test says so, or with what aborts it. */
type Work = Readonly<{
  claimed: Requested
  leaving: Leaving
  /** Resolves with what aborted it. */
  aborted: Promise<unknown>
  end(outcome: 'ended' | 'left'): void
  fail(reason: Error): void
}>

/** Executes nothing by itself: `next()` answers the executions in the order in which they begin. */
function held(): Readonly<{ execute: ExecuteRun; next(): Promise<Work>; begun: Work[] }> {
  const begun: Work[] = []
  let seen = 0
  let bell = Promise.withResolvers<void>()
  return {
    begun,
    execute: (claimed, leaving) => {
      const { promise, resolve: end, reject: fail } = Promise.withResolvers<'ended' | 'left'>()
      const aborted = Promise.withResolvers<unknown>()
      leaving.now.addEventListener('abort', () => {
        aborted.resolve(leaving.now.reason)
        fail(leaving.now.reason as Error)
      })
      begun.push({ claimed, leaving, aborted: aborted.promise, end, fail })
      bell.resolve()
      bell = Promise.withResolvers()
      return promise
    },
    async next() {
      while (begun.length <= seen) await bell.promise
      const work = begun[seen++]
      if (!work) throw new Error('nothing has begun')
      return work
    },
  }
}

function run(execute: ExecuteRun, concurrency = 4, renewMs = 5_000): Runner {
  const { messages, handle, folds, feed, leases } = desk
  runner = startRunner({ messages, handle, folds, feed, leases, execute, concurrency, log: quiet, renewMs })
  return runner
}

async function asked(cases = 1): Promise<number> {
  const id = await desk.ask(cases)
  await desk.publish({ run: id, attempt: 0 })
  return id
}

/** Ends a run as its runner does. */
async function ends(work: Work): Promise<void> {
  const { request, attempt } = work.claimed
  await desk.decide(request.id, { type: 'RecordResults', attempt, results: [finished(0)], end: {} })
  work.end('ended')
}

const typesOf = async (id: number): Promise<readonly string[]> => (await desk.eventsOf(id)).map(({ type }) => type)

describe('a run that another one takes', () => {
  test.each([
    ['a later attempt claims it', { type: 'ClaimRun', worker: 'another', after: 1 }],
    ['it is ended', { type: 'EndRun', reason: '超时' }],
  ] as const)('is left at once, in the middle of a case, when %s', async (_name, command) => {
    const works = held()
    run(works.execute, 1)
    const id = await asked()
    const work = await works.next()
    expect(work.claimed).toMatchObject({ attempt: 1, status: 'claimed' })
    await desk.decide(id, command)
    expect(await work.aborted).toBeInstanceOf(Error)
    const before = await typesOf(id)

    // Its place is free, and nothing was said of what is another's.
    const next = await asked()
    expect((await works.next()).claimed.request.id).toBe(next)
    expect(await typesOf(id)).toEqual(before)
  })

  test('is not taken back when the message comes again', async () => {
    const works = held()
    run(works.execute)
    const id = await asked()
    const work = await works.next()
    await desk.decide(id, { type: 'ClaimRun', worker: 'another', after: 1 })
    await work.aborted
    await desk.publish({ run: id, attempt: 0 })
    await desk.publish({ run: id, attempt: 1 })
    const next = await asked()
    expect((await works.next()).claimed.request.id).toBe(next)
    expect(await typesOf(id)).toEqual(['RunRequested', 'RunClaimed', 'RunClaimed'])
  })

  test('which does not answer any more, is claimed by the attempt after it', async () => {
    const works = held()
    run(works.execute)
    const id = await desk.ask(1)
    await desk.decide(id, { type: 'ClaimRun', worker: 'dead', after: 0 })
    await desk.publish({ run: id, attempt: 1 })
    expect((await works.next()).claimed).toMatchObject({ attempt: 2, progress: [{ mayHaveRun: 1 }], request: { id } })
  })
})

test('a run that is asked for twice at once has one attempt', async () => {
  const works = held()
  run(works.execute)
  const id = await desk.ask(1)
  await Promise.all([desk.publish({ run: id, attempt: 0 }), desk.publish({ run: id, attempt: 0 })])
  const work = await works.next()
  const other = await asked()
  expect((await works.next()).claimed.request.id).toBe(other)
  await ends(work)
  expect(await typesOf(id)).toEqual(['RunRequested', 'RunClaimed', 'CaseFinished', 'RunFinished'])
})

test('so many as are allowed run at the same time, and the others wait in the order in which they came', async () => {
  const works = held()
  run(works.execute, 2)
  const ids: number[] = []
  for (let nth = 0; nth < 5; nth++) ids.push(await asked())
  const order: number[] = []
  let underWay = [await works.next(), await works.next()]
  while (underWay.length > 0) {
    const [first, ...others] = underWay
    if (!first) break
    order.push(first.claimed.request.id)
    // Who waits is not claimed: another process could take it.
    const waiting = ids.filter((id) => works.begun.every(({ claimed }) => claimed.request.id !== id))
    expect(works.begun.length).toBe(Math.min(5, order.length + 1))
    for (const id of waiting) expect(await typesOf(id)).toEqual(['RunRequested'])
    await ends(first)
    underWay = waiting.length > 0 ? [...others, await works.next()] : others
  }
  expect(order).toEqual(ids)
})

test('an attempt that fails is followed by another, which knows that it may repeat something', async () => {
  const works = held()
  run(works.execute)
  const id = await asked()
  ;(await works.next()).fail(new Error('the store was out of reach'))
  const second = await works.next()
  expect(second.claimed).toMatchObject({ attempt: 2, progress: [{ mayHaveRun: 1 }], request: { id } })
  await ends(second)
  expect(await typesOf(id)).toEqual([
    'RunRequested',
    'RunClaimed',
    'RunReleased',
    'RunClaimed',
    'CaseFinished',
    'RunFinished',
  ])
})

test('an attempt that fails while the log cannot be told has not died: it is said when it can be', async () => {
  const works = held()
  let outages = 2
  const { messages, handle, folds, feed, leases } = desk
  const flaky: typeof handle = async (decider, stream, command, context, options) => {
    if (outages > 0 && works.begun.length > 0) {
      outages -= 1
      throw new Error('the store is out of reach')
    }
    return handle(decider, stream, command, context, options)
  }
  const { execute } = works
  runner = startRunner({ messages, handle: flaky, folds, feed, leases, execute, concurrency: 4, log: quiet })
  const id = await asked()
  ;(await works.next()).fail(new Error('the store is out of reach'))
  const second = await works.next()
  expect(second.claimed).toMatchObject({ attempt: 2, failures: 1, progress: [{ deaths: 0 }] })
  await ends(second)
  expect(await typesOf(id)).toContain('RunReleased')
  expect(outages).toBe(0)
}, 30_000)

describe('when the platform stops', () => {
  const stopping = (): Readonly<{ soon: AbortController; now: AbortController; stopped: Promise<void> }> => {
    const [soon, now] = [new AbortController(), new AbortController()]
    const stopped = runner?.stop({ soon: soon.signal, now: now.signal }) ?? Promise.resolve()
    runner = undefined
    return { soon, now, stopped }
  }

  test('a run that ends in time ends, and one that waits is not begun, but by the next runner at once', async () => {
    const works = held()
    run(works.execute, 1)
    const id = await asked()
    const waiting = await asked()
    const work = await works.next()
    const { stopped } = stopping()
    await ends(work)
    await stopped
    expect((await typesOf(id)).at(-1)).toBe('RunFinished')
    expect(await typesOf(waiting)).toEqual(['RunRequested'])

    // Its message was not taken for handled: nobody has to wait until the watchdog asks again.
    const others = held()
    run(others.execute)
    const taken = await others.next()
    expect(taken.claimed.request.id).toBe(waiting)
    await ends(taken)
  })

  test('one that lasts longer is given back after its case, with nothing begun that has no result', async () => {
    const works = held()
    run(works.execute)
    const id = await asked(2)
    const { leaving, end } = await works.next()
    const { soon, stopped } = stopping()
    expect(leaving.soon.aborted).toBe(false)
    soon.abort()
    expect([leaving.soon.aborted, leaving.now.aborted]).toEqual([true, false])
    await desk.decide(id, { type: 'RecordResults', attempt: 1, results: [finished(0)] })
    end('left')
    await stopped
    expect((await desk.eventsOf(id)).at(-1)).toMatchObject({
      type: 'RunReleased',
      data: { attempt: 1, interrupted: false },
    })
  })

  test('one whose case does not end is given back in the middle of it, and says so', async () => {
    const works = held()
    run(works.execute)
    const id = await asked(2)
    await works.next()
    const { now, stopped } = stopping()
    now.abort()
    await stopped
    expect((await desk.eventsOf(id)).at(-1)).toMatchObject({
      type: 'RunReleased',
      data: { attempt: 1, interrupted: true },
    })

    // Whoever comes next has it with the next attempt.
    const later = held()
    run(later.execute)
    await desk.publish({ run: id, attempt: 1 })
    expect((await later.next()).claimed).toMatchObject({ attempt: 2, progress: [{ mayHaveRun: 1 }], request: { id } })
  })
})

test('a run under way shows that it is, as long as it is', async () => {
  const works = held()
  run(works.execute, 4, 5)
  const id = await asked()
  const work = await works.next()
  const beats = async (): Promise<bigint> => (await desk.leases.read()).get(leaseOf(id, 1)) ?? 0n
  while ((await beats()) < 3n);
  await ends(work)
  while ((await beats()) > 0n);
})

test('what is said of a run names the call that asked for it, and how long it has waited is measured', async () => {
  const lines: { fields: object; words: string }[] = []
  const tell = (fields: object, words: string): void => void lines.push({ fields, words })
  const waits: number[] = []
  const works = held()
  const { messages, handle, folds, feed, leases } = desk
  const log = { debug: tell, info: tell, warn: tell, error: tell }
  runner = startRunner({
    messages,
    handle,
    folds,
    feed,
    leases,
    log,
    concurrency: 1,
    execute: works.execute,
    waited: (seconds) => void waits.push(seconds),
  })
  const id = await desk.ask(1, { correlationId: 'build-17' })
  await desk.publish({ run: id, attempt: 0 })
  ;(await works.next()).fail(new Error('the first attempt fails'))
  ;(await works.next()).end('left')
  // Given back for good: no message is taken for a run that the runner still has.
  const givenBack = () => lines.filter((line) => line.words === 'a run was given back unfinished').length
  do await new Promise(setImmediate)
  while (givenBack() < 2)
  await desk.publish({ run: id, attempt: 2 })
  ;(await works.next()).end('ended')
  const words = new Set(['a run was claimed', 'an attempt at a run failed', 'a run was given back unfinished', 'run'])
  while (lines.every((line) => line.words !== 'run')) await new Promise(setImmediate)
  expect(new Set(lines.map((line) => line.words))).toEqual(words)
  for (const { fields } of lines) expect(fields).toMatchObject({ run: id, id: 'build-17' })
  // Only the first claim has waited for a runner.
  expect(waits).toHaveLength(1)
  expect(waits[0]).toBeGreaterThanOrEqual(0)
  expect(waits[0]).toBeLessThan(60)
})
