/** Wakes whoever waits for news. What rings between a look and the wait for the next is not missed: remember `rung` before the look. */
export class Bell {
  rung = 0
  #waiting = new Set<() => void>()

  ring(): void {
    this.rung++
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  /** Resolves when it has rung more often than `rung` times, after `milliseconds` at the latest, or when `signal` is aborted. */
  next(rung: number, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.rung !== rung || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      signal.addEventListener('abort', wake)
      this.#waiting.add(wake)
    })
  }
}
