import { access, mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../error-code.ts'

/** The server's programs, and the environment that they run in. */
export interface Binaries {
  postgres: string
  initdb: string
  env: Record<string, string>
}

/** No database server can be had here: the message says why, in one line, and that DATABASE_URL replaces it. */
export class EmbeddedPostgresUnavailable extends Error {
  readonly code = 'embedded_postgres_unavailable'

  constructor(reason: string) {
    super(`${reason}. Set DATABASE_URL to use a Postgres server of your own`)
    this.name = 'EmbeddedPostgresUnavailable'
  }
}

/**
 * Finds the programs that npm installed for this system, and makes the links between their libraries where npm did not
 * (its install scripts are often switched off): beside the libraries or, when that folder is read-only for this user,
 * in the data directory.
 * @throws EmbeddedPostgresUnavailable when there is no package for this system
 */
export async function findBinaries(dataDir: string): Promise<Binaries> {
  const native = join(packageFolder(), 'native')
  const env = {
    // Nothing of the platform's own environment, whose secrets the server has no use for. UTC spares initdb its search.
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    ...(await linkLibraries(native, join(dataDir, 'postgres-libraries'))),
  }
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb'), env }
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    throw new EmbeddedPostgresUnavailable(`no database server for this system is installed (npm package ${name})`)
  }
}

/**
 * Makes the links that `pg-symlinks.json` asks for and that are missing.
 * @returns the variable that leads the loader to them, when they are not beside the libraries
 */
export async function linkLibraries(native: string, elsewhere: string): Promise<Record<string, string>> {
  const missing: Link[] = []
  for (const link of await wantedLinks(native)) {
    if (!(await exists(link.path))) missing.push(link)
  }
  try {
    for (const { path, file } of missing) await link(basename(file), path)
    return {}
  } catch (error) {
    if (!isReadOnly(error)) throw error
  }
  await mkdir(elsewhere, { recursive: true, mode: 0o755 })
  for (const { path, file } of missing) {
    // What is there may lead to the files of an earlier installation.
    await rm(join(elsewhere, basename(path)), { force: true })
    await link(file, join(elsewhere, basename(path)))
  }
  return { [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: elsewhere }
}

interface Link {
  path: string
  file: string
}

/** The links are listed relative to the package's folder; each is in the folder of the file that it leads to. */
async function wantedLinks(native: string): Promise<Link[]> {
  const list: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  const entries = Array.isArray(list) ? (list as { source: string; target: string }[]) : []
  const root = dirname(native)
  return entries.map(({ source, target }) => ({ path: join(root, target), file: join(root, source) }))
}

async function link(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path)
  } catch (error) {
    // Another process that starts at the same time made it.
    if (!(await exists(path))) throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function isReadOnly(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '')
}
