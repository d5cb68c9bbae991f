/** Whoever takes a turn holds it until it calls what it was given; the others wait in line. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Waits for the turns taken before, and answers how to end this one. */
  async take(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.#last
    this.#last = promise
    await before
    return resolve
  }
}
