/**
 * Keeps what was used last: all of the last `most` / 2 keys that were used, and at most `most` in all.
 *
 * Two maps take turns: what is used goes to the young one, and when that is half full it becomes the old one, whose rest is forgotten.
 * A single map in which each use deletes and sets the key again is slow: the places of the deleted ones stay until it is laid out anew.
 */
export class Recent<K, V> {
  readonly #half: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  constructor(most: number) {
    this.#half = Math.ceil(most / 2)
  }

  /** What is kept of the key, which counts as a use. */
  get(key: K): V | undefined {
    const found = this.peek(key)
    if (found !== undefined && !this.#young.has(key)) this.set(key, found)
    return found
  }

  /** What is kept of the key; it may be forgotten as if nobody had asked. */
  peek(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: K, value: V): void {
    this.#young.set(key, value)
    if (this.#young.size < this.#half) return
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
