/** A bounded number of places for work under way. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(places: number) {
    this.#free = places
  }

  /** Resolves when a place is free, in the order of asking; false when `signal` is aborted before. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    if (this.#free > 0) {
      this.#free--
      return true
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const mine = (): void => resolve(true)
    const leave = (): void => {
      const at = this.#waiting.indexOf(mine)
      if (at < 0) return
      this.#waiting.splice(at, 1)
      resolve(false)
    }
    this.#waiting.push(mine)
    signal.addEventListener('abort', leave, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', leave))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
