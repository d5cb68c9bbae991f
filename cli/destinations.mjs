import { constants, fstatSync } from 'node:fs'
import { access, lstat, mkdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'

/** Where what is written goes, by what is there already. */

/**
 * `file`: nothing, or a regular file, at `path`, which no link leads on from: it may be removed and replaced.
 * `output`: what this process itself writes into. `device`, `pipe`: what is no file: it is written into as it is, and never replaced.
 *
 * @typedef {Readonly<{ kind: 'file', path: string }>} File
 * @typedef {Readonly<{ kind: 'device' | 'pipe', path: string }> | Readonly<{ kind: 'output', stream: NodeJS.WriteStream }>} Sink
 * @typedef {Readonly<{ identity: string }> & (File | Sink)} Destination `identity` is the same for what is the same
 */

/**
 * Follows symbolic links, those that lead to nothing yet too, and makes the folders.
 *
 * @param {string} path
 * @returns {Promise<Destination>}
 * @throws {Error} when nothing can be written there
 */
export async function destinationOf(path) {
  await mkdir(dirname(path), { recursive: true })
  const found = await ifThere(stat(path))
  if (found?.isDirectory() || path.endsWith('/')) throw new Error('it is a folder')
  const identity = found ? `${found.dev}:${found.ino}` : ''
  // Before all else: it may have been redirected into a file, which must not be replaced under whoever writes into it.
  const stream = [process.stdout, process.stderr].find(({ fd }) => identity !== '' && identity === identityOf(fd))
  if (stream) return { identity, kind: 'output', stream }
  if (found === undefined || found.isFile()) {
    const place = await followed(path)
    return { identity: place, kind: 'file', path: place }
  }
  if (found.isSocket()) throw new Error('it is a socket')
  await access(path, constants.W_OK)
  return { identity, kind: found.isFIFO() ? 'pipe' : 'device', path }
}

/** @param {number} fd */
function identityOf(fd) {
  try {
    const { dev, ino } = fstatSync(fd)
    return `${dev}:${ino}`
  } catch {
    // It was closed by whoever started this.
    return undefined
  }
}

/**
 * @param {string} path
 * @returns {Promise<string>} what no link leads on from
 */
async function followed(path) {
  const place = join(await realpath(dirname(path)), basename(path))
  const found = await ifThere(lstat(place))
  if (!found?.isSymbolicLink()) return place
  const target = await readlink(place)
  const next = isAbsolute(target) ? target : `${dirname(place)}/${target}`
  await mkdir(dirname(next), { recursive: true })
  return followed(next)
}

/**
 * @template T
 * @param {Promise<T>} looking
 * @returns {Promise<T | undefined>}
 */
async function ifThere(looking) {
  try {
    return await looking
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw error
  }
}
