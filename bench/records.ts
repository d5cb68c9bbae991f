import { randomUUID } from 'node:crypto'
import { caseStream } from '../contracts/case.ts'
import { environmentStream } from '../contracts/environment.ts'
import { SCHEMA_VERSION } from '../contracts/events.ts'
import { interfaceStream } from '../contracts/interface.ts'
import { type RunEvent, runStream } from '../contracts/run.ts'
import { createPostgresEventStore } from '../platform/event-store/postgres.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import { openDatabase } from '../platform/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { connect, type Send } from './client.ts'
import { startDatabases } from './database.ts'
import { resultOf } from './history.ts'
import { atMost, type Bench, type Figure, number } from './measurement.ts'
import { startPlatformProcess } from './platform.ts'
import { round, type Round, tell } from './rounds.ts'

const STAGES = [1_000, 10_000, 100_000]
const QUICK_STAGES = [100, 300]

/** The latency at the last stage, of that at the first. */
const AIM = 1.5

const TASKS = 10
const CASES = 3

/** Appends under way at the same time while runs are written. */
const APPENDS = 512

/** How soon records and reports are answered when there are a thousand runs, and a hundred times as many. */
export async function records(bench: Bench): Promise<readonly Figure[]> {
  const databases = await startDatabases(bench)
  const url = await databases.fresh('platform')
  const platform = await startPlatformProcess(bench, url)
  const send = connect(bench, platform.url, 1, platform.token)
  const team = await makeTeam(send)
  const db = await openDatabase({ connection: url, max: 20, log: quiet })
  bench.defer(() => db.close())
  const store = createPostgresEventStore({ db, log: quiet })
  bench.defer(() => store.stop())

  const stages = bench.quick ? QUICK_STAGES : STAGES
  const measured: ReadonlyMap<string, Round>[] = []
  let written = 0
  for (const runs of stages) {
    await writeRuns(store, team, written + 1, runs)
    written = runs
    await shown(send, runs)
    await db.query('vacuum analyze')
    measured.push(await latencies(bench, send, team, runs))
  }
  const [first, last] = [measured[0], measured.at(-1)]
  const most = (stages.at(-1) ?? NaN).toLocaleString('en')
  return [...(first ?? [])].flatMap(([what, { p50 }]) => [
    atMost(
      `${what}: p50 at ${most} runs, of that at ${number(stages[0] ?? NaN)}`,
      (last?.get(what)?.p50 ?? NaN) / p50,
      AIM,
    ),
    ...measured.map((each, nth) => ({
      what: `${what}: ${(stages[nth] ?? NaN).toLocaleString('en')} runs`,
      reached: tell(each.get(what) ?? { rate: NaN, p50: NaN, p99: NaN }),
    })),
  ])
}

type Team = Readonly<{ project: number; environment: number; scene: number; tasks: readonly number[] }>

async function makeTeam(send: Send): Promise<Team> {
  const create = async (path: string, body: object): Promise<number> =>
    Number((await send('POST', path, 201, body))['id'])
  const project = await create('/api/testPro/projects/', { name: '商城', leader: 'torin' })
  const environment = await create('/api/testPro/envs/', { name: '本地', host: 'http://127.0.0.1:1', project })
  const scene = await create('/api/testFlow/scenes/', { name: '登录下单', project })
  const tasks: number[] = []
  for (let nth = 0; nth < TASKS; nth++) {
    tasks.push(await create('/api/testTask/tasks/', { name: `回归测试 ${nth}`, project, scenes: [scene] }))
  }
  return { project, environment, scene, tasks }
}

/** Runs from `first` to `last` as if they had been run. */
async function writeRuns(store: EventStore, team: Team, first: number, last: number): Promise<void> {
  let next = first
  const writer = async (): Promise<void> => {
    while (next <= last) {
      const id = next++
      const meta = { commandId: randomUUID(), actor: 1, correlationId: randomUUID(), schemaVersion: SCHEMA_VERSION }
      const drafts = eventsOf(id, team).map((event) => ({ ...event, id: randomUUID(), at: timeOf(id), meta }))
      await store.append(runStream(id), 'none', drafts)
    }
  }
  await Promise.all(Array.from({ length: APPENDS }, writer))
}

/** One a minute. */
function timeOf(id: number): string {
  return new Date(Date.UTC(2026, 0, 1) + id * 60_000).toISOString().replace('Z', '000+00:00')
}

function eventsOf(id: number, { project, environment, scene, tasks }: Team): readonly RunEvent[] {
  const passed = id % 10 !== 0
  const pinned = Array.from({ length: CASES }, (_, nth) => ({
    title: `用例 ${nth}`,
    id: nth + 1,
    case: { stream: caseStream(nth + 1), revision: 0 },
    interface: { stream: interfaceStream(1), revision: 0 },
  }))
  const task = id % TASKS
  return [
    {
      type: 'RunRequested',
      data: {
        id,
        kind: 'task',
        task: tasks[task] ?? NaN,
        concurrency: 1,
        debug: false,
        name: `回归测试 ${task}`,
        project,
        environment: { id: environment, name: '本地', stream: environmentStream(environment), revision: 0 },
        tester: 'musen',
        trigger: 'api',
        build: { build: String(id), branch: 'main' },
        flows: [{ name: '登录下单', scene, cases: pinned }],
      },
    },
    { type: 'RunClaimed', data: { attempt: 1, worker: 'worker-1' } },
    ...pinned.map((_, index): RunEvent => {
      const state = passed ? '成功' : '失败'
      return { type: 'CaseFinished', data: { attempt: 1, flow: 0, index, state, result: resultOf(index, passed) } }
    }),
    {
      type: 'RunFinished',
      data: {
        attempt: 1,
        all: CASES,
        success: passed ? CASES : 0,
        fail: passed ? 0 : CASES,
        error: 0,
        state: passed ? 'success' : 'fail',
      },
    },
  ]
}

/** Resolves when the read models show the last of them. */
async function shown(send: Send, runs: number): Promise<void> {
  for (;;) {
    const { count } = await send('GET', '/api/testTask/records/?page_size=1', 200)
    if (count === runs) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Of each kind of question, one client that asks again and again. */
async function latencies(bench: Bench, send: Send, team: Team, runs: number): Promise<ReadonlyMap<string, Round>> {
  const page = '/api/testTask/records/?page_size=20'
  const any = (): number => 1 + Math.floor(Math.random() * runs)
  const questions: Readonly<Record<string, () => string>> = {
    'newest records of a project': () => `${page}&project=${team.project}`,
    'newest records of a task': () => `${page}&task=${team.tasks[any() % TASKS]}`,
    'newest records of all': () => page,
    'a record': () => `/api/testTask/records/${any()}/`,
    'a report': () => `/api/testTask/report/${any()}/`,
  }
  const found = new Map<string, Round>()
  for (const [what, path] of Object.entries(questions)) {
    await round(1, 0.5, () => send('GET', path(), 200))
    found.set(what, await round(1, bench.quick ? 0.5 : 4, () => send('GET', path(), 200)))
  }
  return found
}
