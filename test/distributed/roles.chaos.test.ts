import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { deadOf, RUNS_TOPIC } from '../../contracts/topics.ts'
import { readConfig } from '../../platform/config.ts'
import { createKafkaMessageLog } from '../../platform/message-log/kafka.ts'
import type { Message, MessageLog } from '../../platform/message-log/port.ts'
import { freeKafkaPort } from '../../scripts/kafka/broker.ts'
import { ADMIN, type Caller, caller, KEYS, login } from '../support/platform.ts'
import { describeWithKafka, type KafkaBroker, sharedKafka, startKafka } from '../support/kafka.ts'
import { freshDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { quiet } from '../support/quiet.ts'
import { startTarget } from '../support/target.ts'
import { RoleProcess } from './role-process.ts'

/** Each role by itself, in real processes over a real broker and one database. */

const START_MS = 180_000
const TEST_MS = 120_000

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testledger-roles-'))
})
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** A process that nobody has started yet, with a data folder of its own. */
async function processOf(role: string, nth: number, environment: Record<string, string>): Promise<RoleProcess> {
  const name = `${role.replaceAll(',', '-')}-${nth}-${randomUUID().slice(0, 8)}`
  const dataDir = join(folder, name)
  await mkdir(dataDir)
  const logFile = join(folder, `${name}.log`)
  const own = {
    ...KEYS,
    MESSAGE_LOG: 'kafka',
    LOG_LEVEL: 'info',
    RATE_LIMIT: '0',
    KAFKA_PARTITIONS: '4',
    ...environment,
  }
  return new RoleProcess({ name, role, port: await freeKafkaPort(), dataDir, logFile, environment: own })
}

