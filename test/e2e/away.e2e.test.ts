import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { ADMIN, caller, KEYS, login } from '../support/platform.ts'
import { type LaunchedProcess, launchProcess } from '../support/platform-process.ts'
import { freshDatabase, type TestDatabase } from '../support/postgres.ts'
import { createDoor, type Door } from '../support/proxy.ts'

let database: TestDatabase
let door: Door
let dataDir: string
let child: LaunchedProcess | undefined

beforeAll(async () => {
  database = await freshDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'testledger-away-'))
  const { searchParams } = new URL(database.url.replace('@/', '@localhost/'))
  door = await createDoor({ path: `${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}` })
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await child?.exited
  await door.shut()
})
afterAll(async () => {
  await database.drop()
  await rm(dataDir, { recursive: true, force: true })
})

const START_MS = 60_000

/** The platform behind the door, on a port that is known before it is ready. */
async function launch(): Promise<{ url: string; process: LaunchedProcess }> {
  const behind = new URL(database.url.replace('@/', `@127.0.0.1:${door.port}/`))
  behind.search = ''
  const started = launchProcess(dataDir, { ...KEYS, DATABASE_URL: behind.href, LOG_LEVEL: 'info' })
  child = started
  while (!started.said().includes('"listening"') && !/"msg":"listening"/.test(started.said())) await pause(20)
  const url = /"url":"(http:[^"]+)"/.exec(started.said())?.[1] ?? ''
  return { url, process: started }
}

// eslint-disable-next-line typescript/no-explicit-any -- tests look into bodies freely
type Body = any

async function get(url: string): Promise<{ status: number; body: Body }> {
  const answer = await fetch(url)
  return { status: answer.status, body: await answer.json() }
}

async function metricsOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`)
  expect(answer.status).toBe(200)
  return answer.text()
}

async function untilReady(url: string, status: 200 | 503): Promise<unknown> {
  for (;;) {
    const answer = await get(`${url}/readyz`)
    if (answer.status === status) return answer.body
    await pause(50)
  }
}

test(
  'without its database a process lives, is not ready, names the address, and works when it comes, goes and comes back',
  async () => {
    const { url, process } = await launch()
    expect(await get(`${url}/healthz`)).toEqual({ status: 200, body: { status: 'ok' } })
    const where = `Postgres at 127.0.0.1:${door.port}/`
    for (;;) {
      const { status, body } = await get(`${url}/readyz`)
      expect(status).toBe(503)
      if (body.checks.start.reason !== 'starting') {
        expect(body.checks.start.reason).toContain(where)
        break
      }
      await pause(20)
    }
    const early = await fetch(`${url}/api/testPro/projects/`)
    expect([early.status, early.headers.get('Retry-After')]).toEqual([503, '5'])
    expect(await metricsOf(url)).toContain('process_cpu_seconds_total')

    await door.open()
    expect(await process.ready).toBe(url)
    const call = caller(
      () => url,
      () => token,
    )
    const token = await login(call, ADMIN)
    expect((await call('POST', '/api/testPro/projects/', { name: 'before', leader: 'lin' })).status).toBe(201)

    await door.shut()
    expect(JSON.stringify(await untilReady(url, 503))).toContain(where)
    const refused = await call('POST', '/api/testPro/projects/', { name: 'meanwhile', leader: 'lin' })
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '5'])
    expect((await get(`${url}/healthz`)).status).toBe(200)
    const without = await metricsOf(url)
    for (const part of ['database', 'event_store', 'projections']) {
      expect(without).toContain(`testledger_up{part="${part}"} 0\n`)
    }
    expect(without).toMatch(
      /^testledger_http_requests_total\{method="POST",route="\/api\/testPro\/projects\/",status="503"\} 1$/m,
    )
    expect(without).not.toMatch(/^testledger_(runs|projection_lag)\{/m)

    await door.open()
    await untilReady(url, 200)
    const back = await metricsOf(url)
    expect(back).toContain('testledger_up{part="database"} 1\n')
    expect(back).toContain('testledger_runs{state="accepted"} 0\n')
    expect((await call('POST', '/api/testPro/projects/', { name: 'after', leader: 'lin' })).status).toBe(201)
    const names = (await call('GET', '/api/testPro/projects/')).body.map(({ name }: { name: string }) => name)
    expect(names).toEqual(expect.arrayContaining(['before', 'after']))
    process.kill('SIGTERM')
    expect(await process.exited).toBe(0)
  },
  START_MS,
)

test(
  'a process that waits for its database ends when it is told to',
  async () => {
    const { process } = await launch()
    process.kill('SIGTERM')
    expect(await process.exited).toBe(0)
  },
  START_MS,
)

test(
  'a process whose connections to the database fall silent is not ready, and names the address',
  async () => {
    await door.open()
    const { url, process } = await launch()
    await process.ready
    await untilReady(url, 200)
    door.silence({ forNew: true })
    const { checks } = (await untilReady(url, 503)) as Body
    expect(checks.database.reason).toContain(`Postgres at 127.0.0.1:${door.port}/`)
  },
  START_MS,
)
