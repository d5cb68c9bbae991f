import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freeKafkaPort, startBroker } from '../../scripts/kafka/broker.ts'
import { startTestPostgres } from './postgres.ts'
import { offerServers } from './shared-servers.ts'

/** What `global-teardown.ts` ends. */
declare global {
  var stopSharedServers: (() => Promise<void>) | undefined
}

/**
 * Nothing here outlives the machine: what a process writes, others see whether the disk has it or not. Tests that kill a server start one
 * of their own, which is as careful as the platform's.
 */
const UNSYNCED = { fsync: 'off', full_page_writes: 'off' }

/** Offers every test process a Postgres server and a Kafka broker; what no test asks for is not started. */
export default async function globalSetup(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-run-'))
  const stop = await offerServers(folder, {
    async postgres() {
      const { connection, stop } = await startTestPostgres(UNSYNCED)
      return { server: connection, stop }
    },
    async kafka() {
      const { address, kill } = await startBroker({ folder: join(folder, 'kafka-data'), port: await freeKafkaPort() })
      return { server: { address }, stop: kill }
    },
  })
  // What platforms of one run may share, such as the snapshot that sandboxes start from.
  process.env.TEST_SHARED_FOLDER = folder
  // Programs of tests start as fast as scripts/launch.mjs starts the platform's, from what it has kept.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache')
  globalThis.stopSharedServers = async () => {
    await stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
