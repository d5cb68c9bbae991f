import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { idOf } from '../../contracts/core.ts'
import { type EventLog, eventsThere, newEventLog } from '../support/event-log.ts'
import { type PlatformProcess, readEvents, startProcess } from '../support/platform-process.ts'
import { type Seen, startTarget } from '../support/target.ts'

/** A flow that logs in first goes on logged in after its platform has stopped or died in the middle of it. */

let dataDir: string
let eventLog: EventLog
let platform: PlatformProcess
let target: Awaited<ReturnType<typeof startTarget>>
let scene: number
let env: number

/** How often the last case stands in the scene: slow, they last longer than a platform that stops waits for a run. */
const THIRDS = 10
const SLOW_MS = 300
const STEPS = 3 + THIRDS

/** What the service does with the request of a step, in place of an answer at once. */
let instead: (seen: Seen, response: ServerResponse) => boolean

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'testledger-resume-'))
  eventLog = await newEventLog()
  platform = await startProcess(dataDir, eventLog.environment)
  target = await startTarget((seen, response) => {
    if (!instead(seen, response)) answer(seen, response)
  })
  project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  env = await made('/api/testPro/envs/', { name: 'e', host: target.url, project })
  const headers = { 'X-Token': '${{token}}', 'X-Session': '${{session}}', 'X-Count': '${{count}}' }
  const counts = "test.save_env_variable('count', env.count + 1)"
  const login = `
test.save_env_variable('token', response.json()['token'])
test.save_global_variable('session', response.json()['session'])
test.save_env_variable('count', 0)`
  const cases: object[] = [
    { title: 'login', teardown_script: login },
    { title: 'first', headers, teardown_script: counts },
    { title: 'second', headers, teardown_script: counts },
    { title: 'third', headers },
  ]
  icases = []
  scene = await made('/api/testFlow/scenes/', { name: '登录后继续', project })
  for (const content of cases) {
    const { title } = content as { title: string }
    const fields = { name: title, url: `/${title}`, method: 'get', type: '1', project }
    const owner = await made('/api/TestInterFace/interfaces/', fields)
    icases.push(await made('/api/TestInterFace/cases/', { ...content, interface: owner }))
  }
  const [third = 0] = icases.slice(-1)
  for (const [sort, icase] of [...icases, ...Array.from({ length: THIRDS - 1 }, () => third)].entries()) {
    await made('/api/testFlow/icases/', { icase, scene, sort })
  }
}, 120_000)
beforeEach(() => {
  target.seen.length = 0
})
afterAll(async () => {
  await platform.end('SIGTERM')
  await eventLog.stop()
  await target.stop()
  await rm(dataDir, { recursive: true, force: true })
}, 60_000)

/** The cases that log in and count. */
let icases: number[]
let project: number

async function made(path: string, body: object): Promise<number> {
  const { status, body: answered, text } = await platform.call('POST', path, body)
  if (status !== 201) throw new Error(`${path} answered ${status}: ${text}`)
  return answered.id as number
}

function answer({ url }: Seen, response: ServerResponse): void {
  if (url === '/login') response.setHeader('Set-Cookie', 'sid=s-1; Path=/')
  response.setHeader('Content-Type', 'application/json')
  response.end('{"token":"t-1","session":"g-1"}')
}

/** The report of a run that has ended. */
async function ended(record: number) {
  for (;;) {
    const { body } = await platform.call('GET', `/api/testTask/report/${record}/`)
    if (body.status === '执行完毕') return body.info
    await pause(50)
  }
}

async function lastRun(): Promise<number> {
  const events = await readEvents(dataDir, eventLog, eventsThere)
  return idOf(events.findLast(({ type }) => type === 'RunRequested')?.stream ?? '')
}

async function eventsOf(record: number): Promise<readonly Readonly<{ type: string; data: Record<string, unknown> }>[]> {
  const events = await readEvents(dataDir, eventLog, (store) => store.load(`run-${record}`))
  return events.map(({ type, data }) => ({ type, data: data as Record<string, unknown> }))
}

/** What each request after the login must have carried: the number of steps that had counted before it. */
function expectLoggedIn(counts: Readonly<Record<string, string>>): void {
  for (const { url, headers } of target.seen.filter((seen) => seen.url !== '/login')) {
    expect([url, headers]).toEqual([
      url,
      expect.objectContaining({ 'x-token': 't-1', 'x-session': 'g-1', 'x-count': counts[url], cookie: 'sid=s-1' }),
    ])
  }
}

const RUN = '/api/testFlow/scenes/run/'
const COUNTS = { '/first': '0', '/second': '1', '/third': '2' }
const thirds = Array.from({ length: THIRDS }, () => '/third')
const urls = (): string[] => target.seen.map(({ url }) => url)

type Result = Readonly<{ name: string; state: string; attempt?: number; log_data: [string, string][] }>

/** The names of the steps whose results say that they may have run before, with the attempt. */
function repeated(cases: readonly Result[]): readonly unknown[] {
  for (const { attempt, log_data } of cases) {
    expect([attempt, log_data.some(([, text]) => text.includes('次尝试'))]).toEqual([attempt, attempt !== undefined])
  }
  return cases.flatMap(({ name, attempt }) => (attempt === undefined ? [] : [[name, attempt]]))
}

