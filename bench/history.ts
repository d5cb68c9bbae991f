import { randomUUID } from 'node:crypto'
import { type CaseEvent, caseStream } from '../contracts/case.ts'
import type { Expected, StreamId } from '../contracts/core.ts'
import { type EnvironmentEvent, environmentStream } from '../contracts/environment.ts'
import { type DomainEvent, SCHEMA_VERSION } from '../contracts/events.ts'
import { interfaceStream } from '../contracts/interface.ts'
import type { JsonText } from '../contracts/json.ts'
import { projectStream } from '../contracts/project.ts'
import { type CaseResult, runStream } from '../contracts/run.ts'
import type { Draft, EventStore } from '../platform/event-store/port.ts'

/** One append of a history. */
type Append = Readonly<{ stream: StreamId; expected: Expected; drafts: readonly Draft[] }>

/** What one project comes to: a thousand events. */
const PROJECT = { interfaces: 40, cases: 120, runs: 180, debugSaves: 30 }
export const EVENTS_PER_PROJECT = 1_000

/** Projects that are worked on at the same time, so that a thing changes thousands of events after it was made. */
const AT_ONCE = 20

/** Rows that the read models have in the end, for each project. */
export const ROWS_PER_PROJECT = {
  projects: 1,
  environments: 2,
  interfaces: 38,
  cases: 115,
  runs: 180,
  run_results: 180,
}

/**
 * The log of a team that has worked for a while: projects are made with their environments, interfaces and cases; cases are run,
 * changed between runs, and some things are deleted.
 */
function* history(projects: number): Generator<Append> {
  for (let first = 1; first <= projects; first += AT_ONCE) {
    const team = Array.from({ length: Math.min(AT_ONCE, projects - first + 1) }, (_, nth) => new Work(first + nth))
    for (const work of team) yield* work.made()
    const working = team.map((work) => work.done())
    for (let busy = true; busy;) {
      busy = false
      for (const work of working) {
        const { value, done } = work.next()
        if (done === true) continue
        busy = true
        yield value
      }
    }
  }
}

/** Appends under way at the same time while the log is written. */
const APPENDS = 512

/** Writes the history of so many projects to an empty log. */
export async function writeHistory(store: EventStore, projects: number): Promise<void> {
  const appends = history(projects)
  // Writers take turns at one history: appends of one stream are sent in its order, and travel in it.
  const writer = async (): Promise<void> => {
    for (const { stream, expected, drafts } of appends) await store.append(stream, expected, drafts)
  }
  await Promise.all(Array.from({ length: APPENDS }, writer))
}

/** One project's share. Ids follow from the project's, so that no two projects share one. */
class Work {
  readonly #project: number
  readonly #revisions = new Map<StreamId, bigint>()

  constructor(project: number) {
    this.#project = project
  }

