import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { bugStream } from '../../contracts/bug.ts'
import { caseStream } from '../../contracts/case.ts'
import type { Decider, Event, StreamId } from '../../contracts/core.ts'
import { environmentStream } from '../../contracts/environment.ts'
import { interfaceStream } from '../../contracts/interface.ts'
import { modulesStream } from '../../contracts/module.ts'
import { projectStream } from '../../contracts/project.ts'
import { runStream } from '../../contracts/run.ts'
import { sceneStream } from '../../contracts/scene.ts'
import { taskStream } from '../../contracts/task.ts'
import { apiTokenStream, TEAM_STREAM, userStream } from '../../contracts/user.ts'
import { apiToken } from '../../services/commands/api-token.ts'
import { bug } from '../../services/commands/bug.ts'
import { testCase } from '../../services/commands/case.ts'
import { environment } from '../../services/commands/environment.ts'
import { httpInterface } from '../../services/commands/interface.ts'
import { type LiveModules, modules } from '../../services/commands/modules.ts'
import { project } from '../../services/commands/project.ts'
import { run } from '../../services/commands/run.ts'
import { type LiveScene, scene } from '../../services/commands/scene.ts'
import { task } from '../../services/commands/task.ts'
import { team } from '../../services/commands/team.ts'
import { user } from '../../services/commands/user.ts'
import { openStoredLog, type StoredLog } from './log.ts'
import {
  HEADERS,
  VARIABLES,
  DEBUG_VARIABLES,
  SAVED,
  LONG_VARIABLE,
  DB,
  FUNCTIONS,
  REQUEST,
  SETUP,
  TEARDOWN,
} from './texts.ts'

let log: StoredLog

beforeAll(async () => {
  log = await openStoredLog()
})
afterAll(() => log.stop())

const stateOf = async <S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId): Promise<S> =>
  (await log.folds.read(decider, stream)).state

