import { ROLES, type Role } from '../../platform/config.ts'
import type { Bench } from '../measurement.ts'
import { logIn, type PlatformProcess, settingsOn, startWith } from '../platform.ts'

/** A platform of which each role is a process of its own, with Kafka between them. */
export type Roles = Readonly<{
  /** As its clients see it: the gateway. */
  gateway: PlatformProcess
  /** The process of each role that was started first. */
  pids: ReadonlyMap<Role, number>
  /** Starts another runner beside those that are there. */
  addRunner(): Promise<AddedRunner>
}>

export type AddedRunner = Readonly<{
  /** Whether it has been given any of the work: Kafka shares that out anew when a runner comes. */
  takesPart(): Promise<boolean>
}>

/** Starts one process of each role. */
export async function startRoles(bench: Bench, databaseUrl: string, brokers: readonly string[]): Promise<Roles> {
  const settings = { ...settingsOn(databaseUrl), MESSAGE_LOG: 'kafka', KAFKA_BROKERS: brokers.join(',') }
  const start = (role: Role): ReturnType<typeof startWith> => startWith(bench, { ...settings, ROLES: role })
  const started = await Promise.all(ROLES.map(async (role) => [role, await start(role)] as const))
  const [gateway] = started.flatMap(([role, process]) => (role === 'gateway' ? [process] : []))
  if (gateway === undefined) throw new Error('no process is the gateway')
  return {
    gateway: { ...gateway, token: await logIn(bench, gateway.url, settings) },
    pids: new Map(started.map(([role, { pid }]) => [role, pid])),
    async addRunner() {
      const { url } = await start('runner')
      return { takesPart: async () => (await handledBy(url)) > 0 }
    },
  }
}

/** Messages of the topic `runs` that a process has handled. */
async function handledBy(url: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`)
  if (!answer.ok) throw new Error(`GET ${url}/metrics answered ${answer.status}`)
  const counts = (await answer.text()).matchAll(/^testledger_messages_handled_total\{[^}]*topic="runs"[^}]*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}
