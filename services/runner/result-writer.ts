/** The serial writer of one attempt at a run. */
export type ResultWriter<R> = Readonly<{
  /** Takes a result, which is written as soon as those before it are; resolves then. Rejects with what kept it from being written. */
  add(result: R): Promise<void>
  /** Resolves when nothing is under way any more, written or not. */
  settled(): Promise<void>
}>

/**
 * Writes results in the order in which they come, one call at a time: what comes while a call is under way makes up the next, and nothing
 * waits for more to come. After a failure nothing is written any more.
 */
export function createResultWriter<R>(write: (results: readonly R[]) => Promise<void>): ResultWriter<R> {
  type Waiting = Readonly<{ result: R; resolve: () => void; reject: (reason: unknown) => void }>
  let waiting: Waiting[] = []
  let drained: Promise<void> | undefined
  let failure: { reason: unknown } | undefined

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        if (!failure) await write(batch.map(({ result }) => result))
      } catch (reason) {
        failure = { reason }
      }
      for (const { resolve, reject } of batch) {
        if (failure) reject(failure.reason)
        else resolve()
      }
    }
    drained = undefined
  }

  return {
    add(result) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      // Who takes the next result hears of it; nobody may be waiting yet.
      promise.catch(() => {})
      waiting.push({ result, resolve, reject })
      drained ??= drain()
      return promise
    },
    settled: () => drained ?? Promise.resolve(),
  }
}
