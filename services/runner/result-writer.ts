/** The serial writer of one attempt at a run. */
export type ResultWriter<R> = Readonly<{
  /** Takes a result; it is written as soon as those before it are. */
  add(result: R): void
  /** Resolves when at most `most` of those taken are not written yet. Rejects with what kept one from being written. */
  unwrittenAtMost(most: number): Promise<void>
  /** Resolves when nothing is under way any more, written or not. */
  settled(): Promise<void>
}>

/**
 * Writes results in their order, one call at a time: what is taken while a call is under way makes up the next, and nothing waits for
 * more to come. After a failure nothing is written any more.
 */
export function createResultWriter<R>(write: (results: readonly R[]) => Promise<void>): ResultWriter<R> {
  let waiting: R[] = []
  let writing: readonly R[] = []
  let drained: Promise<void> = Promise.resolve()
  let failure: { reason: unknown } | undefined
  let watchers: (() => void)[] = []

  async function drain(): Promise<void> {
    while (waiting.length > 0 && !failure) {
      writing = waiting
      waiting = []
      try {
        await write(writing)
        writing = []
      } catch (reason) {
        failure = { reason }
      }
      const watching = watchers
      watchers = []
      for (const look of watching) look()
    }
  }

  return {
    add(result) {
      waiting.push(result)
      if (waiting.length === 1 && writing.length === 0) drained = drain()
    },

    async unwrittenAtMost(most) {
      for (;;) {
        if (failure) throw failure.reason
        if (waiting.length + writing.length <= most) return
        await new Promise<void>((resolve) => watchers.push(resolve))
      }
    },

    settled: () => drained,
  }
}
