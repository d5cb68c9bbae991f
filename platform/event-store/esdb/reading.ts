import type { StreamingRead } from '@eventstore/db-client'

/** The server has not answered in time. */
export class Silence extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`)
    this.name = 'Silence'
  }
}

/**
 * All that a read hands out; it fails as `Silence` when nothing comes for `milliseconds`, for the client sets no deadline on reads, and
 * with the signal's reason when it is aborted.
 */
export async function collect<T>(
  reading: StreamingRead<T>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<readonly T[]> {
  // It may fail once more after it was left: an error that nobody listens to would end the process.
  reading.on('error', () => {})
  const silence = setTimeout(() => reading.destroy(new Silence(milliseconds)), milliseconds)
  const stop = (): void => void reading.destroy(signal.reason as Error)
  signal.addEventListener('abort', stop)
  const found: T[] = []
  try {
    signal.throwIfAborted()
    for await (const item of reading) {
      found.push(item)
      silence.refresh()
    }
    return found
  } catch (error) {
    reading.cancel().catch(() => {})
    throw error
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
  }
}

/** What a call answers; it fails as `Silence` after `milliseconds`, for the client looks for a cluster's leader without a deadline. */
export async function within<T>(milliseconds: number, call: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const silence = setTimeout(() => reject(new Silence(milliseconds)), milliseconds)
  try {
    return await Promise.race([call, promise])
  } finally {
    clearTimeout(silence)
  }
}
