import { describe, test, expect } from '@jest/globals'
import type { JsonText } from '../../contracts/json.ts'
import type { CaseResult, RunEvent, RunEventOf, Verdict } from '../../contracts/run.ts'
import { given } from '../../test/given.ts'
import { testCase } from './case.ts'
import { environment } from './environment.ts'
import { httpInterface } from './interface.ts'
import { project } from './project.ts'
import { run } from './run.ts'
import { team } from './team.ts'
import { user } from './user.ts'

const json = (text: string): JsonText => text as JsonText

describe('a project', () => {
  const created = { type: 'ProjectCreated', data: { id: 1, name: '小小电商', leader: 'torin' } } as const
  const deleted = { type: 'ProjectDeleted', data: {} } as const

  test('is created once', () => {
    given(project).when({ type: 'CreateProject', data: created.data }).gives(created)
    given(project, created).when({ type: 'CreateProject', data: created.data }).refused('conflict')
  })
  test('says only what has changed', () => {
    const when = (changes: object) => given(project, created).when({ type: 'ChangeProject', changes })
    when({ name: 'aa', leader: 'torin' }).gives({ type: 'ProjectChanged', data: { name: 'aa' } })
    when({ name: '小小电商' }).gives()
    when({}).gives()
  })
  test('is deleted once, and nothing comes after', () => {
    given(project, created).when({ type: 'DeleteProject' }).gives(deleted)
    given(project, created, deleted).when({ type: 'DeleteProject' }).refused('not_found')
    given(project, created, deleted)
      .when({ type: 'ChangeProject', changes: { name: 'x' } })
      .refused('not_found')
    given(project).when({ type: 'DeleteProject' }).refused('not_found')
  })
  test('was created when its first event was recorded', () => {
    expect(given(project, created).state).toMatchObject({ create_time: '2026-11-21T18:00:00.000000+08:00' })
  })
})

describe('an interface', () => {
  const data = { id: 1, project: 7, name: '登录', url: '/users/login/', method: 'post', type: '1' }
  const created = { type: 'InterfaceCreated', data } as const

  test('changes within its project alone', () => {
    const when = (more: object) => given(httpInterface, created).when({ type: 'ChangeInterface', changes: {}, ...more })
    when({ project: 7, changes: { url: '/u/' } }).gives({ type: 'InterfaceChanged', data: { url: '/u/' } })
    when({ project: 8 }).refused('invalid', 'project')
    when({ project: 7, changes: { url: '/users/login/' } }).gives()
  })
  test('lies in no module until it is filed in one', () => {
    expect(given(httpInterface, created).state).toMatchObject({ module: null })
    const when = (module: number | null) =>
      given(httpInterface, created, { type: 'InterfaceChanged', data: { module: 2 } }).when({
        type: 'ChangeInterface',
        changes: { module },
      })
    when(2).gives()
    when(3).gives({ type: 'InterfaceChanged', data: { module: 3 } })
    when(null).gives({ type: 'InterfaceChanged', data: { module: null } })
  })
  test('is deleted once', () => {
    given(httpInterface, created).when({ type: 'DeleteInterface' }).gives({ type: 'InterfaceDeleted', data: {} })
    given(httpInterface, created, { type: 'InterfaceDeleted', data: {} })
      .when({ type: 'DeleteInterface' })
      .refused('not_found')
  })
})

describe('a case', () => {
  const content = { title: 'a', headers: json('{}'), request: json('{ "json": 1.0 }'), file: json('[]') }
  const created = {
    type: 'CaseCreated',
    data: { id: 1, interface: 2, ...content, setup_script: '', teardown_script: '' },
  } as const

  test('keeps what is the same letter for letter, and takes what is written another way for a change', () => {
    const when = (request: string) =>
      given(testCase, created).when({ type: 'ChangeCase', changes: { request: json(request) } })
    when('{ "json": 1.0 }').gives()
    when('{"json": 1.0}').gives({ type: 'CaseChanged', data: { request: json('{"json": 1.0}') } })
  })
  test('may hold a long script by reference', () => {
    const setup_script = { $blob: 'a'.repeat(64), bytes: 20_000 }
    const changed = { type: 'CaseChanged', data: { setup_script } } as const
    given(testCase, created).when({ type: 'ChangeCase', changes: { setup_script } }).gives(changed)
    given(testCase, created, changed)
      .when({ type: 'ChangeCase', changes: { setup_script: { ...setup_script } } })
      .gives()
  })
})

