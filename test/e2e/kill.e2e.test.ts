import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { embeddedConnection } from '../../platform/embedded-postgres.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { projections } from '../../projections/all.ts'
import { dumpRows, requestRebuild } from '../../projections/rebuild.ts'
import { ADMIN, login, type Reply } from '../support/platform.ts'
import { type EventLog, eventsThere, newEventLog } from '../support/event-log.ts'
import { type PlatformProcess, readEvents, startProcess, tryStart } from '../support/platform-process.ts'
import { quiet } from '../support/quiet.ts'
import { startTarget } from '../support/target.ts'

/** The real process dies at the worst moments, and whatever it had acknowledged is there when it is started again. */

let dataDir: string
let eventLog: EventLog
let platform: PlatformProcess

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'testledger-kill-'))
  eventLog = await newEventLog()
  platform = await startProcess(dataDir, eventLog.environment)
}, 120_000)
afterAll(async () => {
  await platform.end('SIGTERM')
  await eventLog.stop()
  await rm(dataDir, { recursive: true, force: true })
}, 60_000)

async function killAndRestart(): Promise<void> {
  await platform.end('SIGKILL')
  platform = await startProcess(dataDir, eventLog.environment)
}

const PROJECTS = '/api/testPro/projects/'
const INTERFACES = '/api/TestInterFace/interfaces/'

async function newProject(): Promise<number> {
  return (await platform.call('POST', PROJECTS, { name: 'p', leader: 'l' })).body.id as number
}

test('between request and answer of writes: nothing acknowledged is lost, nothing is done twice, keys answer as before', async () => {
  for (let round = 0; round < 3; round++) {
    const project = await newProject()
    const send = (key: number): Promise<Reply> =>
      platform.call(
        'POST',
        INTERFACES,
        { name: `n${key}`, url: '/', method: 'get', type: '1', project },
        { headers: { 'idempotency-key': `round-${round}-${key}` } },
      )
    const keys = Array.from({ length: 60 }, (_, key) => key)
    const sent = keys.map((key) => pause(key * 3).then(() => send(key)))
    const settled = Promise.allSettled(sent)
    await pause(20 + Math.random() * 150)
    await killAndRestart()
    const answers = await settled

    const listed = (await platform.call('GET', `${INTERFACES}?project=${project}`)).body as {
      id: number
      name: string
    }[]
    const acknowledged = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    for (const { status, body } of acknowledged) {
      expect(status).toBe(201)
      expect(listed).toContainEqual(expect.objectContaining({ id: body.id, name: body.name }))
    }
    const again = await Promise.all(keys.map(send))
    for (const [key, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') expect(again[key]?.text).toBe(answer.value.text)
    }
    expect(again.every(({ status }) => status === 201)).toBe(true)
    const names = ((await platform.call('GET', `${INTERFACES}?project=${project}`)).body as { name: string }[]).map(
      ({ name }) => name,
    )
    expect(names.toSorted()).toEqual(keys.map((key) => `n${key}`).toSorted())
  }
}, 180_000)

describe('in the middle of a case', () => {
  let target: Awaited<ReturnType<typeof startTarget>>
  afterEach(() => target.stop())

  test('the run ends, and its key gives its result', async () => {
    const arrived = Promise.withResolvers<void>()
    let asked = 0
    target = await startTarget((_seen, response) => {
      // The first time nobody answers: the platform dies while it waits.
      if (asked++ === 0) arrived.resolve()
      else response.end('{}')
    })
    const project = await newProject()
    const env = (await platform.call('POST', '/api/testPro/envs/', { name: 'e', host: target.url, project })).body.id
    const run = (): Promise<Reply> =>
      platform.call(
        'POST',
        '/api/TestInterFace/cases/run/',
        { env, cases: { title: '中断', interface: { url: '/', method: 'get', name: '' } } },
        { headers: { 'idempotency-key': 'a run that was killed' } },
      )
    const lost = run().catch(() => 'lost')
    await arrived.promise
    await killAndRestart()
    expect(await lost).toBe('lost')

    const { status, body } = await run()
    expect([status, body.state, body.attempt]).toEqual([200, '成功', 2])
    const report = await platform.call('GET', `/api/testTask/report/${body.record}/`)
    expect(report.body.info).toMatchObject({ all: 1, success: 1, fail: 0, error: 0 })
    expect(asked).toBe(2)

    const events = await readEvents(dataDir, eventLog, eventsThere)
    const streamsOf = (wanted: string) => events.filter(({ type }) => type === wanted).map(({ stream }) => stream)
    expect(streamsOf('RunFinished').toSorted()).toEqual(streamsOf('RunRequested').toSorted())
  }, 120_000)
})

test('in the middle of a rebuild: it is done after the restart, and the rows are the same', async () => {
  const project = await newProject()
  await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      platform.call('POST', INTERFACES, { name: `r${n}`, url: '/', method: 'get', type: '1', project }),
    ),
  )
  const connect = () => openDatabase({ connection: embeddedConnection(dataDir) ?? '', max: 2, log: quiet })
  const generations = `select name, max(generation) filter (where state = 'live') as live from projections group by name order by name`
  let db = await connect()
  const before = await rowsOf(db)
  const [first] = await db.query<{ live: string }>(generations)
  await requestRebuild(db)
  await platform.end('SIGKILL')
  await db.close()
  platform = await startProcess(dataDir, eventLog.environment)

  db = await connect()
  for (;;) {
    const open = await db.query('select 1 from rebuild_requests where done_at is null')
    if (open.length === 0) break
    await pause(50)
  }
  const after = await rowsOf(db)
  const [last] = await db.query<{ live: string }>(generations)
  await db.close()
  expect(after).toEqual(before)
  expect(Number(last?.live)).toBeGreaterThan(Number(first?.live))
  // A busy machine may let a probe wait too long: what counts is that it comes to be ready.
  while ((await platform.call('GET', '/readyz')).status !== 200) await pause(50)
}, 120_000)

