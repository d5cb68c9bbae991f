/** The platform as people start it: `npm start`'s process, its own embedded database, and the end it deserves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { embeddedConnection } from '../../platform/embedded-postgres.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { EventLog, OpenedLog } from './event-log.ts'
import { quiet } from './quiet.ts'
import { ADMIN, type Caller, caller, login } from './platform.ts'

export type PlatformProcess = Readonly<{
  url: string
  pid: number
  call: Caller
  /** What it has said on stderr so far. */
  said(): string
  /** Ends it as `signal` does; answers its exit code, null after a kill. */
  end(signal: NodeJS.Signals): Promise<number | null>
}>

const root = new URL('../..', import.meta.url).pathname

/** A process of which nobody knows yet whether it will be ready. */
export type LaunchedProcess = Readonly<{
  pid: number
  /** Its URL when it is ready; undefined when it ends before. */
  ready: Promise<string | undefined>
  /** Its exit code, null after a kill. */
  exited: Promise<number | null>
  said(): string
  kill(signal: NodeJS.Signals): void
}>

export function launchProcess(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): LaunchedProcess & Readonly<{ stderr: Readable }> {
  shareSnapshot(dataDir)
  const child = spawn(process.execPath, ['scripts/launch.mjs', 'scripts/start.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      DATA_DIR: dataDir,
      PORT: '0',
      ADMIN_PASSWORD: ADMIN.password,
      LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'warn',
      SANDBOX_POOL: '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ready = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = / is ready at (\S+)/.exec(line)?.[1]
      if (url === undefined) continue
      // Nobody reads on: what it says further must not fill the pipe.
      setImmediate(() => child.stdout.resume())
      return url
    }
    return undefined
  })()
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    stderr: child.stderr,
    said: () => said,
    kill: (signal) => void child.kill(signal),
  }
}

/**
 * Sandboxes of a new data directory start from the snapshot that all platforms of the run have: each would make its own, which takes
 * seconds of processor time. Where there is a folder of its own already, or can be none, nothing is changed.
 */
function shareSnapshot(dataDir: string): void {
  const shared = process.env.TEST_SHARED_FOLDER
  if (shared === undefined) return
  try {
    mkdirSync(join(shared, 'sandbox'), { recursive: true })
    symlinkSync(join(shared, 'sandbox'), join(dataDir, 'sandbox'))
  } catch {
    // It makes its own.
  }
}

/** Starts a process and answers what becomes of it: its URL when it is ready, its exit code when it never is. */
export async function tryStart(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ ready: PlatformProcess } | { code: number | null; said: string }> {
  const { pid, ready, exited, said, kill } = launchProcess(dataDir, environment)
  const url = await ready
  if (url === undefined) return { code: await exited, said: said() }

  let token = ''
  const call = caller(
    () => url,
    () => token,
  )
  token = await login(call, ADMIN)
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    kill(signal)
    return exited
  }
  return { ready: { url, pid, call, said, end } }
}

export async function startProcess(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<PlatformProcess> {
  const started = await tryStart(dataDir, environment)
  if ('ready' in started) return started.ready
  throw new Error(`the platform ended with ${started.code}: ${started.said}`)
}

/** Reads events of the platform that runs on that data directory. */
export async function readEvents<T>(
  dataDir: string,
  eventLog: EventLog,
  read: (store: OpenedLog) => Promise<T>,
): Promise<T> {
  const db = await openDatabase({ connection: embeddedConnection(dataDir) ?? '', max: 1, log: quiet })
  const store = eventLog.open(db)
  try {
    return await read(store)
  } finally {
    await store.stop()
    await db.close()
  }
}
