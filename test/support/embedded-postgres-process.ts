/**
 * The embedded database in a process of its own, for tests that kill it or run it as another user:
 * `node embedded-postgres-process.ts <data directory>`. Prints one line of JSON when ready, `{connection, pid}`, or
 * `{error}` and exits 1. SIGTERM stops the server and exits 0.
 */
import { mkdir } from 'node:fs/promises'
import { lockDataDirectory } from '../../platform/data-directory.ts'
import { startEmbeddedPostgres } from '../../platform/embedded-postgres.ts'
import { quiet } from './quiet.ts'

const dataDir = process.argv[2] ?? ''
try {
  await mkdir(dataDir, { recursive: true })
  const lock = await lockDataDirectory(dataDir)
  const server = await startEmbeddedPostgres({ dataDir, log: quiet })
  process.once('SIGTERM', () => {
    void server
      .stop()
      .then(() => lock.release())
      .then(() => process.exit(0))
  })
  console.log(JSON.stringify({ connection: server.connection, pid: server.pid }))
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }))
  process.exit(1)
}
