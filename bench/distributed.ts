import { setTimeout as pause } from 'node:timers/promises'
import { startKafka } from '../test/support/kafka-broker.ts'
import { startDatabases } from './database.ts'
import { lagOf } from './distributed/lag.ts'
import { relayRates } from './distributed/relay.ts'
import { type Roles, startRoles } from './distributed/roles.ts'
import { KINDS, runsOn } from './distributed/runs.ts'
import type { Bench, Figure, Measurement } from './measurement.ts'
import { tellMemory } from './memory.ts'
import { type PlatformProcess, startPlatformProcess } from './platform.ts'

/** What `npm run bench:distributed` measures. */
export const distributed: Readonly<Record<string, Measurement>> = {
  'distributed-runs': runs,
  'distributed-lag': lag,
  'distributed-relay': relay,
}

/** The platform in one process, and one of which each role is a process of its own, with databases on one server. */
type Both = Readonly<{ embedded: Side<PlatformProcess>; apart: Side<Roles> }>
type Side<T> = Readonly<{ platform: T; databaseUrl: string }>

async function startBoth(bench: Bench): Promise<Both> {
  const databases = await startDatabases(bench)
  const brokers = await startBrokers(bench)
  const [one, other] = [await databases.fresh('embedded'), await databases.fresh('apart')]
  return {
    embedded: { platform: await startPlatformProcess(bench, one), databaseUrl: one },
    apart: { platform: await startRoles(bench, other, brokers), databaseUrl: other },
  }
}

/** Throws `NoKafka` where none can be run. */
async function startBrokers(bench: Bench): Promise<readonly string[]> {
  const { brokers, remove } = await startKafka()
  bench.defer(remove)
  return brokers
}

/** How soon runs begin and how many cases are run, with one runner and with two. */
async function runs(bench: Bench): Promise<readonly Figure[]> {
  const { embedded, apart } = await startBoth(bench)
  const { gateway, addRunner } = apart.platform
  const { firstRequests, rates, untilOverKafka } = await runsOn(bench, { embedded: embedded.platform, kafka: gateway })
  const one = [...(await firstRequests('1 runner', KINDS)), ...(await rates('1 runner'))]
  await untilOverKafka((await addRunner()).takesPart)
  return [...one, ...(await firstRequests('2 runners', ['plain'])), ...(await rates('2 runners'))]
}

/** What memory all processes take at rest, and how far read models are behind while clients write. */
async function lag(bench: Bench): Promise<readonly Figure[]> {
  const { embedded, apart } = await startBoth(bench)
  await pause(bench.quick ? 1_000 : 10_000)
  const memory = [
    ...tellMemory('memory at rest, embedded', embedded.platform.pid),
    ...[...apart.platform.pids].flatMap(([role, pid]) => tellMemory(`memory at rest, ${role}`, pid)),
  ]
  return [
    ...(await lagOf(bench, 'embedded', embedded.platform, embedded.databaseUrl)),
    ...(await lagOf(bench, 'projector in a process of its own', apart.platform.gateway, apart.databaseUrl)),
    ...memory,
  ]
}

/** How many events a second are told to outsiders. */
async function relay(bench: Bench): Promise<readonly Figure[]> {
  return relayRates(bench, await startDatabases(bench), await startBrokers(bench))
}
