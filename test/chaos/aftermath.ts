import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { RunEvent } from '../../contracts/run.ts'
import type { Config } from '../../platform/config.ts'
import { createPostgresEventStore } from '../../platform/event-store/postgres.ts'
import { openStorage } from '../../platform/storage.ts'
import { projections } from '../../projections/all.ts'
import { createProjectionEngine } from '../../projections/engine.ts'
import { awaitRebuild, dumpRows, requestRebuild } from '../../projections/rebuild.ts'
import type { Caller } from '../support/platform.ts'
import { quiet } from '../support/quiet.ts'
import { type Made, PATHS } from './calls.ts'
import type { Chance } from './chance.ts'
import { notShown } from './checks.ts'
import type { Answers, Progress, ShownRecord } from './evidence.ts'
import { exposedIn } from './exposed.ts'
import type { Ran } from './runs.ts'
import type { ApiToken } from './upkeep.ts'

/** Calls at the same time. */
const AT_ONCE = 16

/** Things that are asked for once more at the end. */
const MOST_REPEATED = 100

/** What is answered of these runs, when they have ended, or after so many milliseconds as they are then. */
export async function answersOf(
  call: Caller,
  runs: readonly Ran[],
  milliseconds: number,
): Promise<ReadonlyMap<number, Answers>> {
  const answers = new Map<number, Answers>()
  const deadline = performance.now() + milliseconds
  await eachOf(runs, async ({ record }) => {
    const path = `/api/testTask/records/${record}/`
    while ((await read<ShownRecord>(call, path)).status !== '执行完毕' && performance.now() < deadline) await pause(200)
    answers.set(record, {
      report: await read(call, `/api/testTask/report/${record}/`),
      record: await read(call, path),
      progress: await progressOf(call, record),
    })
  })
  return answers
}

async function read<T>(call: Caller, path: string): Promise<T> {
  const { status, body, text } = await call('GET', path)
  if (status !== 200) throw new Error(`${path} is answered ${status}: ${text}`)
  return body as T
}

/** A run's progress, page after page, without waiting. */
async function progressOf(call: Caller, record: number): Promise<Progress> {
  type Page = Progress & Readonly<{ record: number; next: number }>
  const results: Progress['results'][number][] = []
  for (let after = 0; ;) {
    const page = await read<Page>(call, `/api/testTask/records/${record}/progress/?after=${after}`)
    const { record: _, next, ...shown } = page
    results.push(...shown.results)
    if (shown.results.length === 0) return { ...shown, results }
    after = next
  }
}

/** Where the list of all records has not each run once, or one that has not ended. */
export async function listedOtherwise(call: Caller, runs: readonly Ran[]): Promise<readonly string[]> {
  const otherwise: string[] = []
  const listed: number[] = []
  for (let page = 1; ; page++) {
    const path = `/api/testTask/records/?type=all&page=${page}&page_size=100`
    const { results } = await read<{ results: readonly ShownRecord[] }>(call, path)
    if (results.length === 0) break
    listed.push(...results.map(({ id }) => id))
    for (const { id, status } of results) if (status !== '执行完毕') otherwise.push(`run ${id} is listed as ${status}`)
  }
  const wanted = inOrder(runs.map(({ record }) => record)).toReversed()
  if (!isDeepStrictEqual(listed, wanted)) otherwise.push(`runs ${listed.join()} are listed instead of ${wanted.join()}`)
  return otherwise
}

/** API tokens that speak after they were revoked, or that do not although they were not; and a list that has not those that count. */
export async function tokensOtherwise(call: Caller, tokens: readonly ApiToken[]): Promise<readonly string[]> {
  const otherwise: string[] = []
  await eachOf(tokens, async ({ id, text, revoked }) => {
    if (text === undefined) return
    const { status } = await call('GET', PATHS.bug, undefined, { token: text })
    if (status !== (revoked ? 401 : 200)) otherwise.push(`token ${id}, revoked: ${revoked}, is answered ${status}`)
  })
  const listed = (await read<readonly { id: number }[]>(call, PATHS.token)).map(({ id }) => id)
  const live = tokens.filter(({ revoked }) => !revoked).map(({ id }) => id)
  if (!isDeepStrictEqual(inOrder(listed), inOrder(live))) otherwise.push(`tokens ${listed.join()} are listed`)
  return otherwise
}

const inOrder = (ids: readonly number[]): readonly number[] => ids.toSorted((one, other) => one - other)

/** What of the acknowledged things is not there, or not as it was acknowledged. */
export async function lostOf(call: Caller, made: readonly Made[]): Promise<readonly string[]> {
  const lost: string[] = []
  await eachOf(made, async (each) => {
    const { status, body } = await call('GET', `${each.path}${each.id}/`)
    if (status === 200) lost.push(...notShown(each, body as Record<string, unknown>))
    else lost.push(`${each.path}${each.id}/ is answered ${status}`)
  })
  return lost
}

