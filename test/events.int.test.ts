import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { caseStream } from '../contracts/case.ts'
import type { Decider, Event, StreamId } from '../contracts/core.ts'
import { environmentStream } from '../contracts/environment.ts'
import { type DomainEvent, SCHEMA_VERSION } from '../contracts/events.ts'
import { interfaceStream } from '../contracts/interface.ts'
import { projectStream } from '../contracts/project.ts'
import { runStream } from '../contracts/run.ts'
import { sceneStream } from '../contracts/scene.ts'
import { TEAM_STREAM, userStream } from '../contracts/user.ts'
import { createPostgresEventStore, eventStoreMigration } from '../platform/event-store/postgres.ts'
import { migrate } from '../platform/migrations.ts'
import { openDatabase } from '../platform/postgres.ts'
import type { Database } from '../platform/sql.ts'
import { projections } from '../projections/all.ts'
import { createProjectionEngine, type ProjectionEngine } from '../projections/engine.ts'
import { testCase } from '../services/commands/case.ts'
import { environment } from '../services/commands/environment.ts'
import { Folds } from '../services/commands/folds.ts'
import { httpInterface } from '../services/commands/interface.ts'
import { project } from '../services/commands/project.ts'
import { run } from '../services/commands/run.ts'
import { type LiveScene, scene } from '../services/commands/scene.ts'
import { team } from '../services/commands/team.ts'
import { user } from '../services/commands/user.ts'
import { freshDatabase, type TestDatabase } from './support/postgres.ts'
import { quiet } from './support/quiet.ts'
import { restore, storedEvents } from './support/stored-events.ts'

/** Every type that this version writes. The compiler refuses a list with one too few or too many. */
const TYPES = {
  ProjectCreated: true,
  ProjectChanged: true,
  ProjectDeleted: true,
  EnvironmentCreated: true,
  EnvironmentChanged: true,
  DebugVariablesSaved: true,
  EnvironmentDeleted: true,
  FileUploaded: true,
  FileDeleted: true,
  InterfaceCreated: true,
  InterfaceChanged: true,
  InterfaceDeleted: true,
  CaseCreated: true,
  CaseChanged: true,
  CaseDeleted: true,
  SceneCreated: true,
  SceneChanged: true,
  SceneDeleted: true,
  StepAdded: true,
  StepChanged: true,
  StepRemoved: true,
  StepsReordered: true,
  RunRequested: true,
  RunClaimed: true,
  RunReleased: true,
  CaseBegun: true,
  CaseFinished: true,
  RunCancelRequested: true,
  RunFinished: true,
  UserCreated: true,
  PasswordChanged: true,
  MemberAdded: true,
  MemberChanged: true,
  LoggedOut: true,
  TaskCreated: true,
  TaskChanged: true,
  TaskDeleted: true,
  ModuleAdded: true,
  ModuleChanged: true,
  ModuleRemoved: true,
  BugReported: true,
  BugChanged: true,
  BugDeleted: true,
  ApiTokenIssued: true,
  ApiTokenRevoked: true,
} satisfies Record<DomainEvent['type'], true>

const stored = storedEvents()
let database: TestDatabase
let db: Database
let store: ReturnType<typeof createPostgresEventStore>
let folds: Folds
let models: ProjectionEngine

beforeAll(async () => {
  database = await freshDatabase()
  db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [eventStoreMigration])
  await restore(db, stored)
  store = createPostgresEventStore({ db, log: quiet })
  folds = new Folds(store)
  models = createProjectionEngine({ db, store, projections, log: quiet, retryPauses: [] })
  await models.start()
  expect(await models.passed(await store.head(), 10_000)).toBe(true)
})
afterAll(async () => {
  await models.stop()
  await store.stop()
  await db.close()
  await database.drop()
})

const stateOf = async <S, C, E extends Event>(decider: Decider<S, C, E>, stream: StreamId): Promise<S> =>
  (await folds.read(decider, stream)).state

