import { setImmediate, setTimeout } from 'node:timers/promises'

/**
 * What a stream of objects holds, in batches of at most `most`: each is what is there, with what arrives in the turns of the event loop
 * that bring more, and with what comes within `patience` (milliseconds) after its first. Ends, and fails, as the stream does.
 */
export async function* batches<T>(
  source: AsyncIterable<T> & { read(): unknown },
  most: number,
  patience: () => number,
): AsyncGenerator<Awaited<T>[]> {
  for await (const first of source) {
    const batch = [first]
    const end = performance.now() + patience()
    for (let grows = true; batch.length < most && (grows || performance.now() < end);) {
      const before = batch.length
      await (grows ? setImmediate() : setTimeout(1))
      while (batch.length < most) {
        const next = source.read() as Awaited<T> | null
        if (next === null) break
        batch.push(next)
      }
      grows = batch.length > before
    }
    yield batch
  }
}