describe('an environment', () => {
  const data = {
    id: 1,
    project: 7,
    name: '本地',
    host: 'http://h',
    headers: json('{}'),
    global_variable: json('{}'),
    debug_global_variable: json('{"a":1}'),
    db: json('[]'),
    global_func: '',
    secrets: [],
  }
  const created = { type: 'EnvironmentCreated', data } as const
  const saved = { type: 'DebugVariablesSaved', data: { set: { b: json('2') }, deleted: ['a'] } } as const

  test('lays what debug runs save over what was written', () => {
    given(environment, created)
      .when({ type: 'SaveDebugVariables', ...saved.data })
      .gives(saved)
    given(environment, created).when({ type: 'SaveDebugVariables', set: {}, deleted: [] }).gives()
    expect(given(environment, created, saved).state).toMatchObject({ debug_overlay: { b: '2', a: null } })
  })
  test('forgets it when the variables are written whole, were it with the same text', () => {
    const changes = { debug_global_variable: json('{"a":1}') }
    const changed = { type: 'EnvironmentChanged', data: changes } as const
    given(environment, created).when({ type: 'ChangeEnvironment', changes }).gives()
    given(environment, created, saved).when({ type: 'ChangeEnvironment', changes }).gives(changed)
    expect(given(environment, created, saved, changed).state).toMatchObject({ debug_overlay: {} })
  })
  test('stays in its project', () => {
    given(environment, created)
      .when({ type: 'ChangeEnvironment', project: 8, changes: {} })
      .refused('invalid', 'project')
  })
  test('takes nothing after its deletion', () => {
    const deleted = { type: 'EnvironmentDeleted', data: {} } as const
    given(environment, created, deleted)
      .when({ type: 'SaveDebugVariables', ...saved.data })
      .refused('not_found')
  })
})

describe('a user and the team', () => {
  const admin = { type: 'MemberAdded', data: { id: 1, username: 'admin', role: 'admin' } } as const
  const second = { type: 'MemberAdded', data: { id: 2, username: 'b', role: 'admin' } } as const

  test('the last active admin stays one', () => {
    for (const changes of [{ active: false }, { role: 'tester' as const }, { role: 'viewer' as const, active: true }]) {
      given(team, admin).when({ type: 'ChangeMember', id: 1, changes }).refused('conflict')
    }
    given(team, admin, second)
      .when({ type: 'ChangeMember', id: 1, changes: { active: false } })
      .gives({
        type: 'MemberChanged',
        data: { id: 1, active: false },
      })
    const out = { type: 'MemberChanged', data: { id: 2, active: false } } as const
    given(team, admin, second, out)
      .when({ type: 'ChangeMember', id: 1, changes: { role: 'tester' } })
      .refused('conflict')
    given(team, admin)
      .when({ type: 'ChangeMember', id: 1, changes: { role: 'admin', active: true } })
      .gives()
  })
  test('a new password moves the team, for a user is changed by it', () => {
    given(team, admin)
      .when({ type: 'ChangeMember', id: 1, changes: {}, password: 'changed' })
      .gives({ type: 'MemberChanged', data: { id: 1, password: 'changed' } })
  })
  test('a member is added once, and one that is not there is not changed', () => {
    given(team, admin).when({ type: 'AddMember', data: admin.data }).refused('conflict', 'username')
    given(team, admin)
      .when({ type: 'ChangeMember', id: 9, changes: { active: false } })
      .refused('not_found')
  })
  test('a deactivation and a password tell the tokens from before them', () => {
    const out = { type: 'MemberChanged', data: { id: 2, active: false } } as const
    const back = { type: 'MemberChanged', data: { id: 2, active: true } } as const
    expect(given(team, admin, second, out, back).state.members.get(2)).toMatchObject({
      active: true,
      deactivated_revision: 2,
    })
    const created = { type: 'UserCreated', data: { id: 1, username: 'a', password_hash: 'x' } } as const
    const changed = { type: 'PasswordChanged', data: { password_hash: 'y' } } as const
    given(user, created).when({ type: 'ChangePassword', password_hash: 'y' }).gives(changed)
    given(user, created).when({ type: 'CreateUser', data: created.data }).refused('conflict', 'username')
    given(user).when({ type: 'ChangePassword', password_hash: 'y' }).refused('not_found')
    expect(given(user, created, changed).state).toMatchObject({ password_hash: 'y', password_revision: 1 })
  })
})

