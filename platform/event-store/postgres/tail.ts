import type { Recorded } from '../../../contracts/core.ts'

/** What the tail keeps at most: enough for a follower that works through a batch of its own meanwhile. */
const MOST_EVENTS = 2_000
const MOST_BYTES = 8 * 1024 * 1024

type Chunk = Readonly<{ first: number; events: readonly Recorded[]; bytes: number }>

/**
 * The newest events that this process has appended itself, without gap: followers that are near the log's end need not read them back.
 * Whatever another process appends between breaks the chain, and the tail begins anew after it.
 */
export class Tail {
  #chunks: Chunk[] = []
  #events = 0
  #bytes = 0
  #next = 0

  /** `events` stand at `first` and the positions after it; `bytes` is what they weigh. */
  push(first: number, events: readonly Recorded[], bytes: number): void {
    if (first !== this.#next) {
      this.#chunks = []
      this.#events = 0
      this.#bytes = 0
    }
    this.#chunks.push({ first, events, bytes })
    this.#next = first + events.length
    this.#events += events.length
    this.#bytes += bytes
    while (this.#events > MOST_EVENTS || this.#bytes > MOST_BYTES) {
      const oldest = this.#chunks.shift()
      if (oldest === undefined) break
      this.#events -= oldest.events.length
      this.#bytes -= oldest.bytes
    }
  }

  /** Whether the event at `position` is the last of it. */
  endsAt(position: number): boolean {
    return this.#chunks.length > 0 && this.#next === position + 1
  }

  /** Up to `most` events right after position `after`; empty when the tail does not hold the very next one. */
  after(after: number, most: number): readonly Recorded[] {
    const next = after + 1
    if (next >= this.#next || next < (this.#chunks[0]?.first ?? this.#next)) return []
    const start = this.#chunks.findLastIndex((chunk) => chunk.first <= next)
    const found: Recorded[] = []
    for (const chunk of this.#chunks.slice(start)) {
      found.push(
        ...chunk.events.slice(Math.max(0, next - chunk.first), Math.max(0, next - chunk.first) + most - found.length),
      )
      if (found.length >= most) break
    }
    return found
  }
}
