import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import type { Position } from './contracts/core.ts'
import { systemClock } from './contracts/time.ts'
import { serveHttp } from './gateway/http.ts'
import { createApp } from './gateway/app.ts'
import { apiTokenRoutes } from './gateway/rest/api-tokens.ts'
import { bugRoutes } from './gateway/rest/bugs.ts'
import { caseRoutes } from './gateway/rest/cases.ts'
import { docsRoutes } from './gateway/rest/docs.ts'
import { environmentRoutes } from './gateway/rest/environments.ts'
import { fileRoutes } from './gateway/rest/files.ts'
import { healthRoutes } from './gateway/rest/health.ts'
import { interfaceModuleRoutes } from './gateway/rest/interface-modules.ts'
import { interfaceRoutes } from './gateway/rest/interfaces.ts'
import { loginRoutes } from './gateway/rest/logins.ts'
import { probesOf } from './gateway/rest/probes.ts'
import { projectRoutes } from './gateway/rest/projects.ts'
import { recordRoutes } from './gateway/rest/records.ts'
import { reportRoutes } from './gateway/rest/reports.ts'
import type { Route } from './gateway/rest/route.ts'
import { runRoutes } from './gateway/rest/runs.ts'
import { sceneRoutes } from './gateway/rest/scenes.ts'
import { stepRoutes } from './gateway/rest/steps.ts'
import { taskRoutes } from './gateway/rest/tasks.ts'
import { userRoutes } from './gateway/rest/users.ts'
import { createBlobs } from './platform/blobs.ts'
import { createCommandMemory } from './platform/commands.ts'
import type { Config } from './platform/config.ts'
import { createPostgresEventStore } from './platform/event-store/postgres.ts'
import { createIds } from './platform/ids.ts'
import { loadKeys } from './platform/keys.ts'
import { createLeases, leasesMigration } from './platform/leases.ts'
import type { Logger } from './platform/logger.ts'
import { createMemoryMessageLog } from './platform/message-log/memory.ts'
import { openSecrets } from './platform/secrets.ts'
import { claimDatabase } from './platform/single.ts'
import { openStorage } from './platform/storage.ts'
import { version } from './platform/version.ts'
import { projections } from './projections/all.ts'
import { createProjectionEngine, type ProjectionEngine } from './projections/engine.ts'
import type { ReadModels } from './projections/port.ts'
import { accessMigrations, createAccess } from './services/access/access.ts'
import { type FirstAdmin, makeFirstAdmin } from './services/access/first-admin.ts'
import { Folds } from './services/commands/folds.ts'
import { createHandle } from './services/commands/handle.ts'
import { createVisible } from './services/commands/visible.ts'
import { createWrites } from './services/commands/writes.ts'
import { createFeed } from './services/feed.ts'
import { relayMigration, startRelay } from './services/relay.ts'
import { createCaseFiles } from './services/runner/case-files.ts'
import { parseTargetDeny } from './services/runner/case/deny.ts'
import { createExecuteRun } from './services/runner/execute.ts'
import { createPinned } from './services/runner/pinned.ts'
import { startRunner } from './services/runner/runner.ts'
import { createSandboxPool } from './services/runner/sandbox/pool.ts'
import { createRunEnds } from './services/runs/ends.ts'
import { createNews } from './services/runs/news.ts'
import { createRunProgresses } from './services/runs/progress.ts'
import { createRunRequests } from './services/runs/request.ts'
import { startWatchdog } from './services/watchdog.ts'

/** Milliseconds that requests and runs under way have to end when the platform stops. */
const GRACE = 8_000

/** A platform at work. */
export type Platform = Readonly<{
  url: string
  models: ReadModels
  /** All that is served. */
  routes: readonly Route[]
  admin: FirstAdmin | undefined
  /** Resolves when all read models have passed what was in the log at the start. */
  ready: Promise<void>
  /** Resolves with the reason when it cannot go on. */
  failed: Promise<string>
  stop(): Promise<void>
}>

