import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { type Config, readConfig, ROLES, VARIABLES } from '../../platform/config.ts'
import { parseTargetDeny } from '../../services/runner/case/deny.ts'
import { COMPOSE_FILE, divided, readComposeFile, type Service } from './compose-file.ts'
import { imageEnvironment } from './image-files.ts'

const SECRETS = ['POSTGRES_PASSWORD', 'ADMIN_PASSWORD', 'JWT_SECRET', 'MASTER_KEY']
/** What README's command writes into `.env`: 32 bytes as hexadecimal for each. */
const ENV = Object.fromEntries(SECRETS.map((name, index) => [name, `${index}a`.repeat(32)]))

const file = readComposeFile(ENV)
const { roles, stores } = divided(file)
const { services } = file
const LOCAL = `127.0.0.1:${VARIABLES.PORT.default}:${VARIABLES.PORT.default}`

/** What a process in a container of this service is told. */
function configOf({ environment }: Service): Config {
  return readConfig({ ...imageEnvironment(), ...environment })
}

test('the file is one of the Compose Specification', () => {
  const schema = JSON.parse(readFileSync(new URL('../fixtures/compose/compose-spec.json', import.meta.url), 'utf8'))
  const validate = new Ajv2020({ allErrors: true, strict: false }).compile(schema)
  validate(parse(readFileSync(COMPOSE_FILE, 'utf8'), { merge: true }))
  expect(validate.errors).toBeNull()
  validate(file)
  expect(validate.errors).toBeNull()
})

test.each(SECRETS)('nothing starts without %s, and it is said where to get one', (name) => {
  expect(() => readComposeFile({ ...ENV, [name]: '' })).toThrow(`${name}: README.md has the command that makes .env`)
})

test('there is a service for each role, with that role alone, and three stores', () => {
  expect(roles.map(([name]) => name)).toEqual([...ROLES])
  for (const [name, service] of roles) expect([name, configOf(service).roles]).toEqual([name, [name]])
  expect(stores.map(([name]) => name).toSorted()).toEqual(['eventstore', 'kafka', 'postgres'])
})

test('one service builds the image, and the others take what it has made', () => {
  const building = roles.filter(([, { build }]) => build !== undefined)
  expect(building.map(([name, { build }]) => [name, build])).toEqual([['gateway', '.']])
  expect(new Set(roles.map(([, { image }]) => image)).size).toBe(1)
  for (const [name, { pull_policy }] of roles) expect([name, pull_policy]).toEqual([name, 'never'])
})

describe.each(roles)('%s', (_name, service) => {
  test('every variable is one that the platform knows, or the client of EventStoreDB', () => {
    const known = [...Object.keys(VARIABLES), 'no_grpc_proxy']
    expect(Object.keys(service.environment).filter((name) => !known.includes(name))).toEqual([])
    const image = Object.keys(imageEnvironment()).filter((name) => name !== 'NODE_ENV')
    expect(image.filter((name) => !known.includes(name))).toEqual([])
  })

  test('it finds the stores where they are', () => {
    const { databaseUrl, eventStoreUrl, kafka } = configOf(service)
    const postgres = new URL(databaseUrl ?? '')
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = services.postgres?.environment ?? {}
    expect([postgres.hostname, postgres.port || '5432']).toEqual(['postgres', '5432'])
    expect([postgres.username, postgres.password, postgres.pathname.slice(1)]).toEqual([
      POSTGRES_USER,
      POSTGRES_PASSWORD,
      POSTGRES_DB,
    ])
    expect(eventStoreUrl).toBe('esdb://eventstore:2113?tls=false')
    const [, advertised] = services.kafka?.environment.KAFKA_ADVERTISED_LISTENERS?.split('PLAINTEXT://') ?? []
    expect(kafka?.brokers).toEqual([advertised])
    expect(services.kafka?.environment.KAFKA_LISTENERS).toContain(`PLAINTEXT://:${advertised?.split(':')[1]},`)
  })

  test('it asks no proxy for EventStoreDB, though Docker may tell every container of one', () => {
    const { no_grpc_proxy: direct, EVENTSTOREDB_URL: url = '' } = service.environment
    expect(direct).toBe(new URL(url).hostname)
  })

  test('it waits for every store, and is asked whether it is ready', () => {
    expect(service.depends_on).toEqual(Object.fromEntries(stores.map(([name]) => [name, HEALTHY])))
    expect(service.healthcheck.test).toEqual(['CMD', 'node', 'scripts/health.mjs', '/readyz'])
  })

  test('there can be many of it', () => {
    expect(Object.keys(service)).not.toEqual(expect.arrayContaining(['container_name']))
    expect(Object.keys(service)).not.toEqual(expect.arrayContaining(['hostname']))
    expect(service.volumes).toBeUndefined()
    expect(service.environment.DATA_DIR).toBeUndefined()
  })

  test('it may do nothing that it need not, and has the time to end well', () => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(seconds(service.stop_grace_period)).toBeGreaterThan(8)
  })
})

/** What `.env` may say for some roles alone, or for all of them. */
const PASSED: Readonly<Record<string, readonly string[]>> = {
  TRUSTED_PROXIES: ROLES,
  METRICS_ALLOW: ROLES,
  TIME_ZONE: ROLES,
  LOG_LEVEL: ROLES,
  CORS_ORIGINS: ['gateway'],
  REGISTRATION: ['gateway'],
  RATE_LIMIT: ['gateway'],
  RUN_WAIT_SECONDS: ['gateway'],
  RUN_DEADLINE: ['relay'],
  RUN_CONCURRENCY: ['runner'],
  SANDBOX_POOL: ['runner'],
}