/** Calls that come once more under their key, and are not answered as the first time. */
export async function answeredOtherwise(
  call: Caller,
  made: readonly Made[],
  chance: Chance,
): Promise<readonly string[]> {
  const otherwise: string[] = []
  await eachOf(chance.shuffled(made).slice(0, MOST_REPEATED), async ({ call: first, answer }) => {
    const { status, text } = await call(first.method, first.path, first.body, { headers: first.headers })
    if (status !== answer.status || text !== answer.text) {
      otherwise.push(`${first.path} answered ${status} ${text} after ${answer.status} ${answer.text}`)
    }
  })
  return otherwise
}

/** What debug runs saved, by environment, as it is now. */
export async function savedIn(
  call: Caller,
  runs: readonly Ran[],
): Promise<ReadonlyMap<number, Readonly<Record<string, unknown>>>> {
  const saved = new Map<number, Readonly<Record<string, unknown>>>()
  await eachOf([...new Set(runs.flatMap(({ saves }) => (saves ? [saves.environment] : [])))], async (environment) => {
    const { body } = await call('GET', `/api/testPro/envs/${environment}/`)
    saved.set(environment, (body as { debug_global_variable: Record<string, unknown> }).debug_global_variable)
  })
  return saved
}

async function eachOf<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all]
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** An event of a run, and when it was written, as the log says it. */
export type StoredRunEvent = RunEvent & Readonly<{ at: string }>

/** What is left when no platform runs any more. */
export type Remains = Readonly<{
  /** The streams of runs. */
  runs: ReadonlyMap<number, readonly StoredRunEvent[]>
  /** Ids of what was created, by the path that creates it. */
  created: ReadonlyMap<string, readonly number[]>
  /** Tables whose rows are others after a rebuild. */
  differing: readonly string[]
  /** Where secrets stand in clear. */
  exposed: readonly string[]
}>

/** The event that each creation is, and where it says the id. */
const CREATIONS = {
  ProjectCreated: ['/api/testPro/projects/', 'id'],
  EnvironmentCreated: ['/api/testPro/envs/', 'id'],
  FileUploaded: ['/api/testPro/files/', 'id'],
  InterfaceCreated: ['/api/TestInterFace/interfaces/', 'id'],
  CaseCreated: ['/api/TestInterFace/cases/', 'id'],
  SceneCreated: ['/api/testFlow/scenes/', 'id'],
  StepAdded: ['/api/testFlow/icases/', 'step'],
  ModuleAdded: ['/api/testPro/modules/', 'module'],
  TaskCreated: ['/api/testTask/tasks/', 'id'],
  BugReported: ['/api/bug/bugs/', 'id'],
  ApiTokenIssued: ['/api/users/tokens/', 'id'],
  RunRequested: ['run', 'id'],
} as const

/** Opens the database when no platform runs, reads its log and builds its read models anew. `folder` has the logs of the processes. */
export async function examine(config: Pick<Config, 'dataDir' | 'databaseUrl'>, folder: string): Promise<Remains> {
  const storage = await openStorage(config, [], quiet)
  const { db } = storage
  const store = createPostgresEventStore({ db, log: quiet })
  const models = createProjectionEngine({ db, store, projections, log: quiet })
  try {
    const runs = new Map<number, StoredRunEvent[]>()
    const created = new Map<string, number[]>(Object.values(CREATIONS).map(([path]) => [path, []]))
    const rows = await db.query<{ stream: string; type: string; data: string; at: string }>(
      `select stream, type, data, at from events
       where stream like 'run-%' or type = any ($1::text[]) order by position`,
      [Object.keys(CREATIONS)],
    )
    for (const { stream, type, data, at } of rows) {
      const event = { type, at, data: JSON.parse(data) as Record<string, unknown> }
      const creation = CREATIONS[type as keyof typeof CREATIONS] as readonly [string, string] | undefined
      if (creation) created.get(creation[0])?.push(Number(event.data[creation[1]]))
      if (!stream.startsWith('run-')) continue
      const id = Number(stream.slice('run-'.length))
      runs.set(id, [...(runs.get(id) ?? []), event as unknown as StoredRunEvent])
    }

    await models.start()
    const head = await store.head()
    while (!(await models.passed(head)));
    const before = await dumpRows(models, projections)
    await awaitRebuild(db, await requestRebuild(db))
    const after = await dumpRows(models, projections)
    const differing = Object.keys(before).filter((table) => !isDeepStrictEqual(before[table], after[table]))
    return { runs, created, differing, exposed: await exposedIn(db, folder) }
  } finally {
    await models.stop()
    await store.stop()
    await storage.stop()
  }
}

/** Where the log and what was acknowledged do not have the same things, each once. */
export function effectsOtherThan(
  acknowledged: ReadonlyMap<string, readonly Readonly<{ id: number }>[]>,
  created: Remains['created'],
): readonly string[] {
  return [...created].flatMap(([path, ids]) => {
    const wanted = new Set(acknowledged.get(path)?.map(({ id }) => id))
    const present = new Set(ids)
    return [
      ...[...wanted].filter((id) => !present.has(id)).map((id) => `${path} ${id} was acknowledged and is not there`),
      ...[...present].filter((id) => !wanted.has(id)).map((id) => `${path} ${id} is a second effect of some call`),
      ...(present.size < ids.length ? [`${path} has an id twice`] : []),
    ]
  })
}
