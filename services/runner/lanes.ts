/** What one lane does with an item. Lanes go side by side, a lane does one thing at a time. */
export type Lane<T> = Readonly<{
  /** What of it must be done while nothing else goes on. */
  alone(item: T): Promise<void>
  rest(item: T): Promise<void>
  close(): Promise<void>
}>

/**
 * Takes `items` in their order in so many lanes. At first, one after the other, what of the first ones is to be done alone; those behind
 * them must have nothing of that kind. A lane that fails stops the others by `failing`; then rejects with the first failure.
 */
export async function inLanes<T>(
  items: readonly T[],
  width: number,
  openLane: () => Lane<T>,
  failing: AbortController,
): Promise<void> {
  const waiting = items.slice(width)
  const lanes = items.slice(0, width).map((first) => ({ first, lane: openLane() }))
  try {
    for (const { first, lane } of lanes) await lane.alone(first)
    await Promise.all(
      lanes.map(async ({ first, lane }) => {
        try {
          for (let item: T | undefined = first; item !== undefined && !failing.signal.aborted; item = waiting.shift()) {
            await lane.rest(item)
          }
        } catch (reason) {
          failing.abort(reason)
        }
      }),
    )
  } finally {
    await Promise.all(lanes.map(({ lane }) => lane.close()))
  }
  failing.signal.throwIfAborted()
}
