import { setTimeout as pause } from 'node:timers/promises'

/** Asks again and again until it is so, 15 s long: `what` names what is waited for. Throws then. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await pause(10)
  }
}