describeWithKafka('roles in processes of their own', () => {
  let database: TestDatabase
  let messages: MessageLog & { stop(): Promise<void> }
  let gateway: RoleProcess
  let relays: readonly RoleProcess[]
  let projectors: readonly RoleProcess[]
  let runner: RoleProcess
  let all: readonly RoleProcess[]
  let call: Caller
  let project: number
  let target: Awaited<ReturnType<typeof startTarget>>
  /** Requests that wait for their answers, while answers are held back. */
  let held: (() => void)[] | undefined

  beforeAll(async () => {
    const [{ brokers }, fresh] = await Promise.all([sharedKafka(), freshDatabase()])
    database = fresh
    const environment = {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: brokers.join(),
      KAFKA_TOPIC_PREFIX: `${randomUUID()}.`,
      KAFKA_PARTITIONS: '4',
    }
    const { kafka } = readConfig({ ...KEYS, ...environment, MESSAGE_LOG: 'kafka' })
    if (!kafka) throw new Error('Kafka is configured')
    messages = createKafkaMessageLog(kafka, { log: quiet })
    const pair = (role: string) => Promise.all([1, 2].map((nth) => processOf(role, nth, environment)))
    gateway = await processOf('gateway', 1, environment)
    runner = await processOf('runner', 1, environment)
    relays = await pair('relay')
    projectors = await pair('projector')
    all = [gateway, runner, ...relays, ...projectors]
    await Promise.all(all.map((each) => each.start()))
    target = await startTarget((_seen, response) => {
      if (held) held.push(() => response.end('{}'))
      else response.end('{}')
    })
    let token = ''
    call = caller(
      () => gateway.url,
      () => token,
    )
    token = await login(call, ADMIN)
    project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  }, START_MS)
  afterAll(async () => {
    await Promise.all(all.map((each) => each.destroy()))
    await target.stop()
    await messages.stop()
    await database.drop()
  }, 60_000)

  async function made(path: string, body: object): Promise<number> {
    const answer = await call('POST', path, body)
    expect([path, answer.status, answer.text]).toEqual([path, 201, expect.any(String)])
    return (answer.body as { id: number }).id
  }

  /** A case to run, in an environment that leads to the target. */
  async function newRun(): Promise<object> {
    const env = await made('/api/testPro/envs/', { name: 'e', host: target.url, project })
    return { env, cases: { title: '用例', interface: { url: '/', method: 'get', name: '' } } }
  }

  /** A scene with one step. */
  async function newScene(): Promise<{ icase: number; scene: number }> {
    const fields = { name: 'i', url: '/', method: 'get', type: '1', project }
    const owner = await made('/api/TestInterFace/interfaces/', fields)
    const icase = await made('/api/TestInterFace/cases/', { title: 'c', interface: owner })
    const scene = await made('/api/testFlow/scenes/', { name: 's', project })
    await made('/api/testFlow/icases/', { icase, scene, sort: 0 })
    return { icase, scene }
  }

  function release(): void {
    const answers = held ?? []
    held = undefined
    for (const answer of answers) answer()
  }

  async function claimsOf(record: number): Promise<number> {
    const rows = await query(
      database.url,
      `select id from events where stream = 'run-${record}' and type = 'RunClaimed'`,
    )
    return rows.length
  }

  async function stateOf(record: number): Promise<unknown> {
    return ((await call('GET', `/api/testTask/records/${record}/`)).body as { state: unknown }).state
  }

  async function untilEnded(records: readonly number[]): Promise<void> {
    for (const record of records) while ((await stateOf(record)) === null) await pause(50)
  }

  test('every role answers /healthz and /readyz', async () => {
    for (const { url } of all) {
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
    }
  })

  test(
    'a gateway that has no runner answers with the result of a scene',
    async () => {
      const { env } = (await newRun()) as { env: number }
      const { icase, scene } = await newScene()
      await made('/api/testFlow/icases/', { icase, scene, sort: 1 })
      const { status, body } = await call('POST', '/api/testFlow/scenes/run/', { env, scene })
      expect([status, body]).toEqual([200, expect.objectContaining({ state: 'success', all: 2, success: 2 })])
    },
    TEST_MS,
  )

  test(
    'while nobody feeds the read models, what was made a moment ago is known, and no run goes without it',
    async () => {
      const { env } = (await newRun()) as { env: number }
      const { icase, scene } = await newScene()
      held = []
      const waiting = call('POST', '/api/TestInterFace/cases/run/', await newRun())
      while (held.length === 0) await pause(20)
      for (const each of projectors) each.freeze()
      release()
      const ended = await waiting
      expect([ended.status, ended.body]).toEqual([202, { record: expect.any(Number), status: expect.any(String) }])
      await made('/api/testFlow/icases/', { icase, scene, sort: 1 })
      const other = await made('/api/testFlow/scenes/', { name: 'other', project })
      const task = await made('/api/testTask/tasks/', { name: 't', project, scenes: [scene, other] })
      await call('PATCH', `/api/testTask/tasks/${task}/`, { name: 'renamed' })
      const run = () => call('POST', '/api/testFlow/scenes/run/', { env, scene })
      const early = await run()
      expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1'])
      for (const each of projectors) each.thaw()
      let answer = early
      while (answer.status === 503) answer = await run()
      expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ all: 2, success: 2 })])
      const { body } = await call('GET', `/api/testTask/tasks/${task}/`)
      expect(body).toMatchObject({ name: 'renamed', scenes: [scene, other] })
    },
    TEST_MS,
  )

  test(
    'what asks for a run twice, late and out of order makes one attempt at it; what nobody can read is put aside',
    async () => {
      const dead: Message[] = []
      const over = new AbortController()
      const reading = messages.consume(
        { topic: deadOf(RUNS_TOPIC), group: randomUUID(), from: 'start' },
        async (message) => {
          dead.push(message)
          return 'done'
        },
        over.signal,
      )
      held = []
      const { record } = (await call('POST', '/api/TestInterFace/cases/run/?wait=false', await newRun())).body as {
        record: number
      }
      while (held.length === 0) await pause(20)
      // Those of one key are handled in order: where the last has come to, the others have been.
      const key = 'by hand'
      const again = { key, value: JSON.stringify({ run: record, attempt: 0 }) }
      const unknown = { key, value: JSON.stringify({ run: 1_000_000, attempt: 0 }) }
      const early = { key, value: JSON.stringify({ run: record, attempt: 1 }) }
      const poison = (text: string): Message => ({ key, value: text })
      await messages.publish(RUNS_TOPIC, [
        again,
        early,
        poison('{"run":'),
        unknown,
        again,
        again,
        poison('{"run":"x"}'),
      ])
      while (dead.length < 2) await pause(20)
      over.abort()
      await reading
      expect(dead.map(({ value, headers }) => [value, headers?.reason])).toEqual([
        ['{"run":', expect.stringContaining(RUNS_TOPIC)],
        ['{"run":"x"}', expect.stringContaining('run')],
      ])
      release()
      await untilEnded([record])
      expect([await claimsOf(record), await stateOf(record)]).toEqual([1, 'success'])

      const next = await call('POST', '/api/TestInterFace/cases/run/', await newRun())
      expect([next.status, next.body]).toEqual([200, expect.objectContaining({ state: '成功' })])
    },
    TEST_MS,
  )

  test(
    'when the relay and the projector that lead are killed the others go on where they were',
    async () => {
      const run = await newRun()
      const [leader, ...standbys] = relays.toSorted(
        (one, other) => Number(other.leads('relay')) - Number(one.leads('relay')),
      )
      const feeding = projectors.find((each) => each.leads('projector'))
      if (!leader || !feeding) throw new Error('nobody leads')
      expect(standbys.map((each) => each.leads('relay'))).toEqual([false])
      const asking = Array.from({ length: 30 }, async (_, nth) => {
        await pause(nth * 20)
        const { status, body } = await call('POST', '/api/TestInterFace/cases/run/?wait=false', run)
        expect(status).toBe(202)
        return (body as { record: number }).record
      })
      await pause(250)
      await Promise.all([leader.kill(), feeding.kill()])
      const records = await Promise.all(asking)
      await untilEnded(records)
      expect(new Set(records).size).toBe(30)
      expect(await Promise.all(records.map(claimsOf))).toEqual(records.map(() => 1))
      const other = projectors.filter((each) => each !== feeding)
      while (!standbys.every((each) => each.leads('relay')) || !other.every((each) => each.leads('projector'))) {
        await pause(20)
      }
      // Nobody had to be asked twice: the watchdog would have helped, a minute later.
      expect(standbys.map((each) => each.said().includes('a run is asked for again'))).toEqual([false])
    },
    TEST_MS,
  )
})

describeWithKafka('without a broker', () => {
  let broker: KafkaBroker
  let database: TestDatabase
  let waiting: RoleProcess
  afterAll(async () => {
    await waiting.destroy()
    await broker.remove()
    await database.drop()
  }, TEST_MS)

  test(
    'a relay and runner lives, is not ready and names the address; when the broker comes it is',
    async () => {
      broker = await startKafka({ down: true })
      database = await freshDatabase()
      const [address = ''] = broker.brokers
      waiting = await processOf('relay,runner', 1, { DATABASE_URL: database.url, KAFKA_BROKERS: address })
      waiting.launch()
      const answerOf = (path: string) => fetch(`${waiting.url}${path}`).catch(() => undefined)
      while ((await answerOf('/healthz')) === undefined) await pause(50)
      for (let text = ''; !text.includes(address); await pause(50)) {
        const answer = await answerOf('/readyz')
        expect(answer?.status).toBe(503)
        text = (await answer?.text()) ?? ''
      }
      expect((await answerOf('/healthz'))?.status).toBe(200)
      await broker.restart()
      await waiting.untilReady()
      expect((await waiting.stop(), waiting.problems)).toEqual([])
    },
    START_MS,
  )
})
