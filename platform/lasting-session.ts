import { DatabaseUnavailable, type Session } from './sql.ts'

/** One session of a kind: opened at its first use and again at the first use after it was lost. */
export interface LastingSession {
  /** What was under way when the connection was lost throws `DatabaseUnavailable`; it is not tried again. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export function lastingSession(open: () => Promise<Session>): LastingSession {
  let current: Promise<Session> | undefined

  function reach(): Promise<Session> {
    if (current !== undefined) return current
    const opening = open()
    const forget = () => {
      if (current === opening) current = undefined
    }
    current = opening
    opening.then((session) => session.lost.then(forget)).catch(forget)
    return opening
  }

  return {
    async use(work) {
      const reached = reach()
      try {
        return await work(await reached)
      } catch (error) {
        // A server that goes down answers what is under way with an error before it hangs up: the session is lost already.
        if (error instanceof DatabaseUnavailable && current === reached) current = undefined
        throw error
      }
    },
    async close() {
      const session = await current?.catch(() => undefined)
      current = undefined
      await session?.close()
    },
  }
}
