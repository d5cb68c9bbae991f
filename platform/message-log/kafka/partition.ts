/** Unhandled messages of one partition, or bytes of them, beyond which no more is fetched of it. */
const MOST_MESSAGES = 1_000
const MOST_BYTES = 4 * 1024 * 1024

/** What a consumer knows of a partition that it was given: how far it has fetched, and what of that is not handled yet. */
export class Partition {
  /** Bytes by offset, in the order of the offsets: the first is the oldest. */
  readonly #unhandled = new Map<number, number>()
  #bytes = 0
  #next: number | undefined
  committed: number | undefined

  /** The offset after the last that was fetched; undefined before the first. */
  get next(): number | undefined {
    return this.#next
  }

  /** The offset that the group goes on from: all before it is handled. */
  get position(): number | undefined {
    const [oldest] = this.#unhandled.keys()
    return oldest ?? this.#next
  }

  get full(): boolean {
    return this.#unhandled.size >= MOST_MESSAGES || this.#bytes >= MOST_BYTES
  }

  /** Enough is handled to fetch more: not at each message, for stopping and going on costs a round. */
  get roomy(): boolean {
    return this.#unhandled.size <= MOST_MESSAGES / 2 && this.#bytes <= MOST_BYTES / 2
  }

  add(offset: number, bytes: number): void {
    this.#unhandled.set(offset, bytes)
    this.#bytes += bytes
  }

  fetchedUpTo(offset: number): void {
    this.#next = offset + 1
  }

  handled(offset: number): void {
    this.#bytes -= this.#unhandled.get(offset) ?? 0
    this.#unhandled.delete(offset)
  }
}
