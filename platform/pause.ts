import { setTimeout } from 'node:timers/promises'

/** Resolves after `milliseconds`, or at once when `signal` is aborted. It alone keeps no process alive. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal, ref: false }).catch(() => {})
}

/** Resolves when `signal` is aborted, at once when it already is. */
export function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
