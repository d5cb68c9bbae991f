import { constants, createReadStream, createWriteStream, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds between two looks at whether somebody reads from a pipe. */
const LOOK = 200

/**
 * Writes a file into what is no file.
 *
 * @param {string} file
 * @param {import('./destinations.mjs').Sink} sink
 * @param {AbortSignal} signal ends it, also while nobody reads
 */
export async function pour(file, sink, signal) {
  if (sink.kind === 'output') {
    // The process goes on to write there: it is not ended.
    return pipeline(createReadStream(file), (parts) => writeAll(parts, sink.stream), { signal })
  }
  const stream = sink.kind === 'pipe' ? await openPipe(sink.path, signal) : openDevice(sink.path)
  await pipeline(createReadStream(file), stream, { signal })
}

/**
 * @param {AsyncIterable<Uint8Array>} parts
 * @param {NodeJS.WriteStream} stream
 */
async function writeAll(parts, stream) {
  for await (const part of parts) {
    await new Promise((resolve, reject) => {
      stream.write(part, (error) => (error ? reject(error) : resolve(undefined)))
    })
  }
}

/**
 * Waits until somebody reads. An ordinary open would wait as well, but in a thread that keeps the process from being ended.
 *
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function openPipe(path, signal) {
  for (;;) {
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENXIO') throw error
    }
    await sleep(LOOK, undefined, { signal })
  }
}

/** @param {string} path a terminal must not become that of this process */
function openDevice(path) {
  return createWriteStream(path, { fd: openSync(path, constants.O_WRONLY | constants.O_NOCTTY) })
}
