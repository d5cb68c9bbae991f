import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Kafka, logLevel } from 'kafkajs'
import { type Platform, startPlatform } from '../../main.ts'
import { readConfig } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { type Ci, openCi } from '../support/ci.ts'
import { testledger } from '../support/cli.ts'
import { describeWithKafka, sharedKafka } from '../support/kafka.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** CI publishes commands to a real Kafka, of which two platforms on one database make runs, and reads what became of them. */

const PARTITIONS = 4
const PREFIX = `e2e-${randomUUID()}.`
const SECRET = 'what only the environment knows'

describeWithKafka('commands over Kafka', () => {
  let brokers: readonly string[]
  let platform: TestPlatform
  let second: Platform
  let target: Awaited<ReturnType<typeof startTarget>>
  let ci: Ci
  let token: string
  let env: number
  let project: number
  let folder: string
  /** What the path `/held` waits for. */
  let held = Promise.withResolvers<void>()

  beforeAll(async () => {
    ;({ brokers } = await sharedKafka())
    platform = await startTestPlatform({
      MESSAGE_LOG: 'kafka',
      KAFKA_BROKERS: brokers.join(','),
      KAFKA_TOPIC_PREFIX: PREFIX,
      KAFKA_PARTITIONS: String(PARTITIONS),
    })
    second = await startPlatform(readConfig(platform.environment), createLogger('silent'))
    target = await startTarget((seen, response) => {
      const answer = () => void response.end(JSON.stringify(seen))
      if (seen.url === '/held') void held.promise.then(answer)
      else answer()
    })
    project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
    const global_variable = { password: SECRET }
    const secrets = ['global_variable.password']
    env = await platform.made('/api/testPro/envs/', {
      name: '本地',
      host: target.url,
      project,
      global_variable,
      secrets,
    })
    const given = await platform.call('POST', '/api/users/tokens/', { name: 'ci' })
    token = given.body.token as string
    folder = await mkdtemp(join(tmpdir(), 'testledger-kafka-cli-'))
    ci = await openCi(brokers, PREFIX)
  }, 120_000)
  afterAll(async () => {
    held.resolve()
    await ci?.close()
    await second?.stop()
    await platform?.stop()
    await target?.stop()
    await rm(folder, { recursive: true, force: true })
  }, 120_000)

  async function newTask(path = '/', expected = 200): Promise<number> {
    const of = { name: 'i', url: path, method: 'post', type: '1', project }
    const icase = await platform.made('/api/TestInterFace/cases/', {
      title: '登录',
      interface: await platform.made('/api/TestInterFace/interfaces/', of),
      request: { json: { password: '${{password}}' } },
      teardown_script: `test.assertion('相等', ${expected}, response.status_code)`,
    })
    const scene = await platform.made('/api/testFlow/scenes/', { name: '流程', project })
    for (const sort of [1, 2]) await platform.made('/api/testFlow/icases/', { icase, scene, sort })
    return platform.made('/api/testTask/tasks/', { name: '回归', project, scenes: [scene] })
  }

  const newId = (): string => `build-${randomUUID()}`
  const runTask = (id: string, task: number, more: object = {}) => ({
    id,
    type: 'RunTask',
    token,
    data: { task, env, build: '1742' },
    ...more,
  })
  const runsAsked = async (id: string) =>
    (await ci.events(({ correlationid, type }) => correlationid === id && type === 'testledger.RunFinished')).filter(
      ({ correlationid, type }) => correlationid === id && type === 'testledger.RunRequested',
    )

  test('once for its id, whichever partition it comes on, and with whatever else', async () => {
    const id = newId()
    const task = await newTask()
    const deliveries = Array.from({ length: PARTITIONS * 3 }, (_, nth) => ({
      partition: nth % PARTITIONS,
      value: nth < PARTITIONS ? runTask(id, task) : runTask(id, task, { type: 'RunScene', data: { scene: nth, env } }),
    }))
    await ci.send(deliveries.slice(0, PARTITIONS))
    await ci.replies(id, ({ status }) => status === 'accepted')
    await ci.send(deliveries.slice(PARTITIONS))
    await ci.replies(id, ({ status }) => status === 'accepted', deliveries.length)
    const ended = await ci.replies(id, ({ status }) => status === 'finished')
    const told = ended.filter(({ status }) => status === 'finished').length
    await ci.send([{ value: { id, token } }])
    const replies = await ci.replies(id, ({ status }) => status === 'finished', told + 1)
    expect(new Set(replies.map(({ record }) => record)).size).toBe(1)
    const { record } = replies[0]!
    expect(replies.filter(({ status }) => status === 'refused')).toEqual([])
    const finished = replies.filter(({ status }) => status === 'finished')
    expect(new Set(finished.map((reply) => JSON.stringify(reply)))).toEqual(
      new Set([
        JSON.stringify({
          version: 1,
          id,
          status: 'finished',
          record,
          all: 2,
          success: 2,
          fail: 0,
          error: 0,
          state: 'success',
          message: '运行已结束',
        }),
      ]),
    )
    const { body } = await platform.call('GET', `/api/testTask/records/${record}/`)
    expect(body).toMatchObject({ id: record, state: 'success', all: 2, success: 2 })
    expect(await runsAsked(id)).toHaveLength(1)
    expect(target.seen.filter(({ body: sent }) => sent.includes(SECRET))).toHaveLength(2)
  }, 120_000)

  test('what cannot be read is put aside without its text, and stops no partition', async () => {
    const [id, task] = [newId(), await newTask()]
    const poison = [
      `{"token": "${token}", "data": {"variables": {"a": "hidden`,
      'null',
      `{"id": 7, "token": "${token}"}`,
    ]
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    await ci.send(partitions.flatMap((partition) => poison.map((value) => ({ partition, value, key: token }))))
    await ci.send(
      partitions.map((partition) => ({ partition, value: runTask(`${id}-${partition}`, task), key: token })),
    )
    for (const partition of partitions) {
      // What is said of the run's end comes from another process, and may be there as well.
      const replies = await ci.replies(`${id}-${partition}`, ({ status }) => status === 'accepted')
      expect(replies.map(({ status }) => status)).not.toContain('refused')
    }
    const dead = await ci.all('commands.dead', PARTITIONS * poison.length)
    expect(dead.map(({ headers }) => String(headers?.reason))).toContain('no JSON object')
    for (const { key, value, headers } of dead) {
      const text = [key, value, ...Object.values(headers ?? {})].join(' ')
      expect(text).not.toContain(token)
      expect(text).not.toContain('hidden')
    }
  }, 120_000)

  test('refuses in the words of the REST call', async () => {
    const task = await newTask()
    const wrong = { task, env, concurrency: 99 }
    const rest = await platform.call('POST', '/api/testTask/tasks/run/', wrong, { token })
    const id = newId()
    await ci.send([{ value: runTask(id, task, { data: wrong }) }])
    expect(await ci.replies(id)).toMatchObject([
      { status: 'refused', message: rest.body.error, code: rest.body.code, fields: rest.body.fields },
    ])
    const login = newId()
    await ci.send([{ value: runTask(login, task, { token: platform.token }) }])
    expect(await ci.replies(login)).toMatchObject([{ status: 'refused', code: 'token_not_valid' }])
  }, 120_000)

  test('outsiders follow the run by its correlation id, and learn no secret', async () => {
    const [id, task] = [newId(), await newTask('/', 404)]
    const correlation = `pipeline-${randomUUID()}`
    await ci.send([{ value: runTask(id, task), headers: { 'correlation-id': correlation } }])
    const [last] = await ci.replies(id, ({ status }) => status === 'finished')
    const all = await ci.events(
      ({ correlationid, type }) => correlationid === correlation && type.endsWith('RunFinished'),
    )
    const told = all.filter(({ correlationid }) => correlationid === correlation)
    expect(told.map(({ type, subject }) => [type, subject])).toEqual(
      ['RunRequested', 'RunClaimed', 'CaseFinished', 'CaseFinished', 'RunFinished'].map((type) => [
        `testledger.${type}`,
        `run-${last?.record}`,
      ]),
    )
    expect(told.map(({ revision }) => Number(revision))).toEqual([0, 1, 2, 3, 4])
    expect(told[0]?.data).toMatchObject({ id: last?.record, task, trigger: 'api', total: 2, build: { build: '1742' } })
    expect(told.at(-1)?.data).toMatchObject({ id: last?.record, state: 'fail', fail: 2 })
    const everything = JSON.stringify([...ci.texts])
    expect(everything).not.toContain(SECRET)
    expect(everything).not.toContain(token)
  }, 120_000)

  describe('npx testledger run --kafka', () => {
    const run = (task: number, more: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) => {
      const args = [
        'run',
        '--kafka',
        brokers.join(','),
        '--kafka-prefix',
        PREFIX,
        '--task',
        String(task),
        '--env',
        String(env),
      ]
      return testledger([...args, ...more], { env: { TESTLEDGER_TOKEN: token, ...environment }, cwd: folder })
    }

    test('waits for the end, and fetches the report where it is told from', async () => {
      const more = ['--server', platform.url, '--junit', 'reports/j.xml', '--build', '7']
      const { code, output, errors } = await run(await newTask(), more).ended
      expect([code, errors]).toEqual([0, ''])
      const [, record] = /^record (\d+) is started$/m.exec(output) ?? []
      expect(output).toMatch(/^passed {2}2 cases: 2 成功, 0 失败, 0 错误/m)
      expect(output).toContain(`record ${record}  ${platform.url}/api/testTask/report/${record}/`)
      expect(await readFile(join(folder, 'reports/j.xml'), 'utf8')).toContain('<testsuites')
      const { body } = await platform.call('GET', `/api/testTask/records/${record}/`)
      expect(body).toMatchObject({ state: 'success', build: '7' })
    }, 120_000)

    test('leaves with 1 when not every case is 成功, and needs no server for it', async () => {
      const { code, output, errors } = await run(await newTask('/', 404)).ended
      expect([code, errors]).toEqual([1, ''])
      expect(output).toMatch(/^not passed {2}2 cases: 0 成功, 2 失败, 0 错误/m)
      expect(output).toMatch(/^record \d+$/m)
    }, 120_000)

    test('an id that comes again starts no second run', async () => {
      const task = await newTask()
      const id = newId()
      const [first, again] = [await run(task, ['--id', id]).ended, await run(task, ['--id', id]).ended]
      expect([first.code, again.code]).toEqual([0, 0])
      const records = [first, again].map(({ output }) => /^record (\d+) is started$/m.exec(output)?.[1])
      expect(records[1]).toBe(records[0])
      expect(await runsAsked(id)).toHaveLength(1)
    }, 120_000)

    test('Ctrl-C cancels the run', async () => {
      held = Promise.withResolvers()
      const child = run(await newTask('/held'))
      await child.said('is started')
      child.signal('SIGINT')
      await child.said('cancelling record')
      const { code, output } = await child.ended
      expect(code).toBe(130)
      const [, record] = /^record (\d+) is cancelled/m.exec(output) ?? []
      held.resolve()
      const [requested] = await ci.events(
        ({ type, subject }) => type.endsWith('RunFinished') && subject === `run-${record}`,
      )
      expect(requested).toBeDefined()
      const { body } = await platform.call('GET', `/api/testTask/records/${record}/`)
      expect(body.state).toBe('cancelled')
    }, 120_000)

    test('waits for no gateway for ever, and says that the command waits', async () => {
      const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      const prefix = `nobody-${randomUUID()}.`
      await admin.createTopics({ topics: [{ topic: `${prefix}commands` }] })
      await admin.disconnect()
      const alone = ['--kafka-prefix', prefix]
      const args = ['run', '--kafka', brokers.join(','), ...alone, '--task', '1', '--env', '1', '--id', 'b-1']
      const patient = await testledger([...args, '--give-up', '3']).ended
      expect(patient.code).toBe(2)
      expect(patient.errors).toMatch(/no gateway has replied for 3 s; command b-1 waits in the topic/)

      const interrupted = testledger(args)
      await published(`${prefix}commands`, 2)
      interrupted.signal('SIGINT')
      const { code, errors } = await interrupted.ended
      expect([code, errors]).toEqual([130, 'testledger: it is not known whether the run was started\n'])
    }, 120_000)

    /** Resolves when a topic of one partition has so many messages. */
    async function published(topic: string, count: number): Promise<void> {
      const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      try {
        for (;;) {
          const [end] = await admin.fetchTopicOffsets(topic)
          if (Number(end?.high) >= count) return
          await pause(50)
        }
      } finally {
        await admin.disconnect()
      }
    }

    test('says what the platform refuses, and where it finds no topic', async () => {
      const refused = await run(99_999).ended
      expect(refused.code).toBe(2)
      expect(refused.errors).toMatch(/task.*不存在.* \(unknown_reference\)\n$/)
      const strange = await run(1, [], { TESTLEDGER_TOKEN: `tl_1_${'x'.repeat(43)}` }).ended
      expect([strange.code, strange.errors]).toEqual([2, 'testledger: 令牌无效或已过期 (token_not_valid)\n'])
      const elsewhere = await testledger([
        'run',
        '--kafka',
        brokers[0] ?? '',
        '--kafka-prefix',
        'no.',
        '--task',
        '1',
        '--env',
        '1',
      ]).ended
      expect(elsewhere.code).toBe(2)
      expect(elsewhere.errors).toContain('there is no topic no.commands')
    }, 120_000)
  })
})
