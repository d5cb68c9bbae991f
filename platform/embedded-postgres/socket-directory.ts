import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { RunAs } from './run-as.ts'

/** The longest path of a Unix socket on every system served here (macOS has 103 bytes, Linux 107). */
const longestSocketPath = 103

const socketName = '.s.PGSQL.5432'
const prefix = 'testledger-postgres-'

/**
 * Makes the folder, closed to all others (mode 0700), that holds the server's socket: in the data directory or, where
 * the path would be too long for a socket, under the system's temporary folder. That one has a random name, which nobody
 * can have taken before, and is recorded in the data directory so that it is removed even after a kill.
 */
export async function makeSocketDirectory(dataDir: string, runAs: RunAs): Promise<string> {
  await removeSocketDirectory(dataDir)
  const inside = join(dataDir, 'postgres-socket')
  const path = fits(inside) ? await makeInside(inside) : await makeElsewhere(dataDir, runAs)
  await chmod(path, 0o700)
  if (runAs.owner !== undefined) await chown(path, runAs.owner.uid, runAs.owner.gid)
  return path
}

/** Removes the folder under the system's temporary folder that an earlier start recorded; the server has ended. */
export async function removeSocketDirectory(dataDir: string): Promise<void> {
  const path = await readFile(record(dataDir), 'utf8').catch(() => undefined)
  if (path === undefined) return
  // Only what this module made: a real folder with its kind of name.
  const found = await lstat(path).catch(() => undefined)
  if (found?.isDirectory() === true && basename(path).startsWith(prefix)) {
    await rm(path, { recursive: true, force: true })
  }
  await rm(record(dataDir), { force: true })
}

async function makeInside(path: string): Promise<string> {
  // A killed server's socket has a lock file with its pid: whoever has that pid now would keep the new server out.
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}

async function makeElsewhere(dataDir: string, runAs: RunAs): Promise<string> {
  // Another user than ours may not reach our own temporary folder.
  const parents = runAs.user === undefined ? [tmpdir(), '/tmp'] : ['/tmp']
  const parent = parents.find((candidate) => fits(join(candidate, `${prefix}xxxxxx`))) ?? '/tmp'
  const path = await mkdtemp(join(parent, prefix))
  await writeFile(record(dataDir), path, { mode: 0o600 })
  return path
}

function record(dataDir: string): string {
  return join(dataDir, 'postgres-socket-directory')
}

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, socketName)) <= longestSocketPath
}
