/** Chance that can be had again: the same seed gives the same draws. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** Whether what happens in `share` of all cases happens. */
  happens(share: number): boolean {
    return this.next() < share
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.between(0, from.length - 1)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  shuffled<T>(from: readonly T[]): T[] {
    return from
      .map((each) => [this.next(), each] as const)
      .toSorted(([one], [other]) => one - other)
      .map(([, each]) => each)
  }

  /** A generator of one's own: what others draw meanwhile does not change its draws. */
  own(): Chance {
    return new Chance(this.between(0, 2 ** 32 - 1))
  }
}
