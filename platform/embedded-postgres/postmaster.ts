import { readFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorCode } from '../error-code.ts'
import type { Log } from '../log.ts'
import { commandLine, isRunning, runningPids, waitUntilGone, workingDirectory } from '../processes.ts'

/** What a server says about itself in the `postmaster.pid` of its cluster. */
export interface Postmaster {
  pid: number
  port: number
  socketDirectory: string
  /** It accepts connections. */
  ready: boolean
}

/** How long a server may take over a fast shutdown before it is told to quit at once, in milliseconds. */
const shutdownPatience = 10_000

/** Reads `postmaster.pid`; undefined when there is none or it is not complete. */
export function readPostmaster(cluster: string): Postmaster | undefined {
  const [pid, , , port, socketDirectory, , , status] = lines(cluster)
  if (pid === undefined || !/^-?\d{1,10}$/.test(pid)) return undefined
  return {
    // A server in single-user mode writes its pid as a negative number.
    pid: Math.abs(Number(pid)),
    port: Number(port),
    socketDirectory: socketDirectory ?? '',
    ready: status?.trim() === 'ready',
  }
}

/**
 * Whether the process is a Postgres of this cluster. After a reboot the pid in a file left over may be anybody's, so the
 * process itself is asked: what it was started with, or where it works (a server works in its cluster's folder).
 */
export function isServerOf(pid: number, cluster: string): boolean {
  const [program = '', ...args] = commandLine(pid)
  if (basename(program) !== 'postgres') return false
  return args.includes(cluster) || workingDirectory(pid) === cluster
}

/**
 * Ends what an earlier platform left behind: it was killed where nothing ends the server with it, or its server is still
 * shutting down. Ended and not adopted: nobody is told when a process dies that is not his child, it may run with the
 * settings of an older version, and a warm start takes a tenth of a second. The caller holds the data directory's lock,
 * so that no living platform uses this server.
 */
export async function endLeftover(cluster: string, log: Log): Promise<void> {
  const left = readPostmaster(cluster)
  if (left !== undefined && isServerOf(left.pid, cluster)) {
    log.warn({ pid: left.pid }, 'the database server of an earlier start still runs and is ended')
    await endServer(stranger(left.pid))
  }
  await endChildren(cluster, log)
  // Without a pid (the disk was full, the power failed) it says nothing, and the server would refuse to start over it.
  if (left === undefined) await rm(join(cluster, 'postmaster.pid'), { force: true })
  else await disown(cluster, left.pid)
}

/**
 * Ends the children of a killed server, and a server without a pid file. Most children notice their server's death by
 * themselves, but one in the middle of a long statement does not look, and no new server starts while it may still
 * write. They are known by their folder: a server's processes work in its cluster's. Where the system does not tell it,
 * the start waits for them a while.
 */
async function endChildren(cluster: string, log: Log): Promise<void> {
  const children = runningPids().filter(
    (pid) => workingDirectory(pid) === cluster && /(^|\/)postgres(:|$)/.test(commandLine(pid)[0] ?? ''),
  )
  if (children.length > 0) log.warn({ pids: children }, 'processes of a killed database server still run and are ended')
  // The signal by which their own server would have told them that all is lost.
  await Promise.all(children.map((pid) => endServer(stranger(pid), ['SIGQUIT', 'SIGKILL'])))
}

/** A server's process: how to signal it (false when it is gone), and how to wait for its end. */
export interface Ending {
  signal(name: NodeJS.Signals): boolean
  /** True once it is gone, false after the given milliseconds. */
  gone(milliseconds: number): Promise<boolean>
}

const gentlyFirst = ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const

/** Fast shutdown; when it takes too long, at once; when even that does not help, by force (the next start recovers). */
export async function endServer(server: Ending, signals: readonly NodeJS.Signals[] = gentlyFirst): Promise<void> {
  for (const name of signals) {
    if (!server.signal(name) || (await server.gone(shutdownPatience))) return
  }
  throw new Error('the database server does not end')
}

/** A server that is not this process's child. */
function stranger(pid: number): Ending {
  return {
    gone: (milliseconds) => waitUntilGone(pid, milliseconds),
    signal(name) {
      try {
        return process.kill(pid, name)
      } catch (error) {
        if (errorCode(error) === 'ESRCH') return false
        throw error
      }
    },
  }
}

/**
 * Makes a dead server's file harmless whose pid another process (or a zombie) has now: the new server would take it for
 * a rival. The file is not deleted, because it also names the shared memory by which the new server notices children of
 * the dead one that still write. A pid that is the new server's parent's, ours, is not taken for a rival's.
 */
async function disown(cluster: string, pid: number): Promise<void> {
  if (!isTaken(pid) || readPostmaster(cluster)?.pid !== pid) return
  const text = Buffer.from([String(process.pid), ...lines(cluster).slice(1)].join('\n'))
  const file = await open(join(cluster, 'postmaster.pid'), 'r+').catch(() => undefined)
  if (file === undefined) return
  try {
    await file.write(text, 0, text.length, 0)
    await file.truncate(text.length)
  } finally {
    await file.close()
  }
}

/** A zombie has its pid still. */
function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return isRunning(pid)
  }
}

function lines(cluster: string): string[] {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}
