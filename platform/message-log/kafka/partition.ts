/** Unhandled messages of one partition, or bytes of them, beyond which no more is fetched of it: those that fail are not counted here. */
const MOST_MESSAGES = 1_000
const MOST_BYTES = 4 * 1024 * 1024
/** With those that fail, which must not keep others waiting as long as memory allows. */
const MOST_MESSAGES_IN_ALL = 4_000
const MOST_BYTES_IN_ALL = 16 * 1024 * 1024

type Load = { messages: number; bytes: number }

/** What a consumer knows of a partition that it was given: how far it has fetched, and what of that is not handled yet. */
export class Partition {
  /** By offset, in the order of the offsets: the first is the oldest. */
  readonly #unhandled = new Map<number, Readonly<{ bytes: number; lane: string }>>()
  /** What waits in each lane. Those of a failing one wait for its first. */
  readonly #lanes = new Map<string, Load>()
  readonly #failing = new Set<string>()
  readonly #all: Load = { messages: 0, bytes: 0 }
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

  /** Whether some of what it has was tried in vain, and not handled since. */
  get failing(): boolean {
    return this.#failing.size > 0
  }

  get full(): boolean {
    return !this.#within(1)
  }

  /** Enough is handled to fetch more: not at each message, for stopping and going on costs a round. */
  get roomy(): boolean {
    return this.#within(1 / 2)
  }

  #within(share: number): boolean {
    const { messages, bytes } = this.#moving()
    const under = (load: number, most: number): boolean => (share === 1 ? load < most : load <= most * share)
    return (
      under(messages, MOST_MESSAGES) &&
      under(bytes, MOST_BYTES) &&
      under(this.#all.messages, MOST_MESSAGES_IN_ALL) &&
      under(this.#all.bytes, MOST_BYTES_IN_ALL)
    )
  }

  /** What is on its way: all that waits for none that fails. */
  #moving(): Readonly<Load> {
    const moving = { ...this.#all }
    for (const lane of this.#failing) {
      const { messages, bytes } = this.#lanes.get(lane) ?? { messages: 0, bytes: 0 }
      moving.messages -= messages
      moving.bytes -= bytes
    }
    return moving
  }

  add(offset: number, bytes: number, lane: string): void {
    this.#unhandled.set(offset, { bytes, lane })
    const load = this.#lanes.get(lane) ?? { messages: 0, bytes: 0 }
    this.#lanes.set(lane, load)
    for (const one of [load, this.#all]) {
      one.messages++
      one.bytes += bytes
    }
  }

  fetchedUpTo(offset: number): void {
    this.#next = offset + 1
  }

  handled(offset: number): void {
    const { bytes, lane } = this.#unhandled.get(offset) ?? {}
    if (bytes === undefined || lane === undefined) return
    this.#unhandled.delete(offset)
    this.#failing.delete(lane)
    const load = this.#lanes.get(lane)
    for (const one of [load, this.#all]) {
      if (one === undefined) continue
      one.messages--
      one.bytes -= bytes
    }
    if (load?.messages === 0) this.#lanes.delete(lane)
  }

  /** The first of this lane was tried in vain. */
  failed(lane: string): void {
    if (this.#lanes.has(lane)) this.#failing.add(lane)
  }
}
