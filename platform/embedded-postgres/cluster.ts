import { randomBytes } from 'node:crypto'
import { chown, lchown, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../error-code.ts'
import { type Host, runProgram } from './program.ts'

/** The name of the database's superuser, which the platform uses: nobody else can reach this server. */
export const superuser = 'postgres'

/** The folder of the server's files. */
export function clusterOf(dataDir: string): string {
  return join(dataDir, 'postgres')
}

/** The file with the superuser's password, readable by the platform's user alone. */
export function passwordFileOf(dataDir: string): string {
  return join(dataDir, 'postgres-password')
}

const unfinished = 'postgres.new-'

/**
 * Refuses a cluster that this server cannot open, before anything is changed.
 * @throws Error when it is another major version's, another user's, or no cluster at all
 */
export async function checkVersion(dataDir: string, major: number): Promise<void> {
  const cluster = clusterOf(dataDir)
  const found = await hasContent(cluster).catch((error: unknown) => {
    if (errorCode(error) !== 'EACCES') throw error
    throw new Error(`${cluster} belongs to another user: start the platform as the user that made it`)
  })
  if (!found) return
  const version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim()
  if (version === '') throw new Error(`${cluster} is not a Postgres cluster: it holds files but no PG_VERSION`)
  if (version !== String(major)) {
    throw new Error(
      `${cluster} was made by Postgres ${version}, and this is Postgres ${major}, which cannot open it. Nothing was ` +
        'changed. Start the version of the platform that made it, or move its contents with pg_dump',
    )
  }
}

/**
 * Makes the cluster when there is none. It comes to be under a temporary name and is renamed when it is complete and on
 * the disk: a start that is killed leaves no half of one, and the next start removes what it left.
 * @returns the superuser's password
 */
export async function prepareCluster(host: Host): Promise<string> {
  const cluster = clusterOf(host.dataDir)
  for (const entry of await readdir(host.dataDir)) {
    if (entry.startsWith(unfinished)) await remove(join(host.dataDir, entry))
  }
  const known = await readPassword(host.dataDir)
  if (await hasContent(cluster)) {
    await handOver(cluster, host)
    return known ?? (await resetPassword(host))
  }
  const password = known ?? (await writePassword(host.dataDir, newPassword()))
  await createCluster(host, password)
  return password
}

async function createCluster(host: Host, password: string): Promise<void> {
  const { dataDir, binaries, runAs } = host
  const folder = await mkdtemp(join(dataDir, unfinished))
  try {
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (runAs.owner !== undefined) {
      for (const path of [passwordFile, folder]) await chown(path, runAs.owner.uid, runAs.owner.gid)
    }
    // The builtin locale sorts by code point, knows the case of every letter, and is the same on every system for ever.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const access = ['-U', superuser, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
    const created = join(folder, 'cluster')
    // initdb itself waits until everything is on the disk.
    await runProgram(host, binaries.initdb, ['-D', created, ...access, ...locale, '--no-instructions'])
    await rename(created, clusterOf(dataDir))
    await syncFolder(dataDir)
  } finally {
    await remove(folder)
  }
}

/** A killed start's initdb may be writing still while its folder is removed. */
function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/** Gives all files to the user that the server runs as, when that is another than before; the top folder last. */
async function handOver(cluster: string, { runAs: { owner } }: Host): Promise<void> {
  if (owner === undefined || (await stat(cluster)).uid === owner.uid) return
  for (const entry of await readdir(cluster, { recursive: true })) {
    await lchown(join(cluster, entry), owner.uid, owner.gid)
  }
  await chown(cluster, owner.uid, owner.gid)
}

function newPassword(): string {
  return randomBytes(32).toString('base64url')
}

async function readPassword(dataDir: string): Promise<string | undefined> {
  const password = (await readFile(passwordFileOf(dataDir), 'utf8').catch(ifMissing(''))).trim()
  return password === '' ? undefined : password
}

async function writePassword(dataDir: string, password: string): Promise<string> {
  const temporary = `${passwordFileOf(dataDir)}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(password)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, passwordFileOf(dataDir))
  await syncFolder(dataDir)
  return password
}

/** The file was lost (a backup without it, say): who owns the cluster's files may set another password. */
async function resetPassword(host: Host): Promise<string> {
  const password = newPassword()
  // Words of base64url need no quoting. The server's single-user mode asks for no password.
  const statement = `alter role ${superuser} password '${password}'\n`
  const args = ['--single', '-D', clusterOf(host.dataDir), '-c', 'exit_on_error=on', 'postgres']
  await runProgram(host, host.binaries.postgres, args, statement)
  return writePassword(host.dataDir, password)
}

async function hasContent(folder: string): Promise<boolean> {
  const entries = await readdir(folder).catch(ifMissing<string[]>([]))
  return entries.length > 0
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (errorCode(error) === 'ENOENT') return value
    throw error
  }
}
