import type { StreamingRead } from '@eventstore/db-client'
import { Late } from '../../within.ts'

/**
 * All that a read hands out; it fails as `Late` when nothing comes for `milliseconds`, for the client sets no deadline on reads, and
 * with the signal's reason when it is aborted.
 */
export async function collect<T>(
  reading: StreamingRead<T>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<readonly T[]> {
  // It may fail once more after it was left: an error that nobody listens to would end the process.
  reading.on('error', () => {})
  const silence = setTimeout(() => reading.destroy(new Late(milliseconds)), milliseconds)
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
