/** Where commands are published and replied to without a server around them: what every role stands on, a world to run, and an admin. */
import { tmpdir } from 'node:os'
import { validate } from '../../gateway/rest/schema.ts'
import type { Call, Route, User } from '../../gateway/rest/route.ts'
import { decodeBody } from '../../gateway/rest/body.ts'
import type { RunEvent } from '../../contracts/run.ts'
import { runStream } from '../../contracts/run.ts'
import { COMMANDS_TOPIC, REPLIES_TOPIC, type Reply, replyMessage } from '../../contracts/topics.ts'
import type { Recorded } from '../../contracts/core.ts'
import { readConfig } from '../../platform/config.ts'
import { newCommandId } from '../../platform/ids.ts'
import { createLogger } from '../../platform/logger.ts'
import type { Message } from '../../platform/message-log/port.ts'
import { migrate } from '../../platform/migrations.ts'
import { gatewayRoutes } from '../../roles/gateway.ts'
import { type Ground, openGround, type Stops } from '../../roles/ground.ts'
import { makeFirstAdmin } from '../../services/access/first-admin.ts'
import { run } from '../../services/commands/run.ts'
import { triggerCommandsMigration } from '../../services/trigger-commands/trigger-commands.ts'
import { freshDatabase } from './postgres.ts'
import { KEYS } from './platform.ts'

export type CommandDesk = Readonly<{
  ground: Ground
  routes: readonly Route[]
  /** Ids of an environment, and of a task with one scene with one saved case. */
  world: Readonly<{ env: number; case: number; scene: number; task: number }>
  /** The text of a new API token of the admin, in that role. */
  token(role: 'admin' | 'tester' | 'viewer', owner?: User): Promise<string>
  /** Publishes a message as CI does; an object as its JSON. */
  publish(message: object | string, more?: Partial<Message>): Promise<void>
  /** Resolves when there are so many replies to a command, and answers them. */
  replies(id: string, count?: number): Promise<readonly Reply[]>
  /** All messages of a topic so far, once there are so many. */
  messages(topic: string, count: number): Promise<readonly Message[]>
  /** What was asked for so far. */
  requested(): Promise<readonly Recorded<RunEvent>[]>
  /** Ends a run, as the watchdog does. */
  end(record: number): Promise<void>
  /** POSTs as the admin, without HTTP. */
  post(path: string, body: object): Promise<unknown>
  stop(): Promise<void>
}>

const ADMIN: User = { id: 1, username: 'admin', role: 'admin', via: 'login' }

export async function openCommandDesk(): Promise<CommandDesk> {
  const database = await freshDatabase()
  const stops: Stops = []
  const stopping = new AbortController()
  const config = readConfig({ ...KEYS, DATABASE_URL: database.url, DATA_DIR: tmpdir(), LOG_LEVEL: 'silent' })
  const opening = { stops, signal: stopping.signal, waiting: () => {} }
  const ground = await openGround(config, createLogger('silent'), opening)
  await migrate(ground.db, [triggerCommandsMigration])
  const { access, handle, store, messages } = ground
  const admin = { username: ADMIN.username, password: 'admin-password' }
  await makeFirstAdmin(access.users, admin, { dataDir: config.dataDir, onTerminal: false })
  const routes = gatewayRoutes(ground, stopping.signal)
  const inboxes = new Map<string, Inbox>()

  const context = () => ({ commandId: newCommandId(), actor: ADMIN.id, correlationId: 'test' })

  async function post(path: string, body: object): Promise<unknown> {
    const route = routes.find((each) => each.path === path && each.method === 'POST')
    if (!route?.body) throw new Error(`no POST ${path}`)
    const fields = decodeBody(Buffer.from(JSON.stringify(body)), 'application/json')
    const call: Call = {
      params: {},
      query: { wait: false },
      body: validate(route.body, fields),
      user: ADMIN,
      headers: {},
      idempotency: undefined,
      ifMatch: undefined,
      correlationId: 'test',
      address: '',
      signal: stopping.signal,
    }
    return (await route.handle(call)).body
  }

  const made = async (path: string, body: object): Promise<number> => ((await post(path, body)) as { id: number }).id

  function inbox(topic: string): Inbox {
    let found = inboxes.get(topic)
    if (found === undefined) {
      const fresh = new Inbox()
      inboxes.set(topic, (found = fresh))
      const subscription = { topic, group: 'test', from: 'start' } as const
      stops.push(() => consumed)
      const consumed = messages.consume(subscription, async (message) => fresh.take(message), stopping.signal)
    }
    return found
  }

  const project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  const env = await made('/api/testPro/envs/', { name: 'e', host: 'http://127.0.0.1:1', project })
  const owner = await made('/api/TestInterFace/interfaces/', { name: 'i', url: '/', method: 'get', type: '1', project })
  const icase = await made('/api/TestInterFace/cases/', { title: 'c', interface: owner })
  const scene = await made('/api/testFlow/scenes/', { name: 's', project })
  await made('/api/testFlow/icases/', { icase, scene, sort: 1 })
  const task = await made('/api/testTask/tasks/', { name: 't', project, scenes: [scene] })

  return {
    ground,
    routes,
    world: { env, case: icase, scene, task },
    post,
    async token(role, owner = ADMIN) {
      const { text } = await access.apiTokens.issue(owner, { name: 'ci', role }, context())
      return text ?? ''
    },
    async publish(message, more = {}) {
      const value = typeof message === 'string' ? message : JSON.stringify(message)
      await messages.publish(COMMANDS_TOPIC, [{ key: '', value, ...more }])
    },
    async replies(id, count = 1) {
      const of = ({ key }: Message): boolean => key === id
      const found = await inbox(REPLIES_TOPIC).until((all) => all.filter(of).length >= count)
      return found.filter(of).map(({ value }) => replyMessage.strict().parse(JSON.parse(value)))
    },
    messages: (topic, count) => inbox(topic).until(({ length }) => length >= count),
    async requested() {
      const rows = await ground.db.query<{ stream: string }>(
        `select stream from events where type = 'RunRequested' order by position`,
      )
      const streams = await store.loadMany(rows.map(({ stream }) => ({ stream, upTo: 0n })))
      return streams.flat() as Recorded<RunEvent>[]
    },
    async end(record) {
      await handle(run, runStream(record), () => ({ type: 'EndRun', reason: '结束' }) as const, context())
    },
    async stop() {
      stopping.abort()
      for (const stop of stops.toReversed()) await stop()
      await database.drop()
    },
  }
}

class Inbox {
  #messages: Message[] = []
  #arrived = Promise.withResolvers<void>()

  take(message: Message): 'done' {
    this.#messages.push(message)
    this.#arrived.resolve()
    this.#arrived = Promise.withResolvers()
    return 'done'
  }

  async until(enough: (messages: readonly Message[]) => boolean): Promise<readonly Message[]> {
    while (!enough(this.#messages)) await this.#arrived.promise
    return [...this.#messages]
  }
}