async function rowsOf(db: Awaited<ReturnType<typeof openDatabase>>): Promise<Record<string, string[]>> {
  const live = await db.query<{ name: string; version: string; generation: string }>(
    `select name, version, generation from projections where state = 'live'`,
  )
  const table = (name: string): string => {
    const owner = projections.find(({ tables }) => tables.includes(name))?.name
    const row = live.find((one) => one.name === owner)
    return `${name}_v${row?.version}_g${row?.generation}`
  }
  return dumpRows({ query: db.query.bind(db), table }, projections)
}

describe('the process itself', () => {
  test('a second one on the same data directory is refused, and names it', async () => {
    const second = await tryStart(dataDir, eventLog.environment)
    expect(second).toMatchObject({ code: 1, said: expect.stringContaining(dataDir) })
  }, 60_000)

  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    '%s ends it with 0, after what was under way',
    async (signal) => {
      const target = await startTarget((_seen, response) => void pause(700).then(() => response.end('{}')))
      const project = await newProject()
      const env = (await platform.call('POST', '/api/testPro/envs/', { name: 'e', host: target.url, project })).body.id
      const underWay = platform.call('POST', '/api/TestInterFace/cases/run/', {
        env,
        cases: { title: '收尾', interface: { url: '/', method: 'get', name: '' } },
      })
      while (target.seen.length === 0) await pause(5)
      const code = await platform.end(signal)
      expect([(await underWay).status, (await underWay).body.state, code]).toEqual([200, '成功', 0])
      await target.stop()
      platform = await startProcess(dataDir, eventLog.environment)
      expect((await login(platform.call, ADMIN)).length).toBeGreaterThan(0)
    },
    120_000,
  )

  test('a folder that cannot be one is named', async () => {
    const refused = await tryStart('/dev/null/inside')
    expect(refused).toMatchObject({ code: 1, said: expect.stringContaining('DATA_DIR /dev/null/inside') })
  })

  test('who waits for a run that outlasts the end is told its record', async () => {
    const target = await startTarget(() => undefined)
    const project = await newProject()
    const env = (await platform.call('POST', '/api/testPro/envs/', { name: 'e', host: target.url, project })).body.id
    const waiting = platform.call('POST', '/api/TestInterFace/cases/run/', {
      env,
      cases: { title: '太久', interface: { url: '/', method: 'get', name: '' } },
    })
    while (target.seen.length === 0) await pause(5)
    const code = await platform.end('SIGTERM')
    expect([(await waiting).status, (await waiting).body, code]).toEqual([
      202,
      { record: expect.any(Number), status: '执行中' },
      0,
    ])
    await target.stop()
    platform = await startProcess(dataDir, eventLog.environment)
  }, 120_000)

  test('npm start ends with what it started', async () => {
    const own = await mkdtemp(join(tmpdir(), 'testledger-npm-'))
    const npm = spawn('npm', ['start'], {
      cwd: new URL('../..', import.meta.url).pathname,
      env: { ...process.env, NODE_OPTIONS: '', DATA_DIR: own, PORT: '0', ADMIN_PASSWORD: ADMIN.password },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const exited = once(npm, 'exit')
    let said = ''
    for await (const chunk of npm.stdout as AsyncIterable<Buffer>) {
      said += chunk.toString()
      if (said.includes(' is ready at ')) break
    }
    const url = /(http:\S+)/.exec(said)?.[1] ?? ''
    npm.kill('SIGTERM')
    expect((await exited)[0]).toBe(0)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
    await rm(own, { recursive: true, force: true })
  }, 120_000)

  test('all that is wrong with its configuration is said at once', async () => {
    const refused = await tryStart(dataDir, { PORT: 'x', LOG_LEVEL: 'loud' })
    expect(refused).toMatchObject({ code: 1, said: expect.stringMatching(/PORT: [^]*LOG_LEVEL: /) })
  })
})
