import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { certainlyAmong, clientOf } from './gateway/address.ts'
import { type Answered, countAnswers } from './gateway/answers.ts'
import { TOPICS } from './contracts/topics.ts'
import { createApp } from './gateway/app.ts'
import { type Front, openFront } from './gateway/front.ts'
import { docsRoutes } from './gateway/rest/docs.ts'
import { probesOf } from './gateway/rest/probes.ts'
import type { Route } from './gateway/rest/route.ts'
import type { Config } from './platform/config.ts'
import type { Logger } from './platform/logger.ts'
import { createMetrics } from './platform/metrics.ts'
import { untilReached } from './platform/reach.ts'
import { version } from './platform/version.ts'
import type { ReadModels } from './projections/port.ts'
import { gatewayRoutes, startCommands } from './roles/gateway.ts'
import { type Ground, openGround, type Stops } from './roles/ground.ts'
import { startRelayRole } from './roles/relay.ts'
import { startRunnerRole } from './roles/runner.ts'
import { watchRoutes } from './roles/watch.ts'
import { type FirstAdmin, makeFirstAdmin } from './services/access/first-admin.ts'

/** Milliseconds that requests and runs under way have to end when the process stops. */
const GRACE = 8_000

/** A process of the platform at work, in its roles. */
export type Platform = Readonly<{
  url: string
  models: ReadModels
  /** All that is served. */
  routes: readonly Route[]
  admin: FirstAdmin | undefined
  /** Resolves when all read models have passed what was in the log at the start, and the message log is reached where it is needed. */
  ready: Promise<void>
  /** Resolves with the reason when it cannot go on. */
  failed: Promise<string>
  stop(): Promise<void>
}>

/**
 * The composition root: what every role stands on (`roles/ground.ts`), the roles that the configuration names, what they serve, and how
 * they stop. A server that cannot be reached is waited for; `interrupted` ends the waiting, and the start with its reason.
 */
export async function startPlatform(
  config: Config,
  log: Logger,
  interrupted: AbortSignal = new AbortController().signal,
): Promise<Platform> {
  const stops: Stops = []
  const metrics = createMetrics()
  const answered = countAnswers(metrics)
  const client = clientOf(config.trustedProxies)
  const isAllowed = certainlyAmong(config.metricsAllow)
  const openTo = (request: IncomingMessage): boolean => isAllowed(client(request))
  const stopping = new AbortController()
  const leavingSoon = new AbortController()
  const leavingNow = new AbortController()
  const closing = new AbortController()
  let front: Front | undefined
  const stop = async (): Promise<void> => {
    stopping.abort()
    const left = front?.leave(GRACE)
    // Short runs end, longer ones their case under way; what is left is given back. Who waits for one is told what there is of it
    // before the connection is cut.
    setTimeout(() => leavingSoon.abort(), GRACE / 4).unref()
    setTimeout(() => leavingNow.abort(), GRACE / 2).unref()
    setTimeout(() => closing.abort(), GRACE - 2_000).unref()
    await left
    for (const each of stops.splice(0).toReversed()) await each()
    await front?.stop(GRACE / 8)
  }
  const listen = async (): Promise<Front> => {
    const opened = await openFront(config, { metrics, openTo, log, answered })
    log.info({ url: opened.url, roles: config.roles }, 'listening')
    return opened
  }
  try {
    const signal = AbortSignal.any([stopping.signal, interrupted])
    // Servers elsewhere may be away: it is said from the first moment. The embedded one is not, and who has it is to be said first.
    if (config.databaseUrl !== undefined) front = await listen()
    const waiting = (reason: string): void => front?.waits(reason)
    const ground = await openGround(config, log, { stops, signal, leaving: leavingNow.signal, waiting, metrics })
    const { has, models } = ground
    if (has('runner')) {
      const giveBack = startRunnerRole(ground, stops)
      // Beside the gateway, not after it: calls that wait for runs keep it open, and end when no run will end here any more.
      const givenBack = once(stopping.signal, 'abort')
        .then(() => giveBack({ soon: leavingSoon.signal, now: leavingNow.signal }))
        .finally(() => has('relay') && closing.abort())
      stops.push(() => givenBack)
    }
    if (has('relay')) startRelayRole(ground, stops)
    const admin = has('gateway') ? await untilReached(() => firstAdmin(ground), { log, signal, waiting }) : undefined
    const own = has('gateway') ? gatewayRoutes(ground, closing.signal) : []
    if (has('gateway')) startCommands(ground, own, stops)
    const probes = probesOf(ground)
    const routes = [...own, ...watchRoutes(ground, probes)]
    const served = [...routes, ...docsRoutes(routes, version)]
    front ??= await listen()
    front.serve(handlerOf(ground, served, answered), probes)
    return {
      url: front.url,
      models,
      routes: served,
      admin,
      ready: untilReady(ground, stopping.signal),
      failed: ground.failed,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function firstAdmin({ access, config }: Ground): Promise<FirstAdmin | undefined> {
  return makeFirstAdmin(access.users, config.admin, { dataDir: config.dataDir, onTerminal: process.stdout.isTTY })
}

function handlerOf(ground: Ground, routes: readonly Route[], answered: (answered: Answered) => void): RequestListener {
  const { config, keys, secrets, access, models, log, tracing } = ground
  const { logins, apiTokens } = access
  const app = createApp({
    routes,
    jwtSecret: keys.jwtSecret,
    authenticate: { login: logins.authenticate, apiToken: apiTokens.authenticate },
    mac: secrets.mac,
    readAfter: models.passed.bind(models),
    log,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    rateLimit: config.rateLimit,
    tracing,
    answered,
  })
  const answer = app.callback()
  return (request, response) => void answer(request, response)
}

/** All read models have passed what is in the log now, and whoever hands on or takes work has reached the message log. */
async function untilReady({ config, store, models, messages, log, has }: Ground, signal: AbortSignal): Promise<void> {
  const reached = (work: () => Promise<void>): Promise<void> =>
    untilReached(work, { log, signal, waiting: () => {} }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  const publishes = has('gateway') || has('relay') || has('runner')
  const topics = reached(async () => {
    // Nothing to send makes the topic all the same.
    if (config.kafka && publishes) for (const topic of TOPICS) await messages.publish(topic, [])
  }).catch((error: unknown) => {
    // Brokers that start may not be enough yet. Whoever publishes or consumes makes what is missing, and says so.
    log.error({ err: error }, 'topics could not be made')
  })
  await reached(async () => {
    const head = await store.head()
    while (!signal.aborted && !(await models.passed(head)));
  })
  if (has('relay') || has('runner')) await topics
}
