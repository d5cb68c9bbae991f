import { setImmediate } from 'node:timers/promises'

export type Gathering<T> = Readonly<{
  /** Items of one call at most. */
  most: number
  /** Items of one key go to different calls, in the order in which they came. */
  key?: (item: T) => unknown
  /** What an item weighs; a call is full at `mostWeight`, and takes one item however heavy. */
  weight?: (item: T) => number
  mostWeight?: number
}>

export type Gathered<T, R> = ((item: T) => Promise<R>) &
  Readonly<{
    /** Resolves when nothing waits and no call is under way. */
    idle(): Promise<void>
  }>

/**
 * Turns a call for many into a function for one: what comes while a call is under way makes up the next. Nothing waits on a timer, and
 * one call is under way at a time. `call` answers one result for each item, in their order; when it throws, all its items fail alike.
 */
export function gather<T, R>(
  call: (items: readonly T[]) => Promise<readonly R[]>,
  { most, key, weight = () => 1, mostWeight = Number.POSITIVE_INFINITY }: Gathering<T>,
): Gathered<T, R> {
  type Waiting = { item: T; resolve: (result: R) => void; reject: (error: unknown) => void }
  /** First come, first served: a key that still has items after its turn goes to the end. */
  const queues = new Map<unknown, Waiting[]>()
  let draining: Promise<void> | undefined
  /** The last call carried one item, and nobody came meanwhile. */
  let alone = true

  function take(): Waiting[] {
    const batch: Waiting[] = []
    const left: [unknown, Waiting[]][] = []
    let weighs = 0
    for (const [name, queue] of queues) {
      const first = queue[0]
      if (first === undefined) continue
      weighs += weight(first.item)
      if (batch.length > 0 && (batch.length >= most || weighs > mostWeight)) break
      batch.push(first)
      queues.delete(name)
      if (queue.length > 1) left.push([name, queue.slice(1)])
    }
    for (const [name, queue] of left) queues.set(name, queue)
    return batch
  }

  async function drain(): Promise<void> {
    while (queues.size > 0) {
      // Whoever has just been answered, or arrives with the same turn of the event loop, travels with this call. Those who keep coming
      // alone are not kept waiting for the turn's end: what is asked for at once still travels together.
      await (alone ? Promise.resolve() : setImmediate())
      const batch = take()
      try {
        const results = await call(batch.map(({ item }) => item))
        if (results.length !== batch.length) throw new Error(`${batch.length} items got ${results.length} results`)
        results.forEach((result, index) => batch[index]?.resolve(result))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      alone = batch.length === 1 && queues.size === 0
    }
    draining = undefined
  }

  const gathered = (item: T) =>
    new Promise<R>((resolve, reject) => {
      const waiting = { item, resolve, reject }
      const name = key === undefined ? waiting : key(item)
      const queue = queues.get(name)
      if (queue === undefined) queues.set(name, [waiting])
      else queue.push(waiting)
      draining ??= drain()
    })
  return Object.assign(gathered, { idle: () => draining ?? Promise.resolve() })
}
