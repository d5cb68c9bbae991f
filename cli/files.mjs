import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Refused, Unwritable, wordsOf } from './failures.mjs'

/** Reports as files. Who looks finds the file of before or the whole new one, never a part. */

/** @typedef {Readonly<{ format: 'junit' | 'html', path: string }>} ReportFile */

/**
 * Fails when a report could not be written, before anything is run for it. Makes the folders.
 *
 * @param {readonly ReportFile[]} files
 * @throws {Unwritable}
 */
export async function prepareFiles(files) {
  for (const file of files) {
    await written(file, async () => {
      await mkdir(dirname(file.path), { recursive: true })
      if (await isFolder(file.path)) throw new Error('it is a folder')
      const handle = await open(besides(file), 'w')
      await handle.close()
      await rm(besides(file))
    })
  }
}

/**
 * @param {number} record
 * @param {readonly ReportFile[]} files
 * @param {import('./platform.mjs').Platform} platform
 * @throws {Unwritable} after all were tried
 */
export async function saveReports(record, files, platform) {
  /** @type {string[]} */
  const failures = []
  for (const file of files) {
    await saveReport(record, file, platform).catch((/** @type {unknown} */ error) => {
      if (!(error instanceof Unwritable)) throw error
      failures.push(error.message)
    })
  }
  if (failures.length > 0) throw new Unwritable(failures.join('; '))
}

/**
 * @param {number} record
 * @param {ReportFile} file
 * @param {import('./platform.mjs').Platform} platform
 */
async function saveReport(record, file, platform) {
  try {
    await platform.download(`/api/testTask/report/${record}/?export=${file.format}`, async (parts) => {
      const handle = await written(file, () => open(besides(file), 'w'))
      try {
        for await (const part of parts) await written(file, () => handle.appendFile(part))
        // What is renamed before it is on the disk may be empty after a crash.
        await written(file, () => handle.sync())
      } finally {
        await handle.close()
      }
    })
    await written(file, () => rename(besides(file), file.path))
  } catch (error) {
    await rm(besides(file), { force: true }).catch(() => {})
    if (!(error instanceof Refused)) throw error
    throw new Unwritable(`--${file.format} ${file.path} cannot be had: ${error.message} (${error.status})`)
  }
}

/**
 * @template T
 * @param {ReportFile} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function written({ format, path }, work) {
  try {
    return await work()
  } catch (error) {
    throw new Unwritable(`--${format} ${path} cannot be written: ${wordsOf(error)}`)
  }
}

/** @param {ReportFile} file */
function besides({ path }) {
  return join(dirname(path), `.${basename(path)}.${process.pid}.part`)
}

/** @param {string} path */
async function isFolder(path) {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