/** The composition root: config, storage, services, gateway, and how they stop. */
export async function startPlatform(config: Config, log: Logger): Promise<Platform> {
  const stops: (() => Promise<void> | void)[] = []
  const stopping = new AbortController()
  const leavingSoon = new AbortController()
  const leavingNow = new AbortController()
  const closing = new AbortController()
  const stop = async (): Promise<void> => {
    stopping.abort()
    // Short runs end, longer ones their case under way; what is left is given back. Who waits for one is told what there is of it
    // before the connection is cut.
    setTimeout(() => leavingSoon.abort(), GRACE / 4).unref()
    setTimeout(() => leavingNow.abort(), GRACE / 2).unref()
    setTimeout(() => closing.abort(), GRACE - 2_000).unref()
    for (const each of stops.splice(0).toReversed()) await each()
  }
  try {
    // Storage
    const storage = await openStorage(config, [relayMigration, leasesMigration, ...accessMigrations], log)
    stops.push(storage.stop)
    const { db } = storage
    const only = await claimDatabase(db)
    stops.push(only.release)
    const keys = await loadKeys(config)
    const secrets = await openSecrets(db, keys.masterKey)
    const store = createPostgresEventStore({ db, log })
    stops.push(() => store.stop())
    const messages = createMemoryMessageLog({ log })
    stops.push(() => messages.stop())
    const models = createProjectionEngine({ db, store, projections, log })
    await models.start()
    stops.push(() => models.stop())

    // Services
    const clock = systemClock(config.timeZone)
    const blobs = createBlobs(db)
    const { nextId } = createIds(db)
    const memory = createCommandMemory(db)
    const folds = new Folds(store)
    const feed = await createFeed({ store, log })
    feed.listen((events) => folds.observe(events))
    stops.push(feed.stop)
    const handle = createHandle({ store, folds, clock })
    const writes = createWrites({ handle, folds, memory, nextId, readModels: models })
    const visible = createVisible(folds)
    const { jwtSecret } = keys
    const { mac } = secrets
    const { timeZone } = config
    const access = createAccess({ db, folds, handle, writes, nextId, models, jwtSecret, mac, timeZone, log })
    stops.push(access.stop)
    const { users, logins, apiTokens } = access
    const admin = await makeFirstAdmin(users, config.admin, {
      dataDir: config.dataDir,
      onTerminal: process.stdout.isTTY,
    })

    // Runs
    const { sandboxPool: size } = config
    const sandboxes = createSandboxPool({ size, timeZone, log, cacheDir: join(config.dataDir, 'sandbox') })
    stops.push(() => sandboxes.stop())
    const targetDeny = parseTargetDeny(config.targetDeny)
    const leases = createLeases(db)
    const pinned = createPinned({ folds, blobs, cipher: secrets })
    const files = createCaseFiles({ models, folds, blobs })
    const execute = createExecuteRun({
      store,
      handle,
      blobs,
      cipher: secrets,
      pinned,
      files,
      sandboxes,
      targetDeny,
      clock,
    })
    const concurrency = config.runConcurrency
    const runner = startRunner({ messages, handle, folds, feed, leases, execute, concurrency, log })
    // Beside the gateway, not after it: calls that wait for runs keep it open, and end when no run will end here any more.
    const givenBack = once(stopping.signal, 'abort')
      .then(() => runner.stop({ soon: leavingSoon.signal, now: leavingNow.signal }))
      .finally(() => closing.abort())
    stops.push(() => givenBack)
    const relay = startRelay({ store, messages, db, models, leases, log })
    stops.push(relay.stop)
    const deadline = config.runDeadline
    const watchdog = startWatchdog({ models, leases, messages, folds, handle, blobs, clock, deadline, log })
    stops.push(watchdog.stop)

    // Gateway
    const modules = { models, writes, visible, memory, blobs, cipher: secrets }
    const runRequests = createRunRequests({ writes, visible, models, blobs, cipher: secrets })
    const news = createNews({ feed, closing: closing.signal })
    const runEnds = createRunEnds({ news, folds, readModels: models })
    const runProgresses = createRunProgresses({ models, blobs, folds, news })
    const routes: readonly Route[] = [
      ...loginRoutes(logins),
      ...apiTokenRoutes({ apiTokens, users }),
      ...userRoutes({ models, users, registration: config.registration === 'open' }),
      ...projectRoutes(modules),
      ...environmentRoutes(modules),
      ...fileRoutes(modules),
      ...interfaceModuleRoutes(modules),
      ...interfaceRoutes(modules),
      ...caseRoutes(modules),
      ...sceneRoutes(modules),
      ...stepRoutes(modules),
      ...taskRoutes(modules),
      ...runRoutes({ ...modules, runRequests, runEnds, runWaitSeconds: config.runWaitSeconds }),
      ...recordRoutes({ models, runProgresses, timeZone: config.timeZone }),
      ...reportRoutes(modules),
      ...bugRoutes(modules),
      ...healthRoutes(probesOf({ db, store, models })),
    ]
    const served = [...routes, ...docsRoutes(routes, version)]
    const app = createApp({
      routes: served,
      jwtSecret,
      authenticate: { login: logins.authenticate, apiToken: apiTokens.authenticate },
      mac,
      readAfter: models.passed.bind(models),
      log,
      corsOrigins: config.corsOrigins,
      trustedProxies: config.trustedProxies,
      rateLimit: config.rateLimit,
    })
    const answer = app.callback()
    const handler: RequestListener = (request, response) => void answer(request, response)
    const http = await serveHttp({ handler, host: config.host, port: config.port })
    stops.push(() => http.stop(GRACE))

    sandboxes.prepare()
    void sandboxes.walls.then(({ missing }) => {
      if (missing.length > 0) log.warn({ missing }, 'this host does not give every wall around scripts')
    })
    const failed = Promise.race([storage.died, only.lost.then((error) => `the database was lost: ${error.message}`)])
    return {
      url: http.url,
      models,
      routes: served,
      admin,
      ready: untilPassed(models, await store.head(), stopping.signal),
      failed,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilPassed(models: ProjectionEngine, head: Position, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted && !(await models.passed(head)));
}
