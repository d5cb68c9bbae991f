import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { kafkaJars } from './jars.ts'

/** A real Kafka on loopback: broker and controller in one process of Java. */
export type Broker = Readonly<{
  /** `host:port`. */
  address: string
  pid: number
  /** Resolves when the process has ended, for whatever reason. */
  ended: Promise<void>
  /** SIGTERM: it ends as it should, in a second or two, and keeps its data. A frozen one goes on first. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay and nothing is answered. */
  freeze(): void
  thaw(): void
}>

export type BrokerOptions = Readonly<{
  /** What it knows is kept here, and found again by the next start. */
  folder: string
  port: number
  /** Settings of `server.properties` beside and instead of ours; `security` is the protocol of the clients' listener. */
  security?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  settings?: Readonly<Record<string, string>>
  /** Passwords of users who log in by SCRAM; counts when the folder is new. */
  users?: Readonly<Record<string, string>>
}>

/** Milliseconds; a slow machine needs ten seconds. */
const PATIENCE = 90_000

/**
 * Starts a broker and resolves when it takes connections. It dies with this process, however that ends.
 * @throws NoKafka where none can be run
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const jars = await kafkaJars()
  const { folder, port } = options
  await mkdir(folder, { recursive: true })
  const properties = join(folder, 'server.properties')
  await writeFile(properties, await propertiesOf(options))
  await format(jars, options, properties)

  const output = await open(join(folder, 'broker.log'), 'a')
  const child = spawn('sh', ['-c', WITH_THIS_PROCESS, 'sh', ...javaOf(jars), 'kafka.Kafka', properties], {
    stdio: ['pipe', output.fd, output.fd],
  })
  await output.close()
  const ended = once(child, 'exit').then(() => void child.stdin?.destroy())
  child.stdin?.on('error', () => {})
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    child.kill('SIGCONT')
    await ended
  }
  try {
    await listening(child, port)
  } catch (error) {
    await end('SIGKILL')
    throw new Error(`Kafka did not start: ${String(error)}\n${await tail(join(folder, 'broker.log'))}`, {
      cause: error,
    })
  }
  return {
    address: `127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    ended,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  }
}

/**
 * A port that nothing listens on, and that the system gives to no outgoing connection: clients who call again and again while the broker is
 * away would otherwise take it themselves one day, and even reach themselves.
 */
export async function freeKafkaPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 28_000)
    if ((await isFree(port)) && (await isFree(controllerPort(port)))) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => void server.close(() => resolve(true)))
  })
}

function controllerPort(port: number): number {
  return port + 1
}

/**
 * The shell becomes Java, so that signals go to it. What stays behind waits for the end of the pipe that our process holds, and kills
 * then: a process that is killed cannot say goodbye.
 */
const WITH_THIS_PROCESS = 'exec 3<&0; { cat <&3; kill -9 $$; } >/dev/null 2>&1 & exec "$@" </dev/null 3<&-'

function javaOf(jars: string): readonly string[] {
  // The quick compiler alone: what runs for a minute never earns the slow one's work back.
  return ['java', '-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(jars, '*')]
}

async function propertiesOf({ folder, port, security = 'PLAINTEXT', settings = {} }: BrokerOptions): Promise<string> {
  const [clients, controller] = [`127.0.0.1:${port}`, `127.0.0.1:${controllerPort(port)}`]
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    listeners: `CLIENTS://${clients},CONTROLLER://${controller}`,
    'advertised.listeners': `CLIENTS://${clients}`,
    'inter.broker.listener.name': 'CLIENTS',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `CLIENTS:${security},CONTROLLER:PLAINTEXT`,
    'log.dirs': join(folder, 'logs'),
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    // After a kill the controller waits for the end of its broker's last session before it takes the new one: 9 s if nothing is said.
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '2000',
    // One broker has one replica; and fewer partitions of its own topics are made sooner.
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    ...settings,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Makes a folder the store of a new cluster, once. */
async function format(jars: string, { folder, users = {} }: BrokerOptions, properties: string): Promise<void> {
  if (existsSync(join(folder, 'logs', 'meta.properties'))) return
  const [command = '', ...args] = javaOf(jars)
  // Any 16 bytes; the cluster is alone.
  const id = Buffer.from('testledger-kafka').toString('base64url')
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((way) => ['--add-scram', `${way}=[name=${name},password=${password}]`]),
  )
  await promisify(execFile)(command, [
    ...args,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    id,
    '-c',
    properties,
    ...scram,
  ])
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + PATIENCE
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('its process has ended')
    if (await answers(port)) return
    await pause(50)
  }
  throw new Error(`nothing listens on port ${port} after ${PATIENCE / 1_000} s`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const say = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', say(true))
    socket.once('error', say(false))
  })
}

async function tail(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).slice(-3_000)
}
