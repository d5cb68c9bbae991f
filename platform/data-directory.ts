/**
 * The lock on a data directory: one platform at a time.
 *
 * Each taker publishes a claim, a file `platform.lock/<pid>.<start of that process>`, unless a living process has one
 * already, and then looks again. Who sees no other living claim has the lock; of two that published at the same moment
 * the one first in order waits until the other has withdrawn. A claim's name belongs to one process for ever. So a dead one's claim may be deleted by
 * anyone at any time, and two takers of a stale lock cannot delete each other's, as they could with one shared pid file.
 */
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { errorCode } from './error-code.ts'
import { processStart } from './processes.ts'

/** How long a taker that is first in order waits for the others to withdraw, in milliseconds. */
const patience = 1_000

/** Another process has this data directory. */
export class DataDirectoryInUse extends Error {
  readonly code = 'data_directory_in_use'
  readonly directory: string
  readonly pid: number

  constructor(directory: string, pid: number) {
    super(`the data directory ${directory} is in use by process ${pid}: stop it, or set DATA_DIR to another directory`)
    this.name = 'DataDirectoryInUse'
    this.directory = directory
    this.pid = pid
  }
}

export interface DataDirectoryLock {
  /** Gives the directory free. May be called twice. */
  release(): Promise<void>
}

/** As `mkdir` with `recursive`, which tries for ever where a folder cannot be made though its parent is there, as below /proc. */
async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && (await stat(path)).isDirectory()) return
    const parent = dirname(path)
    if (errorCode(error) !== 'ENOENT' || (await isThere(parent))) throw error
    await makeFolder(parent, mode)
    await makeFolder(path, mode)
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Takes the data directory for this process, and creates it when missing. A lock whose owner is dead, or whose pid now
 * belongs to another process, is taken over.
 * @throws DataDirectoryInUse when a living process, this one included, has it
 */
export async function lockDataDirectory(dir: string): Promise<DataDirectoryLock> {
  const directory = resolve(dir)
  // Started by root, the database server runs as another user, who must get through to its own folder but list nothing.
  await makeFolder(directory, process.getuid?.() === 0 ? 0o711 : 0o700)
  await mkdir(claimsOf(directory), { recursive: true, mode: 0o700 })

  const [earlier] = await livingClaims(directory)
  if (earlier !== undefined) throw new DataDirectoryInUse(directory, pidOf(earlier))

  const own = `${process.pid}.${processStart(process.pid)}`
  const path = join(claimsOf(directory), own)
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new DataDirectoryInUse(directory, process.pid)
    throw error
  }

  const deadline = performance.now() + patience
  for (;;) {
    const rivals = (await livingClaims(directory)).filter((claim) => claim !== own)
    const [first] = rivals.toSorted()
    if (first === undefined) return { release: () => rm(path, { force: true }) }
    if (first < own || performance.now() > deadline) {
      await rm(path, { force: true })
      throw new DataDirectoryInUse(directory, pidOf(first))
    }
    await pause(10)
  }
}

/** The pid of the living process that has this data directory, or undefined. */
export async function dataDirectoryOwner(dir: string): Promise<number | undefined> {
  const [claim] = await livingClaims(resolve(dir))
  return claim === undefined ? undefined : pidOf(claim)
}

/** The claims of living processes; those of dead ones are deleted on the way. */
async function livingClaims(directory: string): Promise<string[]> {
  const living: string[] = []
  for (const claim of await claimFiles(directory)) {
    if (processStart(pidOf(claim)) === claim.slice(claim.indexOf('.') + 1)) living.push(claim)
    else await rm(join(claimsOf(directory), claim), { force: true })
  }
  return living
}

async function claimFiles(directory: string): Promise<string[]> {
  try {
    return (await readdir(claimsOf(directory))).filter((name) => /^\d+\./.test(name))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function claimsOf(directory: string): string {
  return join(directory, 'platform.lock')
}

function pidOf(claim: string): number {
  return Number.parseInt(claim, 10)
}
