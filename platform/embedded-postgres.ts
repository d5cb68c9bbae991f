/**
 * The database that comes along: a real Postgres server in the data directory, for this platform alone. It listens on
 * no network address, only on a socket in a folder closed to others, and asks for a generated password.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { open, realpath, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findBinaries } from './embedded-postgres/binaries.ts'
import { checkVersion, clusterOf, passwordFileOf, prepareCluster, superuser } from './embedded-postgres/cluster.ts'
import { endLeftover, endServer, isServerOf, readPostmaster } from './embedded-postgres/postmaster.ts'
import { type Host, startProgram } from './embedded-postgres/program.ts'
import { chooseRunAs } from './embedded-postgres/run-as.ts'
import { makeSocketDirectory, removeSocketDirectory } from './embedded-postgres/socket-directory.ts'
import type { Log } from './log.ts'

export { EmbeddedPostgresUnavailable } from './embedded-postgres/binaries.ts'

/** Where the server listens: `host` is the folder of its Unix socket. */
export interface EmbeddedConnection {
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** How the server ended. */
export interface ServerEnd {
  /** `stop()` asked for it. */
  expected: boolean
  reason: string
}

export interface EmbeddedPostgres {
  connection: EmbeddedConnection
  /** The server's process. */
  pid: number
  /** Resolves when the server has ended, by `stop()` or by itself; never rejects. */
  exited: Promise<ServerEnd>
  /** Fast shutdown: ends sessions, writes everything to the disk, resolves when the process is gone. May be called twice. */
  stop(): Promise<void>
}

/** How long a start tries again while the last processes of a killed server still hold its memory, in milliseconds. */
const leftoverPatience = 10_000

/** The log is set aside (`postgres.log.1`) when a start finds it longer, in bytes. */
const longestLog = 10 * 1024 * 1024

/** Sized for a laptop as for a small server. What is not here is Postgres' own default: `fsync` stays on. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  jit: 'off',
  idle_in_transaction_session_timeout: '60s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and the details of errors hold what users store: the log names errors only.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/**
 * Starts the Postgres server of a data directory; makes, recovers and takes over from a killed start what there is.
 * The caller holds the directory's lock, and starts it on the main thread: the server ends with the thread that
 * started it. Crash recovery takes as long as it takes; it is said in the log.
 * @throws EmbeddedPostgresUnavailable when no server can run on this system
 * @throws Error with the server's own words when it does not start
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string
  log: Log
  /** Beside and instead of the usual ones, for a server that is not for one platform alone. */
  settings?: Readonly<Record<string, string>>
}): Promise<EmbeddedPostgres> {
  const { log } = options
  const dataDir = await realpath(options.dataDir)
  const cluster = clusterOf(dataDir)
  const binaries = await findBinaries(dataDir)
  const { runAs, major } = await chooseRunAs(dataDir, cluster, binaries)
  await checkVersion(dataDir, major)
  await endLeftover(cluster, log)
  const host: Host = { dataDir, binaries, runAs }
  const password = await prepareCluster(host)
  const socketDirectory = await makeSocketDirectory(dataDir, runAs)

  const args = ['-D', cluster, '-k', socketDirectory, '-p', '5432']
  for (const [name, value] of Object.entries({ ...settings, ...options.settings })) args.push('-c', `${name}=${value}`)
  const server = await startServer(host, args, log)
  log.info({ pid: server.pid, runAs: runAs.name, version: major }, 'the embedded database is ready')
  return serving(server, dataDir, {
    host: socketDirectory,
    port: 5432,
    user: superuser,
    password,
    database: 'postgres',
  })
}

/**
 * Where a running embedded server of this data directory listens, for a process beside the platform; undefined when
 * none is ready.
 */
export function embeddedConnection(dataDir: string): EmbeddedConnection | undefined {
  try {
    const directory = realpathSync(dataDir)
    const cluster = clusterOf(directory)
    const postmaster = readPostmaster(cluster)
    if (postmaster?.ready !== true || !isServerOf(postmaster.pid, cluster)) return undefined
    const password = readFileSync(passwordFileOf(directory), 'utf8').trim()
    const { port, socketDirectory: host } = postmaster
    return { host, port, user: superuser, password, database: 'postgres' }
  } catch {
    return undefined
  }
}

/** The server's process, once it accepts connections. */
interface Server {
  pid: number
  child: ChildProcess
  /** Resolves with how it ended. */
  ended: Promise<string>
}

async function startServer(host: Host, args: readonly string[], log: Log): Promise<Server> {
  const deadline = performance.now() + leftoverPatience
  for (;;) {
    const logFile = await openLog(host.dataDir)
    const before = (await logFile.stat()).size
    const child = startProgram(host, host.binaries.postgres, args, ['ignore', logFile.fd, logFile.fd])
    // Listened to before anything is awaited: one that fails at once would have ended unheard.
    const ended = endOf(child)
    await logFile.close()
    const pid = await untilReady(child, clusterOf(host.dataDir), log)
    if (pid !== undefined) return { pid, child, ended }
    const end = await ended
    const words = await wordsOf(host.dataDir, before)
    if (!/still in use|already exists/.test(words) || performance.now() > deadline) {
      throw new Error(`the database server did not start (${end}): ${words}`)
    }
    // Children of a killed server are still writing, or a server that a killed platform had just started was not to be
    // seen before and is now.
    await pause(20)
    await endLeftover(clusterOf(host.dataDir), log)
  }
}

/**
 * The server writes into its pid file when it accepts connections; the file of an earlier one has another pid.
 * @returns the server's pid; undefined when it ended first
 */
async function untilReady(child: ChildProcess, cluster: string, log: Log): Promise<number | undefined> {
  let nextWord = performance.now() + 10_000
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const postmaster = readPostmaster(cluster)
    if (postmaster?.ready === true && postmaster.pid === child.pid) return child.pid
    if (performance.now() > nextWord) {
      log.info({ pid: child.pid }, 'the database is still recovering')
      nextWord += 10_000
    }
    await pause(4)
  }
  return undefined
}

function serving({ pid, child, ended }: Server, dataDir: string, connection: EmbeddedConnection): EmbeddedPostgres {
  let stopping: Promise<void> | undefined
  const exited = ended.then((reason) => ({ expected: stopping !== undefined, reason }))
  async function stop(): Promise<void> {
    await endServer({ signal: (name) => child.kill(name), gone: (milliseconds) => within(ended, milliseconds) })
    await removeSocketDirectory(dataDir)
  }
  return { connection, pid, exited, stop: () => (stopping ??= stop()) }
}

async function within(ended: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const timer = new AbortController()
  const late = pause(milliseconds, false, { signal: timer.signal }).catch(() => false)
  const gone = await Promise.race([ended.then(() => true), late])
  timer.abort()
  return gone
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
}

async function openLog(dataDir: string): ReturnType<typeof open> {
  const path = join(dataDir, 'postgres.log')
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > longestLog) await rename(path, `${path}.1`)
  return open(path, 'a+', 0o600)
}

/** What the server wrote to its log from `before` on: its last lines. */
async function wordsOf(dataDir: string, before: number): Promise<string> {
  const file = await open(join(dataDir, 'postgres.log'))
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(4096),
      position: Math.max(before, size - 4096),
    })
    return buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-5).join(' | ')
  } finally {
    await file.close()
  }
}
