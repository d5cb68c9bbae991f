/** A whole platform in this process, on a database of its own, and what tests ask of it over HTTP. */
import { tmpdir } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../../contracts/core.ts'
import { type Platform, startPlatform } from '../../main.ts'
import { readConfig } from '../../platform/config.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { createLogger, type Logger } from '../../platform/logger.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { projections } from '../../projections/all.ts'
import type { Route } from '../../gateway/rest/route.ts'
import type { ReadModels } from '../../projections/port.ts'
import { awaitRebuild, dumpRows, requestRebuild } from '../../projections/rebuild.ts'
import { eventsThere, newEventLog } from './event-log.ts'
import { freshDatabase } from './postgres.ts'
import { quiet } from './quiet.ts'

export const ADMIN = { username: 'admin', password: 'admin-password' }
export const KEYS = { JWT_SECRET: 'a secret of the tests, 32 bytes long', MASTER_KEY: 'ab'.repeat(32) }

/** An answer: `body` is what JSON.parse makes of it, undefined where there is none. */
export type Reply = Readonly<{ status: number; body: any; text: string; headers: Headers }> // eslint-disable-line typescript/no-explicit-any -- tests look into bodies freely

export type CallOptions = Readonly<{ token?: string | undefined; headers?: Readonly<Record<string, string>> }>

/** Calls the platform as `token` (the admin where none is given; no one for an empty one). A string is sent as it is. */
export type Caller = (method: string, path: string, body?: unknown, options?: CallOptions) => Promise<Reply>

export type TestPlatform = Readonly<{
  url: string
  /** What it was started with: another that is started with it is of the same platform. */
  environment: Readonly<Record<string, string>>
  db: Database
  /** Its events, as another process has them. */
  store: EventStore
  routes: readonly Route[]
  models: ReadModels
  call: Caller
  /** The admin's access token. */
  token: string
  /** A token of a new user of that role. */
  userToken(role: 'admin' | 'tester' | 'viewer', username?: string): Promise<string>
  /** What `work` added to the log: types and data, the streams aside. */
  eventsOf(work: () => Promise<unknown>): Promise<readonly (Event & { stream: string })[]>
  /** The id of what a POST creates. */
  made(path: string, body: object): Promise<number>
  /** Stops and starts again on the same database, as a restart does. */
  restart(): Promise<void>
  /** Builds every read model anew from the log, sees that not one row differs, and stops. */
  stop(): Promise<void>
}>

/** Starts a platform. `environment` goes over what tests are started with. */
export async function startTestPlatform(
  environment: Readonly<Record<string, string>> = {},
  log: Logger = createLogger('silent'),
): Promise<TestPlatform> {
  const [database, eventLog] = await Promise.all([freshDatabase(), newEventLog()])
  // With a database of its own a platform keeps little here: what it keeps is good for all platforms of the run.
  const dataDir = process.env.TEST_SHARED_FOLDER ?? tmpdir()
  const variables = {
    ...KEYS,
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    PORT: '0',
    ADMIN_PASSWORD: ADMIN.password,
    LOG_LEVEL: 'silent',
    SANDBOX_POOL: '1',
    ...eventLog.environment,
    ...environment,
  }
  const config = readConfig(variables)
  const db = await openDatabase({ connection: database.url, max: 4, log: quiet })
  const store = eventLog.open(db)
  let platform = await start()

  async function start(): Promise<Platform> {
    const started = await startPlatform(config, log)
    await started.ready
    return started
  }

  const call = caller(
    () => platform.url,
    () => token,
  )
  let token = await login(call, ADMIN)

  return {
    get url() {
      return platform.url
    },
    environment: variables,
    db,
    store,
    get models() {
      return platform.models
    },
    get routes() {
      return platform.routes
    },
    call,
    get token() {
      return token
    },
    async userToken(role, username = `${role}-${Math.random().toString(36).slice(2)}`) {
      const password = `password of ${username}`
      await call('POST', '/api/users/', { username, password, role })
      return login(call, { username, password })
    },
    async eventsOf(work) {
      const before = await store.head()
      await work()
      return (await eventsThere(store, before)).map(({ stream, type, data }) => ({ stream, type, data }))
    },
    async made(path, body) {
      const answer = await call('POST', path, body)
      if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${answer.text}`)
      return (answer.body as { id: number }).id
    },
    async restart() {
      await platform.stop()
      platform = await start()
      token = await login(call, ADMIN)
    },
    async stop() {
      try {
        await expectRebuildEqual(db, store, platform.models)
      } finally {
        await platform.stop()
        await store.stop()
        await eventLog.stop()
        await db.close()
        await database.drop()
      }
    },
  }
}

export async function login(call: Caller, user: { username: string; password: string }): Promise<string> {
  const { status, body, text } = await call('POST', '/api/users/login/', user, { token: '' })
  if (status !== 200) throw new Error(`login answered ${status}: ${text}`)
  return (body as { token: string }).token
}

export function caller(url: () => string, token: () => string): Caller {
  return async (method, path, body, options = {}) => {
    const bearer = options.token ?? (path.startsWith('/api/users/login') ? '' : token())
    const response = await fetch(`${url()}${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(bearer !== '' && { authorization: `Bearer ${bearer}` }),
        ...options.headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, text, body: text === '' ? undefined : parse(text), headers: response.headers }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The same rows before and after every read model was built from the log anew; what a run says meanwhile is waited for. */
export async function expectRebuildEqual(db: Database, store: EventStore, models: ReadModels): Promise<void> {
  for (;;) {
    const head = await store.head()
    await models.passed(head, 10_000)
    const before = await dumpRows(models, projections)
    await awaitRebuild(db, await requestRebuild(db))
    const after = await dumpRows(models, projections)
    const [table] = Object.keys(before).filter((name) => !isDeepStrictEqual(before[name], after[name]))
    if (table === undefined) return
    if ((await store.head()) !== head) continue
    throw new Error(`${table} differs after a rebuild:\n${before[table]?.join('\n')}\n\n${after[table]?.join('\n')}`)
  }
}
