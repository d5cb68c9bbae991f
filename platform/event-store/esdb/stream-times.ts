import type { Recorded, StreamId } from '../../../contracts/core.ts'

/** Streams whose last time is remembered. */
const MOST_STREAMS = 10_000

/** When the newest event that was seen of each stream happened; those that were not seen for longest are forgotten. */
export class StreamTimes {
  readonly #newest = new Map<StreamId, { revision: bigint; at: string }>()

  saw({ stream, revision, at }: Recorded): void {
    const known = this.#newest.get(stream)
    if (known !== undefined && known.revision > revision) return
    this.#newest.delete(stream)
    this.#newest.set(stream, { revision, at })
    if (this.#newest.size <= MOST_STREAMS) return
    const [oldest] = this.#newest.keys()
    if (oldest !== undefined) this.#newest.delete(oldest)
  }

  /** The time of the event at `revision`, if it is the newest that was seen. */
  at(stream: StreamId, revision: bigint): string | undefined {
    const known = this.#newest.get(stream)
    return known?.revision === revision ? known.at : undefined
  }
}
