import { describe, expect, test } from '@jest/globals'
import type { LongText } from '../contracts/blob.ts'
import { type CaseResult, type RunEvent, type RunEventOf, runStream, type Verdict } from '../contracts/run.ts'
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
import { findRun, flowsOf, resultsAfter, resultsOf, unfinishedRuns } from './runs.ts'

const given = givenRows()

const target = { url: '/', method: 'get', name: '' }
const ofRun = (id: number, event: RunEvent): GivenEvent => ({ stream: runStream(id), ...event })
type Request = RunEventOf<'RunRequested'>['data']
const requested = (id: number, also: Partial<Request> = {}): GivenEvent =>
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
      ...also,
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
const caseFinished = (
  id: number,
  flow: number,
  index: number,
  what: string | LongText,
  state: Verdict = '成功',
): GivenEvent => {
  const told = typeof what === 'string' ? result(what, state) : what
  return ofRun(id, { type: 'CaseFinished', data: { attempt: 1, flow, index, state, result: told } })
}

const waiting = {
  id: 1,
  kind: 'case',
  task: null,
  name: 'run 1',
  project: 1,
  environment: 1,
  environment_name: 'environment 1',
  tester: 'admin',
  trigger: 'manual',
  build: null,
  branch: null,
  commit: null,
  url: null,
  total: 1,
  status: '未执行',
  state: null,
  all: 0,
  success: 0,
  fail: 0,
  error: 0,
  reason: null,
  requested_at: '2026-11-21T18:00:00.000000+08:00',
  started_at: null,
  finished_at: null,
  revision: '0',
}

describe("a run's record", () => {
  test('waits, is under way from its claim, and ends with its counts and times', async () => {
    expect(await findRun(await given(requested(1)), 1)).toEqual(waiting)
    const under = await given(requested(1), claimed(1), caseFinished(1, 0, 0, 'a', '失败'), released(1), claimed(1, 2))
    const sofar = { status: '执行中', started_at: '2026-11-21T18:00:01.000000+08:00', all: 1, fail: 1 }
    expect(await findRun(under, 1)).toEqual({ ...waiting, ...sofar, revision: '4' })
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
      started_at: '2026-11-21T18:00:01.000000+08:00',
      finished_at: '2026-11-21T18:00:02.000000+08:00',
      revision: '2',
    })
    expect(await findRun(ended, 2)).toBeUndefined()
  })

  test('counts each verdict so far, and has the revision of its last event', async () => {
    const models = await given(
      requested(1),
      claimed(1),
      caseFinished(1, 0, 0, 'a', '成功'),
      caseFinished(1, 0, 1, 'b', '失败'),
      ofRun(1, { type: 'CaseBegun', data: { attempt: 1, flow: 0, index: 2 } }),
      caseFinished(1, 0, 2, 'c', '错误'),
      caseFinished(1, 0, 3, 'd', '成功'),
      ofRun(1, { type: 'RunCancelRequested', data: { by: 'admin' } }),
    )
    expect(await findRun(models, 1)).toMatchObject({ all: 4, success: 2, fail: 1, error: 1, revision: '7' })
  })

  test('says what asked for it, what was built, and how many cases its flows were to have', async () => {
    const cases = { cases: [], name: 'of the scene' }
    const build = { build: '1042', branch: 'main', commit: '0ad3240', url: 'https://ci.example.com/1042' }
    const task: Partial<Request> = {
      kind: 'task',
      task: 7,
      name: '回归测试',
      trigger: 'api',
      build,
      flows: [
        { name: 'many', scene: 3, size: 1000 },
        { ...cases, scene: 4 },
      ],
    }
    const models = await given(
      requested(1),
      requested(2, task),
      requested(3, { kind: 'scene', scene: 5, flows: [cases] }),
    )
    expect(await findRun(models, 2)).toMatchObject({ kind: 'task', task: 7, trigger: 'api', ...build, total: 1000 })
    expect(await flowsOf(models, 1)).toEqual([
      { name: '登录', scene: null, size: 1 },
      { name: 'second', scene: null, size: 0 },
    ])
    expect(await flowsOf(models, 2)).toEqual([
      { name: 'many', scene: 3, size: 1000 },
      { name: 'of the scene', scene: 4, size: 0 },
    ])
    // Runs of a scene were stored before flows said of which they are.
    expect(await flowsOf(models, 3)).toEqual([{ name: 'of the scene', scene: 5, size: 0 }])
    expect(await flowsOf(models, 4)).toEqual([])
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
  expect((await resultsOf(models, 1, { flow: 0, index: 10 })).map(({ index }) => index)).toEqual([10])
  const [first] = await resultsOf(models, 1)
  expect(Object.keys(first?.result ?? {})).toEqual(Object.keys(result('first')))
  expect(Object.keys((first!.result as CaseResult).response_header ?? {})).toEqual(['b', 'a'])
  expect(await resultsOf(models, 3)).toEqual([])
})

test('what has come since is told in the order in which it came, and no result is read for it that says its name', async () => {
  const inBlob = { $blob: 'e'.repeat(64), bytes: 300_000 }
  const models = await given(
    requested(1),
    claimed(1),
    caseFinished(1, 1, 0, 'a', '失败'),
    caseFinished(2, 0, 0, 'of another run'),
    caseFinished(1, 0, 0, inBlob),
    caseFinished(1, 0, 1, 'c'),
  )
  const [a, b, c] = [
    { flow: 1, index: 0, revision: 2, state: '失败', name: 'a', run_time: '0.001s', whole: null },
    { flow: 0, index: 0, revision: 3, state: '成功', name: null, run_time: null, whole: inBlob },
    { flow: 0, index: 1, revision: 4, state: '成功', name: 'c', run_time: '0.001s', whole: null },
  ]
  const run = await findRun(models, 1)
  expect(await resultsAfter(models, 1, 0, 10)).toEqual({ run, results: [a, b, c] })
  expect(await resultsAfter(models, 1, 2, 10)).toEqual({ run, results: [b, c] })
  expect(await resultsAfter(models, 1, 2, 1)).toEqual({ run, results: [b] })
  expect(await resultsAfter(models, 1, 4, 10)).toEqual({ run, results: [] })
  expect(await resultsAfter(models, 3, 0, 10)).toBeUndefined()
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
