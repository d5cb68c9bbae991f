import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freeKafkaPort } from '../../scripts/kafka/broker.ts'
import { type KafkaBroker, startKafka } from '../support/kafka-broker.ts'
import { KEYS } from '../support/platform.ts'
import { Gateways } from './gateways.ts'
import { Outages } from './outages.ts'
import { PostgresServer } from './postgres-server.ts'
import { RoleProcess } from './role-process.ts'

export const DEPLOYED_ROLES = ['gateway', 'relay', 'projector', 'runner'] as const
export type DeployedRole = (typeof DEPLOYED_ROLES)[number]

/** Milliseconds that all of it may take to be well again after a blow. */
const STEADY_MS = 120_000

/** As short as the broker takes it, and a busy machine bears it. */
const KAFKA_SESSION_SECONDS = 10

/** A whole platform of separate processes, over a broker and a database of its own, all in one folder. */
export class Deployment {
  readonly postgres: PostgresServer
  readonly broker: KafkaBroker
  readonly processes: readonly RoleProcess[]
  readonly gateways: Gateways
  /** What its processes are configured with, beside what each has of its own. */
  readonly environment: Readonly<Record<string, string>>
  /** When clients could see that gateways cannot do what they are asked for, and that nobody feeds the read models. */
  readonly out: Readonly<{ service: Outages; readModels: Outages }>

  private constructor(options: Pick<Deployment, 'postgres' | 'broker' | 'processes' | 'environment'>) {
    this.environment = options.environment
    this.postgres = options.postgres
    this.broker = options.broker
    this.processes = options.processes
    this.out = { service: new Outages(), readModels: new Outages() }
    this.gateways = new Gateways(this.of('gateway'), this.out)
  }

  /** Starts the servers and `copies` processes of each role, at once: who waits for whom is theirs to find out. */
  static async start(options: {
    folder: string
    copies: number
    environment: Readonly<Record<string, string>>
  }): Promise<Deployment> {
    const { folder, copies } = options
    const postgres = new PostgresServer(await folderIn(folder, 'postgres'))
    const [broker] = await Promise.all([startKafka({ folder: join(folder, 'kafka') }), postgres.start()])
    const environment = {
      ...KEYS,
      DATABASE_URL: postgres.url,
      MESSAGE_LOG: 'kafka',
      KAFKA_BROKERS: broker.brokers.join(),
      KAFKA_TOPIC_PREFIX: 'chaos.',
      KAFKA_SESSION_SECONDS: String(KAFKA_SESSION_SECONDS),
      LOG_LEVEL: 'info',
      RATE_LIMIT: '0',
      ...options.environment,
    }
    const processes: RoleProcess[] = []
    for (const role of DEPLOYED_ROLES) {
      for (let copy = 1; copy <= copies; copy++) {
        const [name, port] = [`${role} ${copy}`, await freeKafkaPort()]
        // No disk is shared.
        const dataDir = await folderIn(folder, `${role}-${copy}`)
        const logFile = join(folder, `${role}-${copy}.log`)
        processes.push(new RoleProcess({ name, role, port, dataDir, logFile, environment }))
      }
    }
    const deployment = new Deployment({ postgres, broker, processes, environment })
    try {
      for (const process of processes) process.launch()
      await deployment.steady()
      await deployment.gateways.enter()
      return deployment
    } catch (error) {
      await deployment.destroy()
      throw error
    }
  }

  of(role: DeployedRole): readonly RoleProcess[] {
    return this.processes.filter((process) => process.role === role)
  }

  /** Resolves when every process is ready; throws when one is not in time. */
  async steady(): Promise<void> {
    for (const deadline = performance.now() + STEADY_MS; ; await pause(250)) {
      const ready = await Promise.all(this.processes.map((process) => process.isReady()))
      if (ready.every(Boolean)) return
      if (performance.now() < deadline) continue
      const late = this.processes.filter((_, nth) => ready[nth] !== true)
      throw new Error(late.map((process) => `${process.name} is not ready: ${process.said().slice(-1_000)}`).join('\n'))
    }
  }

  /** Stops every process as people do, gateways first. */
  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()))
  }

  /** What can be done at the very end of this process; the broker dies with it. */
  killNow(): void {
    for (const process of this.processes) process.killNow()
    this.postgres.killNow()
  }

  /** Ends everything that was started; the folder stays. */
  async destroy(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.destroy()))
    await this.broker.kill()
    await this.postgres.stop()
  }
}

async function folderIn(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  return path
}
