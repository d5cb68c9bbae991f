import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
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

describe('the read models make of them', () => {
  const rowsOf = (table: string, order = 'id') =>
    log.models.query(`select * from ${log.models.table(table)} order by ${order}`)

  test('projects, interfaces, users and their API tokens', async () => {
    expect(await rowsOf('projects')).toEqual([
      { id: 1, name: '小小电商', leader: '木森', create_time: '2026-11-21T18:12:56.107672+08:00', revision: '1' },
    ])
    expect(await rowsOf('interfaces')).toEqual([
      {
        id: 1,
        project: 1,
        name: '登录',
        url: '/users/${{version}}/login/',
        method: 'PUT',
        type: '1',
        module: null,
        revision: '1',
      },
      { id: 3, project: 1, name: '登录', url: '/users/login/', method: 'post', type: '1', module: null, revision: '1' },
    ])
    expect(await rowsOf('users')).toEqual([
      { id: 1, username: 'admin', role: 'admin', active: true },
      { id: 2, username: '测试员A', role: 'tester', active: true },
    ])
    expect(await rowsOf('api_tokens')).toEqual([
      {
        id: 1,
        owner: 1,
        name: 'jenkins',
        role: 'tester',
        team_revision: 3,
        created_at: '2026-11-22T00:20:19.140959+08:00',
      },
    ])
  })

  test('modules, removed ones too', async () => {
    expect(await rowsOf('modules')).toEqual([
      { id: 1, project: 1, name: '用户', parent: null, removed: true, revision: '4' },
      { id: 2, project: 1, name: '登录与注册', parent: 3, removed: false, revision: '3' },
      { id: 3, project: 1, name: '订单', parent: null, removed: false, revision: '2' },
    ])
  })

  test('bugs, how they were handled, and the URLs of all interfaces', async () => {
    expect(await rowsOf('bugs')).toEqual([
      {
        id: 1,
        interface: 1,
        project: 1,
        desc: '登录返回500',
        info: '"[]"',
        status: '处理中',
        user: 'musen',
        create_time: '2026-11-22T00:20:13.140959+08:00',
        revision: '2',
      },
    ])
    expect(await rowsOf('bug_handlings', 'bug, revision')).toEqual([
      {
        bug: 1,
        revision: '0',
        status: '未处理',
        update_user: 'admin',
        create_time: '2026-11-22T00:20:13.140959+08:00',
      },
      {
        bug: 1,
        revision: '1',
        status: '处理中',
        update_user: 'musen',
        create_time: '2026-11-22T00:20:14.140959+08:00',
      },
      { bug: 1, revision: '2', status: null, update_user: 'admin', create_time: '2026-11-22T00:20:15.140959+08:00' },
    ])
    expect(await rowsOf('bug_urls', 'interface')).toEqual([
      { interface: 1, url: '/users/${{version}}/login/' },
      { interface: 2, url: 'http://other.example.com/register' },
      { interface: 3, url: '/users/login/' },
    ])
  })

  test('environments', async () => {
    expect(await rowsOf('environments')).toEqual([
      {
        id: 1,
        project: 1,
        name: '预发环境',
        host: 'http://api.example.com:8000',
        headers: JSON.stringify(HEADERS),
        global_variable: JSON.stringify(VARIABLES),
        debug_global_variable: JSON.stringify(DEBUG_VARIABLES),
        debug_overlay: JSON.stringify({ old: SAVED, token: null, long: LONG_VARIABLE }),
        db: JSON.stringify(DB),
        global_func: JSON.stringify(FUNCTIONS),
        secrets: '["headers.Authorization","global_variable.token"]',
        revision: '3',
      },
      {
        id: 2,
        project: 1,
        name: 'e',
        host: '',
        headers: '"{}"',
        global_variable: '"{}"',
        debug_global_variable: String.raw`"{\"b\":2}"`,
        debug_overlay: '{}',
        db: '"[]"',
        global_func: String.raw`"def f():\n    return \"é\"\n"`,
        secrets: '[]',
        revision: '2',
      },
    ])
  })

  test('cases', async () => {
    expect(await rowsOf('cases')).toEqual([
      {
        id: 1,
        interface: 1,
        title: '登录失败',
        headers: '"{}"',
        request: JSON.stringify(REQUEST),
        file: '"[]"',
        setup_script: JSON.stringify(SETUP),
        teardown_script: JSON.stringify(TEARDOWN),
        revision: '1',
      },
    ])
  })

  test('scenes and their steps, removed ones too', async () => {
    expect(await rowsOf('scenes')).toEqual([{ id: 1, project: 1, name: '注册接口测试', revision: '9' }])
    expect(await rowsOf('steps')).toEqual([
      { id: 1, scene: 1, icase: 1, sort: String(Number.MAX_SAFE_INTEGER), removed: false },
      { id: 2, scene: 1, icase: 1, sort: '1', removed: true },
      { id: 3, scene: 1, icase: 1, sort: '3', removed: false },
      { id: 4, scene: 1, icase: 2, sort: '5', removed: false },
      { id: 5, scene: 2, icase: 1, sort: '1', removed: false },
    ])
  })

  test('tasks', async () => {
    expect(await rowsOf('tasks')).toEqual([
      { id: 1, project: 1, name: '冒烟测试', scenes: '[2,1]', concurrency: 8, revision: '2' },
    ])
  })

  test('runs and their results', async () => {
    const nothing = { task: null, trigger: 'manual', build: null, branch: null, commit: null, url: null }
    const none = { state: null, all: 0, success: 0, fail: 0, error: 0, reason: null, finished_at: null }
    const asked = (at: string) => ({ requested_at: at, requested_ms: String(Date.parse(at)) })
    const ping = {
      ...nothing,
      total: 1,
      kind: 'case',
      name: 'ping',
      project: 1,
      environment: 2,
      environment_name: 'e',
      tester: '测试员A',
    }
    const flow = {
      ...nothing,
      kind: 'scene',
      project: 1,
      environment: 1,
      environment_name: '预发环境',
      tester: 'admin',
    }
    expect(await rowsOf('runs')).toEqual([
      {
        ...nothing,
        id: 1,
        kind: 'case',
        name: '登录失败',
        project: 1,
        environment: 1,
        environment_name: '预发环境',
        tester: 'admin',
        total: 2,
        status: '执行完毕',
        claimed: true,
        attempt: 2,
        state: 'error',
        all: 2,
        success: 0,
        fail: 1,
        error: 1,
        reason: null,
        ...asked('2026-11-21T18:15:23.127811+08:00'),
        started_at: '2026-11-21T18:15:30.128770+08:00',
        finished_at: '2026-11-21T18:15:51.131647+08:00',
        revision: '5',
      },
      {
        id: 2,
        ...ping,
        status: '执行完毕',
        claimed: true,
        attempt: 1,
        state: 'error',
        all: 1,
        success: 0,
        fail: 0,
        error: 1,
        reason: '测试环境已被删除',
        ...asked('2026-11-21T18:15:58.132606+08:00'),
        started_at: '2026-11-21T18:16:05.133565+08:00',
        finished_at: '2026-11-21T18:16:12.134524+08:00',
        revision: '3',
      },
      {
        id: 3,
        ...ping,
        status: '未执行',
        claimed: false,
        attempt: 0,
        ...none,
        ...asked('2026-11-21T18:16:19.135483+08:00'),
        started_at: null,
        revision: '0',
      },
      {
        id: 4,
        ...ping,
        status: '执行完毕',
        claimed: true,
        attempt: 1,
        state: 'success',
        all: 1,
        success: 1,
        fail: 0,
        error: 0,
        reason: null,
        ...asked('2026-11-21T18:16:26.136442+08:00'),
        started_at: '2026-11-21T18:16:33.137401+08:00',
        finished_at: '2026-11-21T18:16:40.138360+08:00',
        revision: '3',
      },
      {
        ...flow,
        id: 5,
        name: '登录下单',
        total: 2,
        status: '执行完毕',
        claimed: true,
        attempt: 2,
        state: 'success',
        all: 2,
        success: 2,
        fail: 0,
        error: 0,
        reason: null,
        ...asked('2026-11-21T20:11:23.127811+08:00'),
        started_at: '2026-11-21T20:12:23.127811+08:00',
        finished_at: '2026-11-21T20:17:23.127811+08:00',
        revision: '6',
      },
      {
        ...flow,
        id: 6,
        name: '大流程',
        total: 1000,
        status: '执行中',
        claimed: false,
        attempt: 2,
        ...none,
        ...asked('2026-11-21T20:18:23.127811+08:00'),
        started_at: '2026-11-21T20:19:23.127811+08:00',
        revision: '5',
      },
      {
        ...flow,
        id: 7,
        kind: 'task',
        name: '冒烟测试',
        total: 4,
        task: 1,
        trigger: 'api',
        build: '1042',
        branch: 'main',
        commit: '0ad3240',
        url: 'https://ci.example.com/1042',
        status: '执行完毕',
        claimed: true,
        attempt: 1,
        state: 'cancelled',
        all: 2,
        success: 1,
        fail: 1,
        error: 0,
        reason: null,
        ...asked('2026-11-22T00:20:22.140959+08:00'),
        started_at: '2026-11-22T00:20:23.140959+08:00',
        finished_at: '2026-11-22T00:20:27.140959+08:00',
        revision: '5',
      },
      {
        id: 8,
        ...ping,
        trigger: 'api',
        status: '未执行',
        claimed: false,
        attempt: 0,
        ...none,
        ...asked('2026-11-22T00:20:28.140959+08:00'),
        started_at: null,
        revision: '0',
      },
    ])
    expect(await rowsOf('run_flows', 'run')).toEqual(
      [
        [{ name: '登录失败', scene: null, size: 2 }],
        [{ name: 'ping', scene: null, size: 1 }],
        [{ name: 'ping', scene: null, size: 1 }],
        [{ name: 'ping', scene: null, size: 1 }],
        [{ name: '登录下单', scene: 1, size: 2 }],
        [{ name: '大流程', scene: 2, size: 1000 }],
        [
          { name: '登录接口测试', scene: 1, size: 2 },
          { name: '注册接口测试', scene: 2, size: 2 },
        ],
        [{ name: 'ping', scene: null, size: 1 }],
      ].map((flows, nth) => ({ run: nth + 1, flows: JSON.stringify(flows) })),
    )
    expect(await rowsOf('run_counts', 'kind')).toEqual([
      { project: 1, kind: 'case', task: 0, runs: 5 },
      { project: 1, kind: 'scene', task: 0, runs: 2 },
      { project: 1, kind: 'task', task: 1, runs: 1 },
    ])
    const results = await rowsOf('run_results', 'run, flow, index')
    expect(results.map(({ run: id, flow, index }) => [id, flow, index])).toEqual([
      [1, 0, 0],
      [1, 0, 1],
      [2, 0, 0],
      [4, 0, 0],
      [5, 0, 0],
      [5, 0, 1],
      [7, 0, 0],
      [7, 1, 0],
    ])
    expect(results.map(({ revision, state, name, run_time }) => [revision, state, name, run_time])).toEqual([
      ['2', '失败', '登录失败', '0.455s'],
      ['4', '错误', '未保存', '0.001s'],
      ['2', '错误', 'ping', '0.001s'],
      // The whole result stands in a blob.
      ['2', '成功', null, null],
      ['2', '成功', '登录', '0.001s'],
      ['5', '成功', '下单', '0.001s'],
      ['3', '失败', '登录', '0.001s'],
      ['2', '成功', '登录', '0.001s'],
    ])
    expect(results[0]?.['result']).toBe(
      String.raw`{"name":"登录失败","log_data":[["DEBUG","请求头：\n{\"Accept\": \"*/*\"}"],["INFO","【INFO】  |:相等断言"],["EXCEPT",{"$blob":"836ff184e7b41b1e13cb5fd89fa1de98dbbab99e9d2918913ff43b86a5c7c213","bytes":50000}]],"url":"http://api.example.com:8000/users/2/login/","method":"PUT","status_cede":200,"response_header":{"Content-Type":"application/json"},"requests_header":{"Accept":"*/*","Authorization":"******"},"response_body":{"$blob":"0db52f4076c082518412afd3dd3576e2cb0c63703fd7fed5e23ade60efef31d9","bytes":1048576},"requests_body":"None","state":"失败","run_time":"0.455s","assertions":[{"method":"相等","expected":"200","actual":{"$blob":"e5c6fde86910ded72db5cc7afc32f850440d4ef7caa5dbb69f5bdc0d3e39cb3b","bytes":16500},"passed":false}],"started_at":"2026-11-21T18:14:00.000001+08:00","id":1}`,
    )
    expect(results[3]?.['result']).toBe(
      '{"$blob":"f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68","bytes":300000}',
    )
    expect(results[1]?.['result']).toBe(
      '{"name":"未保存","log_data":[["ERROR","请求发送失败"]],"state":"错误","run_time":"0.001s","assertions":[],"started_at":"2026-11-21T18:15:00.000001+08:00","attempt":2}',
    )
  })
})