  *made(): Generator<Append> {
    const project = this.#project
    yield this.#append(projectStream(project), {
      type: 'ProjectCreated',
      data: { id: project, name: `商城 ${project}`, leader: 'torin' },
    })
    for (let nth = 0; nth < 2; nth++) yield this.#append(environmentStream(this.#id(2, nth)), this.#environment(nth))
    for (let nth = 0; nth < PROJECT.interfaces; nth++) {
      const id = this.#id(PROJECT.interfaces, nth)
      const data = { id, project, name: `接口 ${nth}`, url: `/api/things/${nth}/`, method: 'post', type: '1' }
      yield this.#append(interfaceStream(id), { type: 'InterfaceCreated', data })
    }
    for (let nth = 0; nth < PROJECT.cases; nth++) yield this.#append(this.#case(nth), this.#caseCreated(nth))
  }

  /** Runs, eight at the same time, and between them what a tester changes. */
  *done(): Generator<Append> {
    const changes = this.#changes()
    for (let first = 0; first < PROJECT.runs; first += 8) {
      const runs = Array.from({ length: Math.min(8, PROJECT.runs - first) }, (_, nth) => first + nth)
      for (const nth of runs) yield this.#requested(nth)
      for (const nth of runs) {
        yield this.#append(this.#run(nth), { type: 'RunClaimed', data: { attempt: 1, worker: 'worker-1' } })
      }
      for (const nth of runs) yield this.#finished(nth)
      for (let more = 0; more < 5; more++) {
        const { value, done } = changes.next()
        if (done !== true) yield value
      }
    }
    yield* changes
  }

  *#changes(): Generator<Append> {
    yield this.#append(projectStream(this.#project), { type: 'ProjectChanged', data: { leader: 'musen' } })
    for (let nth = 0; nth < 65; nth++) {
      const changed: CaseEvent = { type: 'CaseChanged', data: { title: `用例 ${nth}，改过`, teardown_script: SCRIPT } }
      yield this.#append(this.#case(nth), changed)
      if (nth % 2 === 0 && nth / 2 < PROJECT.debugSaves) {
        const saved: EnvironmentEvent = {
          type: 'DebugVariablesSaved',
          data: { set: { token: `{"$sealed":"${'c2VhbGVk'.repeat(8)}"}` as JsonText }, deleted: [] },
        }
        yield this.#append(environmentStream(this.#id(2, 0)), saved)
      }
      if (nth % 16 === 0 && nth < 64) {
        const host = `http://127.0.0.1:${8000 + nth}`
        yield this.#append(environmentStream(this.#id(2, 1)), { type: 'EnvironmentChanged', data: { host } })
      }
    }
    for (let nth = 0; nth < 10; nth++) {
      const data = { name: `接口 ${nth}，改过` }
      yield this.#append(interfaceStream(this.#id(PROJECT.interfaces, nth)), { type: 'InterfaceChanged', data })
    }
    for (let nth = 0; nth < 2; nth++) {
      yield this.#append(interfaceStream(this.#id(PROJECT.interfaces, nth)), { type: 'InterfaceDeleted', data: {} })
    }
    for (let nth = 0; nth < 5; nth++) yield this.#append(this.#case(nth), { type: 'CaseDeleted', data: {} })
  }

  #environment(nth: number): EnvironmentEvent {
    return {
      type: 'EnvironmentCreated',
      data: {
        id: this.#id(2, nth),
        project: this.#project,
        name: nth === 0 ? '本地' : '测试',
        host: 'http://127.0.0.1:8080',
        headers: '{"customer-header": "wahaha"}' as JsonText,
        global_variable: '{"key1": "value1", "key2": "value2"}' as JsonText,
        debug_global_variable: '{}' as JsonText,
        db: '[]' as JsonText,
        global_func: 'def double(number):\n    return number * 2\n',
        secrets: [],
      },
    }
  }

  #caseCreated(nth: number): CaseEvent {
    return {
      type: 'CaseCreated',
      data: {
        id: this.#id(PROJECT.cases, nth),
        interface: this.#id(PROJECT.interfaces, nth % PROJECT.interfaces),
        title: `用例 ${nth}`,
        headers: '{"content-Type": "application/json"}' as JsonText,
        request: '{"json": {"username": "${{user_mobile}}", "password": "123456qwe"}}' as JsonText,
        file: '[]' as JsonText,
        setup_script: "mobile = global_func.random_mobile()\ntest.save_global_variable('user_mobile', mobile)\n",
        teardown_script: SCRIPT,
      },
    }
  }

  #requested(nth: number): Append {
    const id = this.#id(PROJECT.runs, nth)
    const environment = this.#id(2, 0)
    const wanted = 5 + (nth % (PROJECT.cases - 5))
    const title = `用例 ${wanted}`
    const owner = this.#id(PROJECT.interfaces, wanted % PROJECT.interfaces)
    const pinned = {
      title,
      id: this.#id(PROJECT.cases, wanted),
      case: { stream: this.#case(wanted), revision: 0 },
      interface: { stream: interfaceStream(owner), revision: 0 },
    }
    return this.#append(runStream(id), {
      type: 'RunRequested',
      data: {
        id,
        kind: 'case',
        debug: true,
        name: title,
        project: this.#project,
        environment: { id: environment, name: '本地', stream: environmentStream(environment), revision: 0 },
        tester: 'musen',
        flows: [{ name: title, cases: [pinned] }],
      },
    })
  }

  #finished(nth: number): Append {
    const passed = nth % 5 !== 0
    const counts = { all: 1, success: passed ? 1 : 0, fail: passed ? 0 : 1, error: 0 }
    return this.#append(
      this.#run(nth),
      {
        type: 'CaseFinished',
        data: { attempt: 1, flow: 0, index: 0, state: passed ? '成功' : '失败', result: resultOf(nth, passed) },
      },
      { type: 'RunFinished', data: { attempt: 1, state: passed ? 'success' : 'fail', ...counts } },
    )
  }

  #id(each: number, nth: number): number {
    return (this.#project - 1) * each + nth + 1
  }

  #case(nth: number): StreamId {
    return caseStream(this.#id(PROJECT.cases, nth))
  }

  #run(nth: number): StreamId {
    return runStream(this.#id(PROJECT.runs, nth))
  }

  #append(stream: StreamId, ...events: readonly DomainEvent[]): Append {
    const last = this.#revisions.get(stream)
    this.#revisions.set(stream, (last ?? -1n) + BigInt(events.length))
    const meta = { commandId: randomUUID(), actor: 1, correlationId: randomUUID(), schemaVersion: SCHEMA_VERSION }
    const drafts = events.map((event) => ({ ...event, id: randomUUID(), at: AT, meta }))
    return { stream, expected: last ?? 'none', drafts }
  }
}

const AT = '2026-11-21T10:00:00.000000+08:00'

const SCRIPT = `body = response.json()
test.assertion('相等', 201, response.status_code)
test.assertion('包含', 'id', body)
test.save_env_variable('user_id', body['id'])
print(body['username'])
`

/** A result of ordinary size. */
export function resultOf(nth: number, passed: boolean): CaseResult {
  return {
    name: `用例 ${nth}`,
    log_data: [
      ['INFO', `【INFO】  |   开始执行用例：【用例 ${nth}】\n`],
      ['INFO', '【INFO】  |   *********执行前置脚本*********'],
      ['INFO', '【INFO】  |   ----------断言----------'],
      ['DEBUG', '比较方式:相等'],
      ['DEBUG', '预期结果:201'],
      ['DEBUG', `实际结果:${passed ? 201 : 500}`],
      ['INFO', '【INFO】  |   断言通过!'],
      ['INFO', `【INFO】  |   用例 ${nth}执行——>【通过】\n`],
    ],
    url: 'http://127.0.0.1:8080/api/users/register/',
    method: 'POST',
    status_cede: passed ? 201 : 500,
    response_header: {
      Server: 'nginx',
      'Content-Type': 'application/json',
      'Content-Length': '65',
      Connection: 'close',
    },
    requests_header: { 'User-Agent': 'python-requests/2.27.1', Accept: '*/*', 'Content-Type': 'application/json' },
    response_body: `{"id": ${nth}, "username": "13800000000", "email": "121282@qq.com"}`,
    requests_body: '{"username": "13800000000", "password": "123456qwe"}',
    state: passed ? '成功' : '失败',
    run_time: '0.455s',
    assertions: [{ method: '相等', expected: '201', actual: passed ? '201' : '500', passed }],
    started_at: AT,
    id: 1,
  }
}
