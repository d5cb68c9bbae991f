import { type Position, type Recorded, START } from '../../contracts/core.ts'
import type { EventStore } from './port.ts'

/** What a log holds behind `after` (exclusive) up to `upTo` (inclusive, a position of an event), in batches; then it ends. */
export async function* eventsUpTo(
  store: Pick<EventStore, 'follow'>,
  upTo: Position,
  { after = START, signal = new AbortController().signal }: { after?: Position; signal?: AbortSignal } = {},
): AsyncGenerator<readonly Recorded[]> {
  if (upTo <= after) return
  for await (const batch of store.follow(after, signal)) {
    const within = batch.filter(({ position }) => position <= upTo)
    if (within.length > 0) yield within
    if ((batch.at(-1)?.position ?? START) >= upTo) return
  }
  signal.throwIfAborted()
}
