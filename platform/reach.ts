import type { Log } from './log.ts'
import { aborted, pause } from './pause.ts'
import { Unavailable } from './unavailable.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000

/** Whether a server could not be reached: adapters and those who use them wrap what their clients throw. */
export function outageOf(error: unknown): Unavailable | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof Unavailable) return at
  }
  return undefined
}

/**
 * Does `work`, and does it again, with growing pauses, as long as a server that it needs is away; `waiting` is told for whom, each time.
 * Any other failure is thrown, and so is the reason of `signal` when it is aborted meanwhile.
 */
export async function untilReached<T>(
  work: () => Promise<T>,
  { log, signal, waiting }: { log: Log; signal: AbortSignal; waiting: (reason: string) => void },
): Promise<T> {
  const interrupted = aborted(signal).then((): never => {
    throw signal.reason
  })
  interrupted.catch(() => {})
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted()
    try {
      // A server that neither answers nor refuses holds up nobody who wants to go.
      return await Promise.race([work(), interrupted])
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const outage = outageOf(error)
      if (outage === undefined) throw error
      log.warn({ reason: outage.message, again_in_ms: wait }, 'waiting for a server that is not available')
      waiting(outage.message)
      await pause(wait, signal)
    }
  }
}
