import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { finished, type RunDesk, startRunDesk } from '../../test/support/run-desk.ts'
import { createNews } from './news.ts'
import { createRunProgresses, type RunProgress, type RunProgresses } from './progress.ts'

/** Whoever follows a run hears of each finished case once, and as soon as it has finished. */

let desk: RunDesk
let progresses: RunProgresses
const closing = new AbortController()

beforeAll(async () => {
  desk = await startRunDesk()
  const { models, blobs, folds, feed } = desk
  progresses = createRunProgresses({ models, blobs, folds, news: createNews({ feed, closing: closing.signal }) })
}, 60_000)
afterAll(() => desk.stop())

const NEVER = new AbortController().signal
/** Longer than the tests may take. */
const LONG = 600_000

async function after(run: number, cursor: number, milliseconds = 0, signal = NEVER): Promise<RunProgress> {
  const progress = await progresses.after(run, cursor, { milliseconds, signal })
  if (!progress) throw new Error(`there is no run ${run}`)
  return progress
}
const claim = (run: number) => desk.decide(run, { type: 'ClaimRun', worker: 'w', after: 0 })
const record = (run: number, indexes: readonly number[], end = false) =>
  desk.decide(run, {
    type: 'RecordResults',
    attempt: 1,
    results: indexes.map((index) => finished(index)),
    ...(end && { end: {} }),
  })
const names = ({ results }: RunProgress): readonly string[] => results.map(({ name }) => name)

test('what there is is answered at once, from the cursor on', async () => {
  const run = await desk.ask(3)
  expect(await after(run, 0)).toMatchObject({ run: { status: '未执行', total: 3, all: 0 }, results: [], next: 0 })
  await claim(run)
  await record(run, [0])
  const first = await after(run, 0, LONG)
  expect(first).toMatchObject({ run: { status: '执行中', all: 1, success: 1 } })
  expect(first.results).toEqual([
    { scene: 'scene', flow: 0, index: 0, name: 'case 0', state: '成功', run_time: '0.1s' },
  ])
  await record(run, [1, 2], true)
  const rest = await after(run, first.next, LONG)
  expect([rest.run.status, rest.run.state, names(rest)]).toEqual(['执行完毕', 'success', ['case 1', 'case 2']])
  expect(names(await after(run, 0))).toEqual(['case 0', 'case 1', 'case 2'])
  // Of a run that has ended nothing is waited for.
  expect(await after(run, rest.next, LONG)).toMatchObject({ results: [], next: rest.next, run: { state: 'success' } })
})

test('who waits hears of a case as soon as it has finished, however many wait; a claim is no news', async () => {
  const run = await desk.ask(2)
  const waiting = Array.from({ length: 10 }, () => after(run, 0, LONG))
  await claim(run)
  await record(run, [0])
  for (const progress of await Promise.all(waiting)) {
    expect([names(progress), progress.run.all]).toEqual([['case 0'], 1])
  }
})

test('who waits hears of the end, without a case too', async () => {
  const run = await desk.ask(1)
  const waiting = after(run, 0, LONG)
  await claim(run)
  await desk.decide(run, { type: 'EndRun', reason: '超时' })
  expect(await waiting).toMatchObject({ results: [], run: { state: 'error', reason: '超时' } })
})

test('who waits hears of each case once, however the waiting falls between', async () => {
  const run = await desk.ask(30)
  const heard: string[] = []
  const follow = async (): Promise<void> => {
    let cursor = 0
    for (;;) {
      const { results, next, run: row } = await after(run, cursor, LONG)
      heard.push(...results.map(({ name }) => name))
      cursor = next
      if (results.length === 0 && row.state !== null) return
    }
  }
  const following = follow()
  await claim(run)
  for (let index = 0; index < 30; index += 3) await record(run, [index, index + 1, index + 2], index === 27)
  await following
  expect(heard).toEqual(Array.from({ length: 30 }, (_, nth) => `case ${nth}`))
})

test('who waits in vain is told what there is', async () => {
  const run = await desk.ask(1)
  expect(await after(run, 0, 50)).toMatchObject({ results: [], next: 0, run: { status: '未执行' } })
  const leaving = new AbortController()
  const waiting = after(run, 0, LONG, leaving.signal)
  leaving.abort()
  expect(await waiting).toMatchObject({ results: [], next: 0 })
})

test('what stands in a blob has its name and time all the same', async () => {
  const run = await desk.ask(2)
  await claim(run)
  const whole = JSON.stringify(finished(0).result).padEnd(20_000)
  const { text } = await desk.blobs.spill<{ text: string | { $blob: string; bytes: number } }>({ text: whole })
  await desk.decide(run, {
    type: 'RecordResults',
    attempt: 1,
    results: [{ ...finished(0), result: text }, finished(1)],
  })
  expect((await after(run, 0)).results.map(({ name, run_time }) => [name, run_time])).toEqual([
    ['case 0', '0.1s'],
    ['case 1', '0.1s'],
  ])
})

test('an unknown run has none, and a platform that goes down lets nobody wait', async () => {
  expect(await progresses.after(999, 0, { milliseconds: LONG, signal: NEVER })).toBeUndefined()
  const run = await desk.ask(1)
  const waiting = after(run, 0, LONG)
  closing.abort()
  expect(await waiting).toMatchObject({ results: [] })
})
