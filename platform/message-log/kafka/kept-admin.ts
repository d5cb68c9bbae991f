import type { Admin } from 'kafkajs'
import type { Link, OpenLink, Patience } from './link.ts'

/** An admin client that is connected at its first use, and made anew after it failed. */
export type KeptAdmin = Readonly<{
  use<T>(work: (admin: Admin) => Promise<T>): Promise<T>
  stop(): void
}>

export function keptAdmin(open: OpenLink, patience: Patience): KeptAdmin {
  type Connected = Link & { admin: Admin }
  let current: Promise<Connected> | undefined
  let connects = 0
  let stopped = false

  async function connect(): Promise<Connected> {
    // With another one each time: who has few tries may meet the one that is away at each.
    const link = await open(patience, connects++)
    const admin = link.kafka.admin()
    try {
      await admin.connect()
      if (stopped) throw new Error('the message log is stopped')
      return { ...link, admin }
    } catch (error) {
      link.cut()
      throw error
    }
  }

  function forget(used: Promise<Connected> | undefined): void {
    if (used !== undefined && current === used) current = undefined
    used?.then(
      ({ cut }) => cut(),
      () => {},
    )
  }

  return {
    async use(work) {
      const used = (current ??= connect())
      try {
        return await work((await used).admin)
      } catch (error) {
        forget(used)
        throw error
      }
    },
    stop() {
      stopped = true
      forget(current)
    },
  }
}
