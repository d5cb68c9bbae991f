import { mkdtemp, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { destinationOf } from './destinations.mjs'
import { Interrupted, Refused, Unwritable, UsageError, wordsOf } from './failures.mjs'
import { pour } from './streams.mjs'

/** Reports as files. Who looks finds none or the whole one of this run: never a part, and never that of a run before. */

/**
 * @typedef {Readonly<{ format: 'junit' | 'html', path: string }>} ReportFile
 * @typedef {Readonly<{ file: ReportFile, destination: import('./destinations.mjs').Destination }>} PreparedFile
 */

/**
 * Fails when a report could not be written, before anything is run for it. Makes the folders, and removes what was there: when the
 * run comes to nothing, the report of an earlier one must not be taken for its own.
 *
 * @param {readonly ReportFile[]} files
 * @returns {Promise<readonly PreparedFile[]>}
 * @throws {Unwritable | UsageError} after all were tried
 */
export async function prepareFiles(files) {
  const prepared = await forEach(files, (file) =>
    written(file, async () => ({ file, destination: await destinationOf(file.path) })),
  )
  const [one, ...others] = prepared.done
  const twin = others.find(({ destination }) => destination.identity === one?.destination.identity)
  if (one && twin) throw new UsageError(`${named(one.file)} and ${named(twin.file)} are the same file`)
  const cleared = await forEach(prepared.done, clear)
  failWith([...prepared.failures, ...cleared.failures])
  return prepared.done
}

/** @param {PreparedFile} prepared */
async function clear({ file, destination }) {
  if (destination.kind !== 'file') return
  const { path } = destination
  const temporary = besides(path, file)
  await written(
    file,
    async () => {
      const handle = await open(temporary, 'w')
      await handle.close()
      await rm(temporary)
      await rm(path, { force: true })
    },
    temporary,
  )
}

/**
 * @param {number} record
 * @param {readonly PreparedFile[]} files
 * @param {Readonly<{ platform: import('./platform.mjs').Platform, interruption: import('./interruption.mjs').Interruption }>} tools
 * @throws {Unwritable} after all were tried
 */
export async function saveReports(record, files, { platform, interruption }) {
  const { failures } = await forEach(files, async ({ file, destination }) => {
    /** @param {string} temporary */
    const fetched = (temporary) => fetchReport(record, { file, temporary }, platform)
    if (destination.kind === 'file') return replace(file, destination, fetched)
    await fill(file, destination, { fetched, signal: interruption.asked })
  })
  failWith(failures)
}

/**
 * @param {ReportFile} file
 * @param {import('./destinations.mjs').File} destination
 * @param {(temporary: string) => Promise<void>} fetched
 */
async function replace(file, { path }, fetched) {
  const temporary = besides(path, file)
  try {
    await fetched(temporary)
    await written(file, () => rename(temporary, path), temporary)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/**
 * What was written there cannot be taken back: it is begun when the whole report has come.
 *
 * @param {ReportFile} file
 * @param {import('./destinations.mjs').Sink} sink
 * @param {Readonly<{ fetched: (temporary: string) => Promise<void>, signal: AbortSignal }>} more
 */
async function fill(file, sink, { fetched, signal }) {
  const prefix = join(tmpdir(), 'testledger-')
  const folder = await written(file, () => mkdtemp(prefix), prefix)
  const temporary = join(folder, file.format)
  try {
    await fetched(temporary)
    await written(file, () => pour(temporary, sink, signal), temporary)
  } catch (error) {
    throw signal.aborted ? new Interrupted() : error
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

/**
 * @param {number} record
 * @param {Readonly<{ file: ReportFile, temporary: string }>} where
 * @param {import('./platform.mjs').Platform} platform
 */
async function fetchReport(record, { file, temporary }, platform) {
  try {
    await platform.download(`/api/testTask/report/${record}/?export=${file.format}`, async (parts) => {
      const handle = await written(file, () => open(temporary, 'w'), temporary)
      try {
        for await (const part of parts) await written(file, () => handle.appendFile(part), temporary)
        // What is renamed before it is on the disk may be empty after a crash.
        await written(file, () => handle.sync(), temporary)
      } finally {
        await handle.close()
      }
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    throw new Unwritable(`${named(file)} cannot be had: ${error.message} (${error.status})`)
  }
}

/**
 * Does the work for each, whatever comes of the others.
 *
 * @template T, U
 * @param {readonly T[]} all
 * @param {(one: T) => Promise<U>} work
 */
async function forEach(all, work) {
  /** @type {U[]} */
  const done = []
  /** @type {string[]} */
  const failures = []
  for (const one of all) {
    try {
      done.push(await work(one))
    } catch (error) {
      if (!(error instanceof Unwritable)) throw error
      failures.push(error.message)
    }
  }
  return { done, failures }
}

/** @param {readonly string[]} failures */
function failWith(failures) {
  if (failures.length > 0) throw new Unwritable(failures.join('; '))
}

/**
 * @template T
 * @param {ReportFile} file
 * @param {() => Promise<T>} work
 * @param {string} [temporary] a name that nobody asked for, and nobody is told
 * @returns {Promise<T>}
 */
async function written(file, work, temporary) {
  try {
    return await work()
  } catch (error) {
    const words = wordsOf(error)
    const hidden = temporary !== undefined && words.includes(temporary)
    throw new Unwritable(`${named(file)} cannot be written: ${hidden ? words.replace(SYSTEM_CALL, '') : words}`)
  }
}

/** What Node adds to a failure: `, open '/a/b'`. */
const SYSTEM_CALL = /, [a-z]+ '.*'$/

/** @param {ReportFile} file */
function named({ format, path }) {
  return `--${format} ${path}`
}

/**
 * @param {string} path
 * @param {ReportFile} file
 */
function besides(path, { format }) {
  return join(dirname(path), `.testledger.${process.pid}.${format}.part`)
}