describe('the deciders fold them to', () => {
  test('users, and the team', async () => {
    expect(await stateOf(user, userStream('admin'))).toEqual({
      status: 'live',
      id: 1,
      username: 'admin',
      password_hash:
        'scrypt$32768$8$1$fe9d453c3bfdc63ca3dc76cd53686062$84941e2e8c9ef45c2b88b7a040171deed2567ee625b8e97b739e184b2d4e8e5e',
      password_revision: 0,
      logged_out: new Map(),
    })
    expect(await stateOf(user, userStream('测试员a'))).toEqual({
      status: 'live',
      id: 2,
      username: '测试员A',
      password_hash:
        'scrypt$32768$8$1$20c208da5a8e08d5544e23380588f638$a044d24b8d2829d6172232be94db1c19dd676706975c9117ec6885887510d6f3',
      password_revision: 1,
      logged_out: new Map([['905a397ba4484594be550286bc5bbf20', 1_795_366_800]]),
    })
    expect(await stateOf(team, TEAM_STREAM)).toEqual({
      members: new Map([
        [1, { id: 1, username: 'admin', role: 'admin', active: true, deactivated_revision: -1 }],
        [2, { id: 2, username: '测试员A', role: 'tester', active: true, deactivated_revision: 2 }],
      ]),
    })
  })

  test('API tokens', async () => {
    expect(await stateOf(apiToken, apiTokenStream(1))).toEqual({
      status: 'live',
      id: 1,
      owner: 1,
      name: 'jenkins',
      role: 'tester',
      hash: '84941e2e8c9ef45c2b88b7a040171deed2567ee625b8e97b739e184b2d4e8e5e',
      team_revision: 3,
      created_at: '2026-11-22T00:20:19.140959+08:00',
    })
    expect(await stateOf(apiToken, apiTokenStream(2))).toEqual({ status: 'revoked', id: 2, owner: 2 })
  })

  test('projects and interfaces', async () => {
    expect(await stateOf(project, projectStream(1))).toEqual({
      status: 'live',
      id: 1,
      name: '小小电商',
      leader: '木森',
      create_time: '2026-11-21T18:12:56.107672+08:00',
    })
    expect(await stateOf(project, projectStream(2))).toEqual({ status: 'deleted', id: 2 })
    const login = { name: '登录', url: '/users/${{version}}/login/', method: 'PUT', type: '1', module: null }
    expect(await stateOf(httpInterface, interfaceStream(1))).toEqual({ status: 'live', id: 1, project: 1, ...login })
    expect(await stateOf(httpInterface, interfaceStream(2))).toEqual({ status: 'deleted', id: 2, project: 1 })
    expect(await stateOf(httpInterface, interfaceStream(3))).toMatchObject({ status: 'live', id: 3, module: null })
  })

  test('modules', async () => {
    const { modules: left, ...fields } = (await stateOf(modules, modulesStream(1))) as LiveModules
    expect(fields).toEqual({ status: 'live', project: 1 })
    expect(Object.fromEntries(left.entries())).toEqual({
      2: { name: '登录与注册', parent: 3 },
      3: { name: '订单', parent: null },
    })
  })

  test('bugs', async () => {
    const create_time = '2026-11-22T00:20:13.140959+08:00'
    expect(await stateOf(bug, bugStream(1))).toEqual({
      status: 'live',
      id: 1,
      create_time,
      fields: {
        interface: 1,
        interface_url: '/users/token/',
        project: 1,
        desc: '登录返回500',
        info: '[]',
        status: '处理中',
        user: 'musen',
      },
      handle: [
        { handle: '提交bug,bug状态是未处理', update_user: 'admin', create_time },
        {
          handle: '更新bug,bug状态是处理中',
          update_user: 'musen',
          create_time: '2026-11-22T00:20:14.140959+08:00',
        },
        {
          handle: '更新bug,bug状态是处理中',
          update_user: 'admin',
          create_time: '2026-11-22T00:20:15.140959+08:00',
        },
      ],
    })
    expect(await stateOf(bug, bugStream(2))).toEqual({ status: 'deleted', id: 2 })
  })

  test('environments', async () => {
    expect(await stateOf(environment, environmentStream(1))).toEqual({
      status: 'live',
      id: 1,
      project: 1,
      name: '预发环境',
      host: 'http://api.example.com:8000',
      headers: HEADERS,
      global_variable: VARIABLES,
      debug_global_variable: DEBUG_VARIABLES,
      debug_overlay: { old: SAVED, token: null, long: LONG_VARIABLE },
      db: DB,
      global_func: FUNCTIONS,
      secrets: ['headers.Authorization', 'global_variable.token'],
    })
    expect(await stateOf(environment, environmentStream(2))).toEqual({
      status: 'live',
      id: 2,
      project: 1,
      name: 'e',
      host: '',
      headers: '{}',
      global_variable: '{}',
      debug_global_variable: '{"b":2}',
      debug_overlay: {},
      db: '[]',
      global_func: 'def f():\n    return "é"\n',
      secrets: [],
    })
    expect(await stateOf(environment, environmentStream(3))).toEqual({ status: 'deleted', id: 3, project: 1 })
  })

  test('cases', async () => {
    expect(await stateOf(testCase, caseStream(1))).toEqual({
      status: 'live',
      id: 1,
      interface: 1,
      title: '登录失败',
      headers: '{}',
      request: REQUEST,
      file: '[]',
      setup_script: SETUP,
      teardown_script: TEARDOWN,
    })
    expect(await stateOf(testCase, caseStream(2))).toEqual({ status: 'deleted', id: 2, interface: 1 })
  })

  test('scenes and their steps', async () => {
    const { steps, ...fields } = (await stateOf(scene, sceneStream(1))) as LiveScene
    expect(fields).toEqual({ status: 'live', id: 1, name: '注册接口测试', project: 1 })
    expect(Object.fromEntries(steps.entries())).toEqual({
      1: { icase: 1, sort: Number.MAX_SAFE_INTEGER },
      3: { icase: 1, sort: 3 },
      4: { icase: 2, sort: 5 },
    })
    expect(await stateOf(scene, sceneStream(2))).toEqual({ status: 'deleted', id: 2, project: 1 })
  })

  test('tasks', async () => {
    expect(await stateOf(task, taskStream(1))).toEqual({
      status: 'live',
      id: 1,
      project: 1,
      name: '冒烟测试',
      scenes: [2, 1],
      concurrency: 8,
    })
    expect(await stateOf(task, taskStream(2))).toEqual({ status: 'deleted', id: 2, project: 1 })
  })

  test('runs', async () => {
    const texts = { headers: '{}', request: '{}', file: '[]', teardown_script: '' }
    const saved = {
      title: '登录失败',
      id: 1,
      case: { stream: 'case-1', revision: 1 },
      interface: { stream: 'interface-1', revision: 1 },
    }
    const setup_script = { $blob: 'a1f77dc28e1062c4eb0ab8f864148c4955d10e0c0db99ac1894811c856976603', bytes: 16_400 }
    const unsaved = {
      title: '未保存',
      interface: { url: '/ping', method: 'get', name: 'ping' },
      unsaved: { title: '未保存', setup_script, ...texts },
    }
    expect(await stateOf(run, runStream(1))).toEqual({
      status: 'finished',
      request: {
        id: 1,
        kind: 'case',
        debug: true,
        name: '登录失败',
        project: 1,
        environment: { id: 1, name: '预发环境', stream: 'environment-1', revision: 1 },
        tester: 'admin',
        flows: [{ name: '登录失败', cases: [saved, unsaved] }],
      },
      correlationId: '55baeb19-8f26-5196-908a-2543616c7f48',
      requestedAt: '2026-11-21T18:15:23.127811+08:00',
      attempt: 2,
      counts: { all: 2, success: 0, fail: 1, error: 1 },
      progress: [{ done: 2, deaths: 0, begun: false, mayHaveRun: 0 }],
      failures: 0,
    })
    const ping = {
      title: 'ping',
      interface: { stream: 'interface-1', revision: 0 },
      unsaved: { title: 'ping', setup_script: '', ...texts },
    }
    expect(await stateOf(run, runStream(3))).toEqual({
      status: 'requested',
      request: {
        id: 3,
        kind: 'case',
        debug: true,
        name: 'ping',
        project: 1,
        environment: { id: 2, name: 'e', stream: 'environment-2', revision: 2 },
        tester: '测试员A',
        flows: [{ name: 'ping', cases: [ping] }],
      },
      correlationId: '37440b33-bd4c-5a7e-9b1a-78ad94ed7530',
      requestedAt: '2026-11-21T18:16:19.135483+08:00',
      attempt: 0,
      counts: { all: 0, success: 0, fail: 0, error: 0 },
      progress: [{ done: 0, deaths: 0, begun: false, mayHaveRun: 0 }],
      failures: 0,
    })
    for (const [id, verdict] of [
      [2, '错误'],
      [4, '成功'],
    ] as const) {
      const counts = { all: 1, success: verdict === '成功' ? 1 : 0, fail: 0, error: verdict === '错误' ? 1 : 0 }
      expect(await stateOf(run, runStream(id))).toMatchObject({ status: 'finished', attempt: 1, counts })
    }
    expect(await stateOf(run, runStream(5))).toMatchObject({
      status: 'finished',
      request: { kind: 'scene', scene: 1, debug: false },
      attempt: 2,
      counts: { all: 2, success: 2, fail: 0, error: 0 },
      progress: [{ done: 2, mayHaveRun: 0 }],
    })
    expect(await stateOf(run, runStream(6))).toMatchObject({
      status: 'requested',
      request: { flows: [{ name: '大流程', size: 1000 }], plan: { bytes: 300_000 } },
      attempt: 2,
      failures: 1,
      progress: [{ done: 0, mayHaveRun: 2 }],
    })
    expect(await stateOf(run, runStream(7))).toMatchObject({
      status: 'finished',
      request: {
        kind: 'task',
        task: 1,
        concurrency: 2,
        overrides: { host: 'http://127.0.0.1:9000' },
        build: { build: '1042', branch: 'main', commit: '0ad3240', url: 'https://ci.example.com/1042' },
        trigger: 'api',
      },
      counts: { all: 2, success: 1, fail: 1, error: 0 },
      progress: [{ done: 1 }, { done: 1 }],
      cancelledBy: 'musen',
    })
    expect(await stateOf(run, runStream(8))).toMatchObject({
      status: 'requested',
      correlationId: 'build-17',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    })
  })
})