describe('a run', () => {
  const target = { url: '/', method: 'get', name: '' }
  const texts = { headers: json('{}'), request: json('{}'), file: json('[]'), setup_script: '', teardown_script: '' }
  const unsaved = (title: string) => ({ title, interface: target, unsaved: { title, ...texts } })
  const request: RunEventOf<'RunRequested'>['data'] = {
    id: 1,
    kind: 'case',
    debug: true,
    name: 'a',
    project: 1,
    environment: { id: 1, name: 'e', stream: 'environment-1', revision: 0 },
    tester: 'admin',
    flows: [{ name: 'a', cases: [unsaved('a'), unsaved('b')] }],
  }
  const requested: RunEvent = { type: 'RunRequested', data: request }
  const claimed = (attempt: number): RunEvent => ({ type: 'RunClaimed', data: { attempt, worker: 'w' } })
  const result = (state: Verdict): CaseResult => ({
    name: 'a',
    log_data: [],
    state,
    run_time: '0.1s',
    assertions: [],
    started_at: '',
  })
  const finished = (attempt: number, index: number, state: Verdict): RunEvent => ({
    type: 'CaseFinished',
    data: { attempt, flow: 0, index, state, result: result(state) },
  })
  const released = (attempt: number, interrupted = false): RunEvent => ({
    type: 'RunReleased',
    data: { attempt, interrupted },
  })
  const claim = (after: number) => ({ type: 'ClaimRun', worker: 'w', after }) as const

  test('is claimed by attempts that count up, each by who knows of the last', () => {
    given(run, requested).when(claim(0)).gives(claimed(1))
    given(run, requested, claimed(1)).when(claim(1)).gives(claimed(2))
    given(run, requested, claimed(1)).when(claim(0)).refused('conflict')
    given(run).when(claim(0)).refused('not_found')
  })
  test('is given back by its runner alone, who then has nothing more to say', () => {
    const release = { type: 'ReleaseRun', attempt: 1, interrupted: true } as const
    given(run, requested, claimed(1)).when(release).gives(released(1, true))
    given(run, requested, claimed(1), claimed(2)).when(release).refused('conflict')
    given(run, requested, claimed(1), released(1))
      .when({ type: 'RecordResults', attempt: 1, results: [] })
      .refused('conflict')
    given(run, requested, claimed(1), released(1)).when(claim(1)).gives(claimed(2))
  })
  test('knows how many of its cases an earlier attempt may have begun', () => {
    const mayHaveRun = (...events: RunEvent[]) => given(run, requested, ...events).state
    expect(mayHaveRun(claimed(1))).toMatchObject({ progress: [{ mayHaveRun: 0 }] })
    expect(mayHaveRun(claimed(1), claimed(2))).toMatchObject({ progress: [{ mayHaveRun: 2 }] })
    expect(mayHaveRun(claimed(1), claimed(2), finished(2, 0, '成功'))).toMatchObject({ progress: [{ mayHaveRun: 1 }] })
    expect(mayHaveRun(claimed(1), released(1), claimed(2))).toMatchObject({ progress: [{ mayHaveRun: 0 }] })
    expect(mayHaveRun(claimed(1), released(1, true), claimed(2))).toMatchObject({ progress: [{ mayHaveRun: 1 }] })
    // The second attempt stopped before it came to what the first, which died, had begun.
    expect(mayHaveRun(claimed(1), claimed(2), released(2), claimed(3))).toMatchObject({ progress: [{ mayHaveRun: 2 }] })
    expect(mayHaveRun(claimed(1), claimed(2), released(2, true), claimed(3))).toMatchObject({
      progress: [{ mayHaveRun: 2 }],
    })
    expect(mayHaveRun(claimed(1), claimed(2), finished(2, 0, '成功'), released(2))).toMatchObject({
      progress: [{ mayHaveRun: 1 }],
    })
  })
  test('takes one verdict for each case, in their order', () => {
    const record = (index: number, ...before: RunEvent[]) =>
      given(run, requested, claimed(1), ...before).when({
        type: 'RecordResults',
        attempt: 1,
        results: [{ flow: 0, index, state: '成功' as const, result: result('成功') }],
      })
    record(1).refused('conflict')
    record(0, finished(1, 0, '失败')).refused('conflict')
    record(2, finished(1, 0, '失败'), finished(1, 1, '失败')).refused('conflict')
    record(1, finished(1, 0, '失败')).gives(finished(1, 1, '成功'))
  })
  test('knows how often an attempt has died of the next case, and how often one has failed', () => {
    const begun = (attempt: number): RunEvent => ({ type: 'CaseBegun', data: { attempt, flow: 0, index: 0 } })
    const failed = (attempt: number): RunEvent => ({
      type: 'RunReleased',
      data: { attempt, interrupted: true, failed: true },
    })
    given(run, requested, claimed(1), claimed(2))
      .when({ type: 'BeginCase', attempt: 2, place: { flow: 0, index: 0 } })
      .gives(begun(2))
    given(run, requested, claimed(1), claimed(2))
      .when({ type: 'BeginCase', attempt: 1, place: { flow: 0, index: 0 } })
      .refused('conflict')
    const after = (...events: RunEvent[]) => given(run, requested, claimed(1), ...events).state
    // Of the cases that no earlier attempt can have begun nobody says that they begin: the first attempt has died of one.
    expect(after(claimed(2))).toMatchObject({ progress: [{ deaths: 1 }] })
    // A later process that dies before it has begun a case has not died of it.
    expect(after(claimed(2), claimed(3))).toMatchObject({ progress: [{ deaths: 1 }] })
    expect(after(claimed(2), begun(2), claimed(3), begun(3), claimed(4))).toMatchObject({ progress: [{ deaths: 3 }] })
    expect(after(claimed(2), begun(2), released(2, true), claimed(3))).toMatchObject({ progress: [{ deaths: 1 }] })
    expect(after(released(1, true), claimed(2))).toMatchObject({ progress: [{ deaths: 0 }] })
    expect(after(claimed(2), begun(2), claimed(3), finished(3, 0, '成功'))).toMatchObject({ progress: [{ deaths: 0 }] })
    expect(after(claimed(2), begun(2), claimed(3), finished(3, 0, '成功'), claimed(4))).toMatchObject({
      progress: [{ deaths: 0 }],
    })
    expect(after(failed(1), claimed(2), failed(2))).toMatchObject({
      failures: 2,
      progress: [{ deaths: 0, mayHaveRun: 2 }],
    })
    expect(after(failed(1), claimed(2), finished(2, 0, '成功'))).toMatchObject({ failures: 0 })
  })
  describe('with several flows at a time', () => {
    const flows = ['a', 'b', 'c'].map((name) => ({ name, size: 3 }))
    const many: RunEvent = { ...requested, data: { ...request, kind: 'task', concurrency: 2, flows, plan: '[]' } }
    const done = (attempt: number, flow: number, index: number): RunEvent => {
      const told = finished(attempt, index, '成功')
      return told.type === 'CaseFinished' ? { ...told, data: { ...told.data, flow } } : told
    }
    const begun = (attempt: number, flow: number, index = 0): RunEvent => ({
      type: 'CaseBegun',
      data: { attempt, flow, index },
    })
    const progress = (...events: RunEvent[]) => {
      const { state } = given(run, many, claimed(1), ...events)
      return state.status === 'none' ? [] : state.progress.map((each) => [each.done, each.mayHaveRun, each.deaths])
    }

    test('takes results in the order of each flow', () => {
      const record = (flow: number, index: number, ...before: RunEvent[]) =>
        given(run, many, claimed(1), ...before).when({
          type: 'RecordResults',
          attempt: 1,
          results: [{ flow, index, state: '成功' as const, result: result('成功') }],
        })
      record(1, 0).gives(done(1, 1, 0))
      record(0, 0, done(1, 1, 0)).gives(done(1, 0, 0))
      record(1, 0, done(1, 1, 0)).refused('conflict')
      record(0, 3, done(1, 0, 0), done(1, 0, 1), done(1, 0, 2)).refused('conflict')
      record(3, 0).refused('conflict')
    })
    test('has none more suspected of a death than were under way', () => {
      expect(progress(done(1, 1, 0), claimed(2))).toEqual([
        [0, 2, 1],
        [1, 2, 1],
        [0, 0, 0],
      ])
      // The flow that had come to its end made room for the third.
      expect(progress(done(1, 0, 0), done(1, 0, 1), done(1, 0, 2), claimed(2))).toEqual([
        [3, 0, 0],
        [0, 2, 1],
        [0, 2, 1],
      ])
      // Of its last case nothing can follow.
      expect(progress(done(1, 0, 0), done(1, 0, 1), claimed(2))).toEqual([
        [2, 1, 1],
        [0, 2, 1],
        [0, 0, 0],
      ])
    })
    test('finds the one that kills by one death more', () => {
      expect(progress(claimed(2), begun(2, 0), claimed(3))).toEqual([
        [0, 2, 2],
        [0, 2, 1],
        [0, 0, 0],
      ])
      expect(progress(claimed(2), begun(2, 0), done(2, 0, 0), begun(2, 0, 1), claimed(3))).toEqual([
        [1, 1, 1],
        [0, 2, 1],
        [0, 0, 0],
      ])
      const cleared = [0, 1].flatMap((flow) => [begun(2, flow), done(2, flow, 0), begun(2, flow, 1), done(2, flow, 1)])
      expect(progress(claimed(2), ...cleared, claimed(3))).toEqual([
        [2, 1, 1],
        [2, 1, 1],
        [0, 0, 0],
      ])
    })
    test('has what was under way begun when it is given back in the middle, and nothing else', () => {
      expect(progress(released(1, true))).toEqual([
        [0, 1, 0],
        [0, 1, 0],
        [0, 0, 0],
      ])
      expect(progress(released(1))).toEqual([
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ])
    })
    test('ends when all flows have, and not before', () => {
      const end = { type: 'RecordResults', attempt: 1, results: [], end: {} } as const
      given(run, many, claimed(1), done(1, 0, 0))
        .when(end)
        .refused('conflict')
    })
  })
  describe('that somebody cancels', () => {
    const cancel = { type: 'CancelRun', by: 'musen' } as const
    const cancelled: RunEvent = { type: 'RunCancelRequested', data: { by: 'musen' } }
    const end = (attempt: number, all = 0): RunEvent => ({
      type: 'RunFinished',
      data: { attempt, all, success: all, fail: 0, error: 0, state: 'cancelled' },
    })
    test('ends at once when nobody has it', () => {
      given(run, requested).when(cancel).gives(cancelled, end(0))
      given(run, requested, claimed(1), released(1)).when(cancel).gives(cancelled, end(1))
    })
    test('ends by its runner, with what has a result', () => {
      given(run, requested, claimed(1)).when(cancel).gives(cancelled)
      given(run, requested, claimed(1), cancelled).when(cancel).gives()
      given(run, requested, claimed(1), cancelled)
        .when({
          type: 'RecordResults',
          attempt: 1,
          results: [{ flow: 0, index: 0, state: '成功', result: result('成功') }],
          end: {},
        })
        .gives(finished(1, 0, '成功'), end(1, 1))
      given(run, requested, claimed(1), cancelled)
        .when({ type: 'ReleaseRun', attempt: 1, interrupted: true })
        .gives(released(1, true), end(1))
    })
    test('is cancelled when its last case was under way, too', () => {
      given(run, requested, claimed(1), cancelled, finished(1, 0, '成功'))
        .when({
          type: 'RecordResults',
          attempt: 1,
          results: [{ flow: 0, index: 1, state: '成功', result: result('成功') }],
          end: {},
        })
        .gives(finished(1, 1, '成功'), end(1, 2))
    })
    test('is cancelled when its deadline comes before its runner ends it', () => {
      given(run, requested, claimed(1), cancelled)
        .when({ type: 'EndRun', reason: '超时' })
        .gives({
          type: 'RunFinished',
          data: { attempt: 1, all: 0, success: 0, fail: 0, error: 0, state: 'cancelled', reason: '超时' },
        })
    })
    test('is no run any more when it has ended', () => {
      given(run, requested, claimed(1), end(1)).when(cancel).refused('conflict')
      given(run).when(cancel).refused('not_found')
    })
  })
  test('is ended as 错误 with a reason, whoever has it', () => {
    const end = (all: number, error: number): RunEvent => ({
      type: 'RunFinished',
      data: { attempt: 1, all, success: all - error, fail: 0, error, state: 'error', reason: '超时' },
    })
    const told = { flow: 0, index: 1, state: '错误' as const, result: result('错误') }
    given(run, requested, claimed(1), finished(1, 0, '成功'))
      .when({ type: 'EndRun', reason: '超时', result: told })
      .gives(finished(1, 1, '错误'), end(2, 1))
    given(run, requested, claimed(1), finished(1, 0, '成功'), finished(1, 1, '成功'))
      .when({ type: 'EndRun', reason: '超时' })
      .gives(end(2, 0))
    given(run, requested, claimed(1), end(0, 0)).when({ type: 'EndRun', reason: '超时' }).refused('conflict')
  })
  test('takes results of its last attempt alone', () => {
    const results = [{ flow: 0, index: 0, state: '成功' as const, result: result('成功') }]
    const when = (attempt: number) =>
      given(run, requested, claimed(1), claimed(2)).when({ type: 'RecordResults', attempt, results })
    when(1).refused('conflict')
    when(2).gives(finished(2, 0, '成功'))
  })
  test('ends with the counts of all its cases, those of earlier attempts too', () => {
    const results = [{ flow: 0, index: 1, state: '错误' as const, result: result('错误') }]
    given(run, requested, claimed(1), finished(1, 0, '失败'), claimed(2))
      .when({ type: 'RecordResults', attempt: 2, results, end: {} })
      .gives(finished(2, 1, '错误'), {
        type: 'RunFinished',
        data: { attempt: 2, all: 2, success: 0, fail: 1, error: 1, state: 'error' },
      })
  })
  test.each<[Verdict[], string]>([
    [['成功', '成功'], 'success'],
    [['成功', '失败'], 'fail'],
    [['失败', '错误'], 'error'],
    [[], 'success'],
  ])('of %s is %s', (verdicts, state) => {
    const results = verdicts.map((verdict, index) => ({ flow: 0, index, state: verdict, result: result(verdict) }))
    // A plan stands in for the cases of a long run.
    const planned = { ...requested, data: { ...request, flows: [{ name: 'a', size: verdicts.length }], plan: '[]' } }
    const events = run.decide(
      { type: 'RecordResults', attempt: 1, results, end: {} },
      given(run, planned, claimed(1)).state,
    )
    expect(events.at(-1)).toMatchObject({ type: 'RunFinished', data: { state } })
  })
  test('says nothing after its end', () => {
    const end: RunEvent = {
      type: 'RunFinished',
      data: { attempt: 1, all: 0, success: 0, fail: 0, error: 0, state: 'success' },
    }
    given(run, requested, claimed(1), end).when(claim(1)).refused('conflict')
    given(run, requested, claimed(1), end).when({ type: 'RecordResults', attempt: 1, results: [] }).refused('conflict')
  })
  test('knows how many attempts have died without a result', () => {
    expect(given(run, requested, claimed(1), claimed(2)).state).toMatchObject({ progress: [{ deaths: 1 }] })
    expect(given(run, requested, claimed(1), finished(1, 0, '成功'), claimed(2)).state).toMatchObject({
      progress: [{ deaths: 1 }],
    })
    expect(given(run, requested, claimed(1), released(1), claimed(2)).state).toMatchObject({
      progress: [{ deaths: 0 }],
    })
  })
})