test('every type of event, and every version, is stored here', () => {
  expect(new Set(stored.map(({ type }) => type))).toEqual(new Set(Object.keys(TYPES)))
  const versions = stored.map(({ meta }) => meta.schemaVersion)
  expect(new Set(versions)).toEqual(new Set(Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1)))
})

test('no projection stops at any of them, and none waits for a type that nobody writes', async () => {
  for (const status of (await models.status()).projections) expect(status).toMatchObject({ state: 'running', lag: 0 })
  for (const { reads } of projections) for (const type of reads) expect(TYPES).toHaveProperty(type)
})

/** Texts of the stored events, letter for letter. */
const HEADERS = String.raw`{"Content-Type": "application/json", "Authorization": {"$sealed":"v1.a5b4shmL3lTNhp0qj_FYabjzd5Rpgld_tZMC2R9HR-G8gjbVt7FskA"}}`
const VARIABLES = String.raw`{"token": {"$sealed":"v1.ui9T8fm4P5k-J8ylwlvUsXQlCa1dkvj-30Jw2kjK2t0tX38"}}`
const DEBUG_VARIABLES = '{"old": 1, "kept": [1.50]}'
const SAVED = String.raw`{"$sealed":"v1.xNl5Sgs9gf4ipRDu7Hm2AqlsvUK3E4AvJn1n83Q"}`
const LONG_VARIABLE = { $blob: '877675c058ac7337610bf7caa8fff0ecf57c32a64326a74f1fd9d7c0d59c903c', bytes: 20_480 }
const DB = String.raw`[{"name":"aliyun","type":"mysql","config":{"user":"root","password":{"$sealed":"v1.qQLrQxAIWi-JUoYGp8gyh8pEDKXVKqcK8VAgl9y3MjYKJ_A3KFDyF4ha"}}}]`
const FUNCTIONS = { $blob: 'ef7d009c7e812da10f8aa235954c0e128e820b20c053ea7e839a134022a91fdd', bytes: 17_003 }
const REQUEST = '{"json": {"mobile": "${{mobile}}", "amount": 1.0, "amount": 2.50}}'
const SETUP = { $blob: '8fb6d5f37e8055ce720bd0b1d56587f88c0071f285966ba17e72b2b12672aa73', bytes: 30_000 }
const TEARDOWN = 'test.assertion("相等", 200, response.status_code)'

describe('the deciders fold them to', () => {
  test('users, and the team', async () => {
    expect(await stateOf(user, userStream('admin'))).toEqual({
      status: 'live',
      id: 1,
      username: 'admin',
      password_hash:
        'scrypt$32768$8$1$fe9d453c3bfdc63ca3dc76cd53686062$84941e2e8c9ef45c2b88b7a040171deed2567ee625b8e97b739e184b2d4e8e5e',
      password_revision: 0,
    })
    expect(await stateOf(user, userStream('测试员a'))).toEqual({
      status: 'live',
      id: 2,
      username: '测试员A',
      password_hash:
        'scrypt$32768$8$1$20c208da5a8e08d5544e23380588f638$a044d24b8d2829d6172232be94db1c19dd676706975c9117ec6885887510d6f3',
      password_revision: 1,
    })
    expect(await stateOf(team, TEAM_STREAM)).toEqual({
      members: new Map([
        [1, { id: 1, username: 'admin', role: 'admin', active: true, deactivated_revision: -1 }],
        [2, { id: 2, username: '测试员A', role: 'tester', active: true, deactivated_revision: 2 }],
      ]),
    })
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
    const login = { name: '登录', url: '/users/${{version}}/login/', method: 'PUT', type: '1' }
    expect(await stateOf(httpInterface, interfaceStream(1))).toEqual({ status: 'live', id: 1, project: 1, ...login })
    expect(await stateOf(httpInterface, interfaceStream(2))).toEqual({ status: 'deleted', id: 2, project: 1 })
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
      attempt: 2,
      counts: { all: 2, success: 0, fail: 1, error: 1 },
      deaths: 0,
      begun: true,
      failures: 0,
      mayHaveRun: 1,
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
      attempt: 0,
      counts: { all: 0, success: 0, fail: 0, error: 0 },
      deaths: 0,
      begun: false,
      failures: 0,
      mayHaveRun: 0,
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
      mayHaveRun: 0,
    })
    expect(await stateOf(run, runStream(6))).toMatchObject({
      status: 'requested',
      request: { flows: [{ name: '大流程', size: 1000 }], plan: { bytes: 300_000 } },
      attempt: 2,
      failures: 1,
      mayHaveRun: 2,
    })
  })
})

