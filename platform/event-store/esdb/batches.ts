import { setImmediate } from 'node:timers/promises'

/**
 * What a stream of objects holds, in batches of at most `most`: each is what is there, with what arrives in the turns of the event loop
 * that bring more. Ends, and fails, as the stream does.
 */
export async function* batches<T>(
  source: AsyncIterable<T> & { read(): unknown },
  most: number,
): AsyncGenerator<Awaited<T>[]> {
  for await (const first of source) {
    const batch = [first]
    for (let before = 0; before < batch.length && batch.length < most;) {
      before = batch.length
      await setImmediate()
      while (batch.length < most) {
        const next = source.read() as Awaited<T> | null
        if (next === null) break
        batch.push(next)
      }
    }
    yield batch
  }
}
