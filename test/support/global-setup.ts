import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressVariable, startTestPostgres, type TestPostgres } from './postgres.ts'

/** What `global-teardown.ts` ends. */
declare global {
  var stopSharedPostgres: (() => Promise<void>) | undefined
}

/**
 * Answers every test process, on a socket whose path is in its environment, where the run's Postgres server is, and
 * starts the server for the first that asks: a run of unit tests alone starts none.
 */
export default async function globalSetup(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-run-'))
  let server: Promise<TestPostgres> | undefined
  const answers = createServer((socket) => {
    socket.on('error', () => {})
    server ??= startTestPostgres()
    server.then(
      ({ connection }) => socket.end(JSON.stringify({ connection })),
      (error: unknown) => socket.end(JSON.stringify({ error: String(error) })),
    )
  })
  const address = join(folder, 'postgres')
  await new Promise<void>((resolve) => void answers.listen(address, resolve))
  process.env[addressVariable] = address
  // What platforms of one run may share, such as the snapshot that sandboxes start from.
  process.env.TEST_SHARED_FOLDER = folder
  globalThis.stopSharedPostgres = async () => {
    answers.close()
    // One that did not start was said to the tests that asked.
    const started = await server?.catch(() => undefined)
    await started?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
