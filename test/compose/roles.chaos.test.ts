/**
 * The Compose file without Docker: each role as a process of the image, told what its container is told but for the addresses, asked how
 * it is as its container is, over real Kafka and Postgres; EventStoreDB's place is taken by the double.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type EsdbDouble, startEsdbDouble } from '../support/esdb-double.ts'
import { freePort } from '../support/free-port.ts'
import { describeWithKafka, sharedKafka } from '../support/kafka.ts'
import { caller, login } from '../support/platform.ts'
import { query, startTestPostgres, type TestPostgres, urlOf } from '../support/postgres.ts'
import { createDoor, type Door } from '../support/proxy.ts'
import { bash, takeTour, typed } from '../support/tour.ts'
import { divided, readComposeFile, type Service } from './compose-file.ts'
import { type Container, type Image, layImage } from './image.ts'
import { finalStage, only, ROOT } from './image-files.ts'

/** Docker tells them to every container where its own configuration has them; what they name leads to nothing that is ours. */
const PROXIES = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [name, 'http://127.0.0.1:9']),
)

describeWithKafka('the services of docker-compose.yml, as processes', () => {
  let folder: string
  let image: Image
  let postgres: TestPostgres
  let door: Door
  let double: EsdbDouble
  let environment: Readonly<Record<string, string>>
  let services: readonly [string, Service][]
  const ports = new Map<string, number>()
  const containers = new Map<string, Container>()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testledger-compose-'))
    await bash(typed('Many processes')[0] ?? '', {}, folder)
    environment = await readEnv(join(folder, '.env'))
    const file = readComposeFile({ ...environment, SANDBOX_POOL: '1' })
    services = divided(file).roles
    ;[image, postgres, double] = await Promise.all([layImage(), startTestPostgres(), startEsdbDouble()])
    const url = urlOf(postgres.connection)
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = file.services.postgres?.environment ?? {}
    await query(url, `create role ${POSTGRES_USER} login password '${POSTGRES_PASSWORD}'`)
    await query(url, `create database ${POSTGRES_DB} owner ${POSTGRES_USER}`)
    // That server listens on a Unix socket alone.
    door = await createDoor({ path: join(postgres.connection.host, `.s.PGSQL.${postgres.connection.port}`) })
    await door.open()
    const { brokers } = await sharedKafka()
    const here: Readonly<Record<string, string>> = {
      'postgres:5432': `127.0.0.1:${door.port}`,
      'eventstore:2113': new URL(double.url).host,
      eventstore: new URL(double.url).hostname,
      'kafka:9092': brokers.join(','),
    }
    const prefix = `compose-${randomBytes(4).toString('hex')}.`
    for (const [name, service] of services) {
      const port = await freePort()
      ports.set(name, port)
      const told = Object.entries(service.environment).map(([key, value]) => [key, moved(value, here)])
      const own = { PORT: String(port), KAFKA_TOPIC_PREFIX: prefix }
      containers.set(name, await image.run({ ...PROXIES, ...Object.fromEntries(told), ...own }))
    }
  }, 180_000)

  afterAll(async () => {
    await image?.remove()
    await double?.stop()
    await door?.shut()
    await postgres?.stop()
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  const container = (name: string): Container => {
    const found = containers.get(name)
    if (found === undefined) throw new Error(`no ${name}`)
    return found
  }
  const url = (name: string): string => `http://127.0.0.1:${ports.get(name)}`

  test('each becomes ready, by the words of its health check', async () => {
    const deadline = Date.now() + 170_000
    for (const [name, { healthcheck }] of services) {
      let last = await container(name).check(healthcheck.test)
      while (last.code !== 0 && !container(name).isOver() && Date.now() < deadline) {
        await pause(500)
        last = await container(name).check(healthcheck.test)
      }
      expect([name, last, last.code === 0 ? '' : container(name).said()]).toEqual([
        name,
        { code: 0, output: expect.stringMatching(/^200 \{"status":"ready"/) },
        '',
      ])
    }
  }, 180_000)

  test('each says that it lives, as its image asks it', async () => {
    const [, command = ''] = only(finalStage(), 'HEALTHCHECK').split(' CMD ')
    for (const [name] of services) {
      const { code, output } = await container(name).check(['CMD', ...(JSON.parse(command) as string[])])
      expect([name, code, output.trim()]).toEqual([name, 0, '200 {"status":"ok"}'])
    }
  })

  test("README's tour can be taken on the gateway, with the password of .env", async () => {
    const printed = await takeTour(url('gateway'), environment.ADMIN_PASSWORD ?? '', folder)
    expect(printed).toHaveLength(7)
    expect(JSON.parse(printed[2] ?? '')).toMatchObject({ name: '服务存活', state: '成功', record: 1 })
    expect(JSON.parse(printed[5] ?? '')).toMatchObject({ name: '冒烟', all: 1, success: 1, state: 'success' })
    expect(JSON.parse(printed[6] ?? '')).toMatchObject([{ id: 4, pass_rate: '100.00', status: '执行完毕' }])
    expect(double.calls.append + double.calls.batchAppend).toBeGreaterThan(10)
  }, 120_000)

  test("a case cannot ask the stores, nor anybody else on the stores' network", async () => {
    let token = ''
    const call = caller(
      () => url('gateway'),
      () => token,
    )
    token = await login(call, { username: 'admin', password: environment.ADMIN_PASSWORD ?? '' })
    const project = (await call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id as number
    const interfaces = { name: 'i', url: '/streams/$all', method: 'get' }
    const host = 'http://10.231.86.9:2113'
    const env = await call('POST', '/api/testPro/envs/', { name: 'e', host, project, global_variable: {} })
    const run = { env: env.body.id as number, cases: { title: 't', interface: interfaces } }
    const { body } = await call('POST', '/api/TestInterFace/cases/run/', run)
    expect(body).toMatchObject({ state: '错误' })
    expect(JSON.stringify(body)).toContain('目标地址10.231.86.9被禁止访问(TARGET_DENY)')
  }, 60_000)

  test('together they serve every metric that docs/operations.md names', async () => {
    const served = new Set<string>()
    for (const [name] of services) {
      const answer = await fetch(`${url(name)}/metrics`)
      expect([name, answer.status]).toEqual([name, 200])
      for (const [, metric = ''] of (await answer.text()).matchAll(/^# TYPE (\w+)/gm)) served.add(metric)
    }
    const guide = await readFile(join(ROOT, 'docs/operations.md'), 'utf8')
    // Docker's volumes and networks have such names too, but stand within commands.
    const named = [...guide.matchAll(/`(testledger_[a-z_]+)/g)].map(([, metric = '']) => metric)
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((metric) => !served.has(metric))).toEqual([])
  })

  test('read models are built anew by the command that docs/operations.md names', async () => {
    const guide = await readFile(join(ROOT, 'docs/operations.md'), 'utf8')
    const [, command = ''] = /`docker compose run --rm --no-deps relay (node [^`]+)`/.exec(guide) ?? []
    const { code, output } = await container('relay').check(['CMD', ...command.split(' ')])
    expect([code, output]).toEqual([0, expect.stringMatching(/^Switched (\d+) of \1 in /m)])
    expect(output).toContain('by the running platform')
  }, 60_000)

  test('none of them runs as root', async () => {
    if (process.getuid?.() !== 0) return
    for (const [name] of services) {
      const status = await readFile(`/proc/${container(name).pid}/status`, 'utf8')
      expect([name, /^Uid:\s+(\d+)/m.exec(status)?.[1]]).toEqual([name, only(finalStage(), 'USER').split(':')[0]])
    }
  })

  test('each ends by itself, in less time than it is given, and is found dead then', async () => {
    const ends = services.map(async ([name, { stop_grace_period, healthcheck }]) => {
      const { code, output } = await container(name).stop(Number.parseInt(stop_grace_period) * 1_000)
      expect([name, code, code === 0 ? '' : output]).toEqual([name, 0, ''])
      const check = await container(name).check(healthcheck.test)
      expect([name, check.code]).toEqual([name, 1])
      expect(check.output).toContain('ECONNREFUSED')
    })
    await Promise.all(ends)
  }, 60_000)
})

async function readEnv(path: string): Promise<Readonly<Record<string, string>>> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]))
}

/** The text with every address of the Compose network replaced by the one that stands for it here. */
function moved(text: string, here: Readonly<Record<string, string>>): string {
  return Object.entries(here).reduce((sofar, [there, address]) => sofar.replace(there, address), text)
}
