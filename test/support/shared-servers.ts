/** Servers that all test files of a run share: the run's global setup starts each for the first that asks, and ends them all. */
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** Names the folder of the sockets on which the run's global setup answers where its servers are. */
const FOLDER_VARIABLE = 'TEST_SERVERS'

/** Where the run's server of this name is, as `offerServers` was told to say it. Throws what kept it from starting. */
export async function sharedServer<T>(name: string): Promise<T> {
  const folder = process.env[FOLDER_VARIABLE]
  if (folder === undefined) throw new Error('jest.config.mjs names no globalSetup: test/support/global-setup.ts')
  const { server, error } = JSON.parse(await text(connect(join(folder, name)))) as { server?: T; error?: string }
  if (server === undefined) throw new Error(error)
  return server
}

/** How a server is started: what is said of it, and how it is ended. */
export type Offered = () => Promise<{ server: unknown; stop(): Promise<void> }>

/** Answers every test process, on sockets in `folder`, and starts what is asked for. The result ends what was started. */
export async function offerServers(
  folder: string,
  offers: Readonly<Record<string, Offered>>,
): Promise<() => Promise<void>> {
  const offered = await Promise.all(Object.entries(offers).map(([name, start]) => offer(join(folder, name), start)))
  process.env[FOLDER_VARIABLE] = folder
  return async () => void (await Promise.all(offered.map((stop) => stop())))
}

async function offer(path: string, start: Offered): Promise<() => Promise<void>> {
  let started: ReturnType<Offered> | undefined
  const answers = createServer((socket) => {
    socket.on('error', () => {})
    started ??= start()
    started.then(
      ({ server }) => socket.end(JSON.stringify({ server })),
      (error: unknown) => socket.end(JSON.stringify({ error: String(error) })),
    )
  })
  await new Promise<void>((resolve) => void answers.listen(path, resolve))
  return async () => {
    answers.close()
    // One that did not start was said to the tests that asked.
    const running = await started?.catch(() => undefined)
    await running?.stop()
  }
}