describe('the read models make of them', () => {
  const rowsOf = (table: string, order = 'id') => models.query(`select * from ${models.table(table)} order by ${order}`)

  test('projects, interfaces and users', async () => {
    expect(await rowsOf('projects')).toEqual([
      { id: 1, name: '小小电商', leader: '木森', create_time: '2026-11-21T18:12:56.107672+08:00', revision: '1' },
    ])
    expect(await rowsOf('interfaces')).toEqual([
      { id: 1, project: 1, name: '登录', url: '/users/${{version}}/login/', method: 'PUT', type: '1', revision: '1' },
      { id: 3, project: 1, name: '登录', url: '/users/login/', method: 'post', type: '1', revision: '1' },
    ])
    expect(await rowsOf('users')).toEqual([
      { id: 1, username: 'admin', role: 'admin', active: true },
      { id: 2, username: '测试员A', role: 'tester', active: true },
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

  test('runs and their results', async () => {
    const none = { state: null, all: 0, success: 0, fail: 0, error: 0, reason: null, finished_at: null }
    const ping = {
      kind: 'case',
      name: 'ping',
      project: 1,
      environment: 2,
      environment_name: 'e',
      tester: '测试员A',
      flows: '["ping"]',
    }
    const flow = { kind: 'scene', project: 1, environment: 1, environment_name: '预发环境', tester: 'admin' }
    expect(await rowsOf('runs')).toEqual([
      {
        id: 1,
        kind: 'case',
        name: '登录失败',
        project: 1,
        environment: 1,
        environment_name: '预发环境',
        tester: 'admin',
        flows: '["登录失败"]',
        status: '执行完毕',
        claimed: true,
        attempt: 2,
        state: 'error',
        all: 2,
        success: 0,
        fail: 1,
        error: 1,
        reason: null,
        requested_at: '2026-11-21T18:15:23.127811+08:00',
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
        requested_at: '2026-11-21T18:15:58.132606+08:00',
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
        requested_at: '2026-11-21T18:16:19.135483+08:00',
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
        requested_at: '2026-11-21T18:16:26.136442+08:00',
        finished_at: '2026-11-21T18:16:40.138360+08:00',
        revision: '3',
      },
      {
        ...flow,
        id: 5,
        name: '登录下单',
        flows: '["登录下单"]',
        status: '执行完毕',
        claimed: true,
        attempt: 2,
        state: 'success',
        all: 2,
        success: 2,
        fail: 0,
        error: 0,
        reason: null,
        requested_at: '2026-11-21T20:11:23.127811+08:00',
        finished_at: '2026-11-21T20:17:23.127811+08:00',
        revision: '6',
      },
      {
        ...flow,
        id: 6,
        name: '大流程',
        flows: '["大流程"]',
        status: '执行中',
        claimed: false,
        attempt: 2,
        ...none,
        requested_at: '2026-11-21T20:18:23.127811+08:00',
        revision: '5',
      },
      {
        ...flow,
        id: 7,
        kind: 'task',
        name: '冒烟测试',
        flows: '["登录接口测试","注册接口测试"]',
        status: '执行完毕',
        claimed: true,
        attempt: 1,
        state: 'cancelled',
        all: 2,
        success: 1,
        fail: 1,
        error: 0,
        reason: null,
        requested_at: '2026-11-22T00:20:22.140959+08:00',
        finished_at: '2026-11-22T00:20:27.140959+08:00',
        revision: '5',
      },
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