test.each(Object.entries(PASSED))(
  '%s of .env comes to those who use it, and has its default without',
  (name, users) => {
    const withIt = divided(readComposeFile({ ...ENV, [name]: 'as told' })).roles
    expect(withIt.filter(([, { environment }]) => environment[name] === 'as told').map(([role]) => role)).toEqual(users)
    const { default: preset } = VARIABLES[name as keyof typeof VARIABLES]
    for (const [role, { environment }] of roles) {
      expect([role, environment[name]]).toEqual([role, users.includes(role) ? (preset ?? '') : undefined])
    }
  },
)

const HEALTHY = { condition: 'service_healthy' }

test('only the gateway can be reached from this machine, and only from it', () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]))
  expect(published).toEqual([['gateway', LOCAL]])
  const { GATEWAY_PORT: _, ...elsewhere } = { ...ENV, GATEWAY_PORT: '9000' }
  expect(readComposeFile(elsewhere).services.gateway?.ports).toEqual([LOCAL])
  expect(readComposeFile({ ...ENV, GATEWAY_PORT: '9000' }).services.gateway?.ports).toEqual(['127.0.0.1:9000:8600'])
  for (const [, service] of roles) expect(configOf(service)).toMatchObject({ host: '0.0.0.0', port: 8600 })
})

describe.each(stores)('%s', (name, service) => {
  test('its version is exact', () => {
    expect(service.image).toMatch(/^[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?$/)
  })

  test('what it keeps lies on volumes of its own', () => {
    const places = { postgres: '/var/lib/postgresql', eventstore: '/var/lib/eventstore', kafka: '/var/lib/kafka/data' }
    const volumes = service.volumes?.map((volume) => volume.split(':') as [string, string]) ?? []
    expect(volumes.map(([, place]) => place)).toContain(places[name as keyof typeof places])
    for (const [volume] of volumes) expect(Object.keys(file.volumes)).toContain(volume)
    if (name === 'kafka') expect(service.environment.KAFKA_LOG_DIRS).toBe(places.kafka)
  })

  test('it waits for nobody, tells how it is, and has a minute to end', () => {
    expect(service.depends_on).toBeUndefined()
    expect(service.healthcheck.test[0]).toBe('CMD')
    expect(seconds(service.stop_grace_period)).toBeGreaterThanOrEqual(60)
  })

  test('nobody but the roles can reach it', () => {
    expect(service.networks).toEqual(['ledger'])
    expect(file.networks.ledger?.internal).toBe(true)
  })
})

test('EventStoreDB is asked how it is, and not the proxy that Docker may tell every container of', async () => {
  const node = createServer((_, response) => void response.writeHead(204).end()).listen(0, '127.0.0.1')
  await once(node, 'listening')
  try {
    const { port } = node.address() as AddressInfo
    const [, program = '', ...words] = services.eventstore?.healthcheck.test ?? []
    const args = words.map((word) => word.replace(':2113/', `:${port}/`))
    const proxies = { http_proxy: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' }
    await promisify(execFile)(program, args, { env: { PATH: process.env.PATH, ...proxies } })
  } finally {
    node.close()
  }
})

test('Kafka gets along with one node', () => {
  const { environment = {} } = services.kafka ?? {}
  expect(environment).toMatchObject({
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_NODE_ID: '1',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@kafka:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
  })
  expect(environment.KAFKA_LISTENERS).toContain(',CONTROLLER://:9093')
  // Kafka takes 16 bytes in this form, and no others.
  expect(environment.CLUSTER_ID).toMatch(/^[\w-]{22}$/)
  expect(Buffer.from(environment.CLUSTER_ID ?? '', 'base64url')).toHaveLength(16)
})

test('every volume is used', () => {
  const used = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]))
  expect(Object.keys(file.volumes).toSorted()).toEqual(used.toSorted())
})

test('everything is started again after a crash, and logs do not fill the disk', () => {
  for (const [name, service] of Object.entries(services)) {
    expect([name, service.restart]).toEqual([name, 'unless-stopped'])
    expect(service).toMatchObject({ logging: { options: { 'max-size': '10m', 'max-file': '5' } } })
  }
})

test.each(['10.231.86.0/24', '192.168.77.0/24'])(
  'cases cannot ask the stores, which let everyone in (%s)',
  (subnet) => {
    const { networks, services } = readComposeFile({ ...ENV, LEDGER_SUBNET: subnet })
    expect(networks.ledger?.ipam?.config).toEqual([{ subnet }])
    const { runner } = services
    if (runner === undefined) throw new Error('no runner')
    const deny = parseTargetDeny(configOf(runner).targetDeny)
    expect(deny.denies(subnet.replace('.0/24', '.7'))).toBe(true)
    expect(deny.denies('169.254.169.254')).toBe(true)
    expect(deny.denies('127.0.0.1')).toBe(false)
  },
)

test('docs/operations.md names everything that .env may say', () => {
  const asked = [...readFileSync(COMPOSE_FILE, 'utf8').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name)
  const documentation = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, listed = ''] = /^What `\.env` may say besides the four secrets: ([^.]*)\./m.exec(documentation) ?? []
  const named = [...listed.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name)
  expect([...named, ...SECRETS].toSorted()).toEqual([...new Set(asked)].toSorted())
})

test('there are connections for some copies of each role', () => {
  const [, connections] = services.postgres?.command?.join(' ').match(/max_connections=(\d+)/) ?? []
  expect(Number(connections)).toBeGreaterThanOrEqual(roles.length * 3 * 30)
})

/** Of `30s` or `1m`. */
function seconds(text: string): number {
  const [, digits, unit] = /^(\d+)([sm])$/.exec(text) ?? []
  return Number(digits) * (unit === 'm' ? 60 : 1)
}
