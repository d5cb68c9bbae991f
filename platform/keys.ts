import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Config, ConfigError, jwtSecret, masterKey, Wrong } from './config.ts'
import { errorCode } from './error-code.ts'

/** What signs tokens and what wraps the keys of secrets (32 bytes). */
export type Keys = Readonly<{ jwtSecret: string; masterKey: Buffer }>

/**
 * The keys that are set, else those kept in `DATA_DIR` (made at the first start, mode 0600). With a database of the user's own
 * nothing is made: another process on another machine must have the same. Throws `ConfigError`.
 */
export async function loadKeys(
  config: Pick<Config, 'jwtSecret' | 'masterKey' | 'dataDir' | 'databaseUrl'>,
): Promise<Keys> {
  const kept = async <T>(
    name: 'JWT_SECRET' | 'MASTER_KEY',
    file: string,
    read: (text: string) => T | Wrong,
  ): Promise<T> => {
    if (config.databaseUrl !== undefined) throw new ConfigError([`${name}: required when DATABASE_URL is set`])
    const path = join(config.dataDir, file)
    const value = read(await keptText(path))
    if (value instanceof Wrong) throw new ConfigError([`${path}: expected ${value.expected}`])
    return value
  }
  return {
    jwtSecret: config.jwtSecret ?? (await kept('JWT_SECRET', 'jwt-secret', jwtSecret)),
    masterKey: config.masterKey ?? (await kept('MASTER_KEY', 'master-key', masterKey)),
  }
}

/**
 * The text of a file, made of 32 random bytes in hexadecimal when it is not there. It is linked in place when it is whole and on the
 * disk: a kill leaves no half key, and of two processes that make one both read the same.
 */
async function keptText(path: string): Promise<string> {
  const present = await readText(path)
  if (present !== undefined) return present
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(32).toString('hex')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(folder)
  return (await readText(path)) ?? ''
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    // A copy or a restore may have opened it to others.
    await chmod(path, 0o600)
    return text.trim()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