describe.each<[string, NodeJS.Signals]>([
  ['is told to stop', 'SIGTERM'],
  ['is killed', 'SIGKILL'],
])('when the platform %s in the middle of a step', (_name, signal) => {
  test('the run goes on there, with its variables and cookies, and the step says that it ran before', async () => {
    const arrived = Promise.withResolvers<void>()
    instead = ({ url }) => {
      if (url !== '/second' || urls().filter((each) => each === '/second').length > 1) return false
      // Nobody answers the first time.
      arrived.resolve()
      return true
    }
    const waiting = platform.call('POST', RUN, { env, scene }).catch(() => undefined)
    await arrived.promise
    // The step before is written, or it could be repeated too.
    const record = await lastRun()
    while ((await eventsOf(record)).filter(({ type }) => type === 'CaseFinished').length < 2) await pause(10)
    const code = await platform.end(signal)
    // Who waited is told of a stop.
    const told = await waiting
    expect([code, told?.status, told?.body]).toEqual(
      signal === 'SIGTERM' ? [0, 202, { record, status: '执行中' }] : [null, undefined, undefined],
    )
    platform = await startProcess(dataDir, eventLog.environment)

    const info = await ended(record)
    expect(info).toMatchObject({ all: STEPS, success: STEPS, fail: 0, error: 0 })
    expect(urls()).toEqual(['/login', '/first', '/second', '/second', ...thirds])
    expectLoggedIn(COUNTS)
    // Told to stop it says which step it had begun; who is killed may have begun the one after it as well.
    expect(repeated(info.results[0].cases)).toEqual(
      signal === 'SIGTERM' ? [['second', 2]] : [['second', 2], ['third', 2]], // prettier-ignore
    )
    const events = await eventsOf(record)
    expect(events.filter(({ type }) => type === 'RunReleased').map(({ data }) => data)).toEqual(
      signal === 'SIGTERM' ? [{ attempt: 1, interrupted: true }] : [],
    )
  }, 120_000)
})

test('when the platform is told to stop and steps still end, none runs again, and none says so', async () => {
  const arrived = Promise.withResolvers<void>()
  instead = (seen, response) => {
    if (seen.url !== '/third') return false
    arrived.resolve()
    setTimeout(() => answer(seen, response), SLOW_MS)
    return true
  }
  // Who waits does not keep the run from being given back.
  const waiting = platform.call('POST', RUN, { env, scene })
  await arrived.promise
  expect(await platform.end('SIGTERM')).toBe(0)
  const { status, body } = await waiting
  expect([status, body]).toEqual([202, { record: expect.any(Number), status: '执行中' }])
  platform = await startProcess(dataDir, eventLog.environment)

  const info = await ended(body.record)
  expect(info).toMatchObject({ all: STEPS, success: STEPS })
  expect(urls()).toEqual(['/login', '/first', '/second', ...thirds])
  expectLoggedIn(COUNTS)
  expect(repeated(info.results[0].cases)).toEqual([])
  const events = await eventsOf(body.record)
  expect(events.filter(({ type }) => type === 'RunReleased').map(({ data }) => data)).toEqual([
    { attempt: 1, interrupted: false },
  ])
}, 120_000)

test('scenes that went side by side go on when the platform is killed, each with what it had saved itself', async () => {
  const scenes = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const one = await made('/api/testFlow/scenes/', { name, project })
      for (const [sort, icase] of icases.entries()) await made('/api/testFlow/icases/', { icase, scene: one, sort })
      return one
    }),
  )
  const task = await made('/api/testTask/tasks/', { name: 'side by side', project, scenes, concurrency: 2 })
  const arrived = Promise.withResolvers<void>()
  instead = ({ url }) => {
    const seconds = urls().filter((each) => each === '/second').length
    if (url !== '/second' || seconds > 2) return false
    // Nobody answers the first time.
    if (seconds === 2) arrived.resolve()
    return true
  }
  void platform.call('POST', '/api/testTask/tasks/run/', { env, task }).catch(() => undefined)
  await arrived.promise
  const record = await lastRun()
  while ((await eventsOf(record)).filter(({ type }) => type === 'CaseFinished').length < 4) await pause(10)
  await platform.end('SIGKILL')
  platform = await startProcess(dataDir, eventLog.environment)

  const info = await ended(record)
  expect(info).toMatchObject({ all: 12, success: 12 })
  const often = (wanted: string): number => urls().filter((url) => url === wanted).length
  expect(['/login', '/first', '/second', '/third'].map(often)).toEqual([3, 3, 5, 3])
  expectLoggedIn(COUNTS)
  // Only what had begun may have run before, and both scenes that were under way say so.
  const again = [['second', 2], ['third', 2]] // prettier-ignore
  expect(info.results.map(({ cases }: { cases: Result[] }) => repeated(cases))).toEqual([again, again, []])
  const events = await eventsOf(record)
  const begun = events.filter(({ type }) => type === 'CaseBegun').map(({ data }) => [data['flow'], data['index']])
  expect(begun).toEqual([
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
  ])
}, 120_000)
