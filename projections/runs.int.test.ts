import { describe, expect, test } from '@jest/globals'
import { type CaseResult, type RunEvent, runStream, type Verdict } from '../contracts/run.ts'
import {
  caseDeleted,
  environmentChanged,
  environmentCreated,
  environmentDeleted,
  type GivenEvent,
  PLAIN_CASE,
  projectCreated,
  projectDeleted,
} from '../test/given-events.ts'
import { givenRows } from '../test/given-rows.ts'
import { findRun, resultsOf, unfinishedRuns } from './runs.ts'

const given = givenRows()

const target = { url: '/', method: 'get', name: '' }
const ofRun = (id: number, event: RunEvent): GivenEvent => ({ stream: runStream(id), ...event })
const requested = (id: number): GivenEvent =>
  ofRun(id, {
    type: 'RunRequested',
    data: {
      id,
      kind: 'case',
      debug: true,
      name: `run ${id}`,
      project: 1,
      environment: { id: 1, name: 'environment 1', stream: 'environment-1', revision: 0 },
      tester: 'admin',
      flows: [
        { name: '登录', cases: [{ title: 'a', interface: target, unsaved: { title: 'a', ...PLAIN_CASE } }] },
        { name: 'second', cases: [] },
      ],
    },
  })
const claimed = (id: number, attempt = 1): GivenEvent =>
  ofRun(id, { type: 'RunClaimed', data: { attempt, worker: 'w' } })
const released = (id: number, attempt = 1): GivenEvent =>
  ofRun(id, { type: 'RunReleased', data: { attempt, interrupted: false } })
const finished = (id: number, counts: { success?: number; fail?: number; error?: number }, reason?: string) => {
  const { success = 0, fail = 0, error = 0 } = counts
  const state = error > 0 ? ('error' as const) : fail > 0 ? ('fail' as const) : ('success' as const)
  const data = { attempt: 1, all: success + fail + error, success, fail, error, state }
  return ofRun(id, { type: 'RunFinished', data: reason === undefined ? data : { ...data, reason } })
}
const result = (name: string, state: Verdict = '成功'): CaseResult => ({
  name,
  log_data: [['EXCEPT', { $blob: 'd'.repeat(64), bytes: 40_000 }]],
  response_header: { b: '2', a: '1' },
  response_body: '{"a":1.0}',
  state,
  run_time: '0.001s',
  assertions: [],
  started_at: '2026-11-21T18:00:00.000000+08:00',
})
const caseFinished = (id: number, flow: number, index: number, name: string): GivenEvent =>
  ofRun(id, { type: 'CaseFinished', data: { attempt: 1, flow, index, state: '成功', result: result(name) } })

const waiting = {
  id: 1,
  kind: 'case',
  name: 'run 1',
  project: 1,
  environment: 1,
  environment_name: 'environment 1',
  tester: 'admin',
  flows: ['登录', 'second'],
  status: '未执行',
  state: null,
  all: 0,
  success: 0,
  fail: 0,
  error: 0,
  reason: null,
  requested_at: '2026-11-21T18:00:00.000000+08:00',
  finished_at: null,
  revision: '0',
}

describe("a run's record", () => {
  test('waits, is under way from its claim, and ends with its counts and times', async () => {
    expect(await findRun(await given(requested(1)), 1)).toEqual(waiting)
    const under = await given(requested(1), claimed(1), caseFinished(1, 0, 0, 'a'), claimed(1, 2))
    expect(await findRun(under, 1)).toEqual({ ...waiting, status: '执行中', revision: '3' })
    const ended = await given(requested(1), claimed(1), finished(1, { success: 2, fail: 1, error: 1 }, '超时'))
    expect(await findRun(ended, 1)).toEqual({
      ...waiting,
      status: '执行完毕',
      state: 'error',
      all: 4,
      success: 2,
      fail: 1,
      error: 1,
      reason: '超时',
      finished_at: '2026-11-21T18:00:02.000000+08:00',
      revision: '2',
    })
    expect(await findRun(ended, 2)).toBeUndefined()
  })

  test('keeps the names of its time, whatever becomes of what was run', async () => {
    const models = await given(
      requested(1),
      projectCreated(1),
      environmentCreated(1, 1),
      environmentChanged(1, { name: 'renamed' }),
      environmentDeleted(1),
      caseDeleted(1),
      projectDeleted(1),
    )
    expect(await findRun(models, 1)).toEqual(waiting)
  })
})

test('results are in the order of flows and cases, each as it was reported', async () => {
  const models = await given(
    requested(1),
    requested(2),
    claimed(1),
    caseFinished(1, 1, 0, 'third'),
    caseFinished(1, 0, 10, 'second'),
    caseFinished(1, 0, 2, 'first'),
    caseFinished(2, 0, 0, 'of another run'),
  )
  expect(await resultsOf(models, 1)).toEqual([
    { flow: 0, index: 2, result: result('first') },
    { flow: 0, index: 10, result: result('second') },
    { flow: 1, index: 0, result: result('third') },
  ])
  const [first] = await resultsOf(models, 1)
  expect(Object.keys(first?.result ?? {})).toEqual(Object.keys(result('first')))
  expect(Object.keys((first!.result as CaseResult).response_header ?? {})).toEqual(['b', 'a'])
  expect(await resultsOf(models, 3)).toEqual([])
})

test('a result that is told again by a later attempt stands once', async () => {
  const models = await given(requested(1), caseFinished(1, 0, 0, 'old'), caseFinished(1, 0, 0, 'new'))
  expect((await resultsOf(models, 1)).map(({ result }) => (result as CaseResult).name)).toEqual(['new'])
})

test('runs that have not ended are known, in order, with their last attempt and whether somebody has them', async () => {
  const models = await given(
    requested(2),
    requested(10),
    requested(3),
    requested(4),
    claimed(10),
    claimed(10, 2),
    finished(3, { success: 1 }),
    claimed(4),
    released(4),
  )
  expect(await unfinishedRuns(models)).toEqual([
    { id: 2, attempt: 0, claimed: false, requested_at: expect.stringMatching(/^2026-/) },
    { id: 4, attempt: 1, claimed: false, requested_at: expect.stringMatching(/^2026-/) },
    { id: 10, attempt: 2, claimed: true, requested_at: expect.stringMatching(/^2026-/) },
  ])
  // Once begun a run is under way for its readers, whoever goes on with it.
  expect(await findRun(models, 4)).toMatchObject({ status: '执行中' })
})
