/**
 * Batches of all that was read while the consumer worked on the last one: never a wait for more, and reading stops while
 * `most` lie ready. The source is ended by its own signal.
 */
export async function* readAhead<T>(source: AsyncIterable<readonly T[]>, most: number): AsyncGenerator<readonly T[]> {
  let ready: T[] = []
  const consumer = { left: false }
  let end: { error?: unknown } | undefined
  let changed = Promise.withResolvers<void>()
  function change() {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  void (async () => {
    try {
      for await (const batch of source) {
        ready.push(...batch)
        change()
        while (ready.length >= most && !consumer.left) await changed.promise
        if (consumer.left) break
      }
      end = {}
    } catch (error) {
      end = { error }
    }
    change()
  })()

  try {
    for (;;) {
      if (ready.length > 0) {
        const batch = ready
        ready = []
        change()
        yield batch
      } else if (end === undefined) await changed.promise
      else if ('error' in end) throw end.error
      else return
    }
  } finally {
    consumer.left = true
    change()
  }
}
