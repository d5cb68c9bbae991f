const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 5_000

/** Keys that one consumer handles at the same time. A key that waits for its next try is not counted. */
export const MOST_KEYS = 64

type Queue<T> = {
  readonly items: T[]
  state: 'ready' | 'begun' | 'pausing'
  /** Milliseconds that the key waits after its next failure. */
  pause: number
  timer?: NodeJS.Timeout
}

/**
 * Items that wait for their turn, those of one key in order. A key is in one of three situations: `ready` (its first item may be begun),
 * begun, or pausing after a failure. Only the first item of a key is ever begun. `onReady` is called when a key gets ready.
 */
export class KeyedQueues<T> {
  readonly #queues = new Map<string, Queue<T>>()
  readonly #ready = new Set<string>()
  readonly #onReady: () => void

  constructor(onReady: () => void) {
    this.#onReady = onReady
  }

  add(key: string, item: T): void {
    const queue = this.#queues.get(key)
    if (queue !== undefined) {
      queue.items.push(item)
      return
    }
    this.#queues.set(key, { items: [item], state: 'ready', pause: FIRST_PAUSE_MS })
    this.#ready.add(key)
    this.#onReady()
  }

  /** The first item of the key that is ready for longest, which counts as begun from now on. */
  begin(): Readonly<{ key: string; item: T }> | undefined {
    for (const key of this.#ready) {
      this.#ready.delete(key)
      const queue = this.#queues.get(key)
      const item = queue?.items[0]
      if (queue === undefined || item === undefined) continue
      queue.state = 'begun'
      return { key, item }
    }
    return undefined
  }

  /** What was begun of this key is done with: the next may be begun, after those of the keys that are ready already. */
  done(key: string): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    queue.items.shift()
    queue.pause = FIRST_PAUSE_MS
    if (queue.items.length === 0) this.#queues.delete(key)
    else this.#makeReady(key, queue)
  }

  /** What was begun of this key has failed: it may be begun again after a pause, which grows from failure to failure. */
  failed(key: string): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    queue.state = 'pausing'
    queue.timer = setTimeout(() => this.#makeReady(key, queue), queue.pause).unref()
    queue.pause = Math.min(queue.pause * 2, LONGEST_PAUSE_MS)
  }

  /** Forgets what fits and is not begun. */
  drop(fits: (item: T) => boolean): void {
    for (const [key, queue] of this.#queues) {
      const [first] = queue.items
      const kept = queue.items.filter((item) => (queue.state === 'begun' && item === first) || !fits(item))
      if (kept.length === 0) {
        clearTimeout(queue.timer)
        this.#queues.delete(key)
        this.#ready.delete(key)
      } else if (kept.length < queue.items.length) {
        queue.items.splice(0, queue.items.length, ...kept)
      }
    }
  }

  #makeReady(key: string, queue: Queue<T>): void {
    queue.state = 'ready'
    this.#ready.add(key)
    this.#onReady()
  }
}
