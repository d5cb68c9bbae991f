import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { freeKafkaPort } from '../../scripts/kafka/broker.ts'
import { type Ci, openCi } from '../support/ci.ts'
import { describeWithKafka, sharedKafka } from '../support/kafka.ts'
import { ADMIN, type Caller, caller, KEYS, login } from '../support/platform.ts'
import { freshDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { startTarget } from '../support/target.ts'
import { RoleProcess } from './role-process.ts'

/** Gateways in processes of their own are killed while CI publishes commands, each several times. */

const COMMANDS = 24
const PARTITIONS = 6
const PREFIX = `${randomUUID()}.`

describeWithKafka('commands, while gateways are killed', () => {
  let folder: string
  let database: TestDatabase
  let gateways: readonly RoleProcess[]
  let rest: RoleProcess
  let target: Awaited<ReturnType<typeof startTarget>>
  let ci: Ci
  let call: Caller
  let token: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testledger-commands-'))
    const [{ brokers }, fresh] = await Promise.all([sharedKafka(), freshDatabase()])
    database = fresh
    const environment = {
      ...KEYS,
      DATABASE_URL: database.url,
      MESSAGE_LOG: 'kafka',
      KAFKA_BROKERS: brokers.join(),
      KAFKA_TOPIC_PREFIX: PREFIX,
      KAFKA_PARTITIONS: String(PARTITIONS),
      // As soon as the broker takes it for gone what a killed one had comes to the other.
      KAFKA_SESSION_SECONDS: '6',
      LOG_LEVEL: 'info',
    }
    const processOf = async (name: string, role: string) => {
      const dataDir = join(folder, name)
      await mkdir(dataDir)
      return new RoleProcess({
        name,
        role,
        port: await freeKafkaPort(),
        dataDir,
        logFile: join(folder, `${name}.log`),
        environment,
      })
    }
    gateways = await Promise.all(['gateway-1', 'gateway-2'].map((name) => processOf(name, 'gateway')))
    rest = await processOf('rest', 'relay,projector,runner')
    await Promise.all([...gateways, rest].map((each) => each.start()))
    target = await startTarget()
    call = caller(
      () => gateways[0]?.url ?? '',
      () => token,
    )
    token = await login(call, ADMIN)
    token = ((await call('POST', '/api/users/tokens/', { name: 'ci' })).body as { token: string }).token
    ci = await openCi(brokers, PREFIX)
  }, 180_000)
  afterAll(async () => {
    await ci?.close()
    await Promise.all([...(gateways ?? []), ...(rest ? [rest] : [])].map((each) => each.destroy()))
    await target?.stop()
    await database?.drop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }, 60_000)

  async function made(path: string, body: object): Promise<number> {
    const answer = await call('POST', path, body)
    expect([path, answer.status, answer.text]).toEqual([path, 201, expect.any(String)])
    return (answer.body as { id: number }).id
  }

  test('each has one effect, and is told of it to its end', async () => {
    const project = await made('/api/testPro/projects/', { name: 'p', leader: 'l' })
    const env = await made('/api/testPro/envs/', { name: 'e', host: target.url, project })
    const cases = { title: '用例', interface: { url: '/', method: 'get', name: '' } }
    const ids = Array.from({ length: COMMANDS }, () => `build-${randomUUID()}`)
    const command = (id: string, data: object) => ({ id, type: 'RunCases', token, data: { env, ...data } })
    const deliveries = ids.flatMap((id, nth) => [
      { partition: nth % PARTITIONS, value: command(id, { cases }) },
      { partition: (nth + 1) % PARTITIONS, value: command(id, { cases }) },
      { partition: (nth + 2) % PARTITIONS, value: command(id, { cases: { ...cases, title: '另一用例' } }) },
    ])
    const share = COMMANDS / gateways.length
    for (const [nth, gateway] of gateways.entries()) {
      await ci.send(deliveries.slice(3 * share * nth, 3 * share * (nth + 1)))
      // It dies amid its work: some are done, some are in hand.
      await ci.replies(ids[share * nth] ?? '')
      await gateway.kill()
      await gateway.start()
    }
    const records = new Set<number>()
    for (const id of ids) {
      await ci.replies(id, ({ status }) => status === 'finished')
      const replies = await ci.replies(id, ({ status }) => status === 'accepted', 3)
      expect(replies.filter(({ status }) => status === 'refused')).toEqual([])
      const told = new Set(replies.map(({ record }) => record))
      expect([id, told.size]).toEqual([id, 1])
      records.add(replies[0]?.record ?? 0)
    }
    expect(records.size).toBe(COMMANDS)
    const asked = await query(database.url, `select stream from events where type = 'RunRequested'`)
    expect(asked).toHaveLength(COMMANDS)
    const open = await query(database.url, 'select id from trigger_commands where outcome is null')
    expect(open).toEqual([])
    expect([...gateways, rest].flatMap(({ problems }) => problems)).toEqual([])
  }, 180_000)
})
