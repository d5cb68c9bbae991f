import type { Log } from '../../log.ts'
import { KeyedQueues, MOST_KEYS } from '../keyed-queues.ts'
import { withReason } from '../parking.ts'
import type { Handled, Message } from '../port.ts'
import { toldKey } from '../told-key.ts'

/** A message that was fetched. */
export type Fetched = Readonly<{
  /** Those of one key are handled one after the other. */
  lane: string
  message: Message
  /** Why it is put aside as it is, and handled by nobody. */
  unreadable?: string
  /** What it belongs to, by which it can be dropped. */
  source: object
  /** Called when it is handled or put aside. */
  done(): void
  /** Called at each failure: it is tried again, and holds up those of its lane until then. */
  failed(): void
}>

/** Handles what one consumer fetches: keys side by side, each again and again until it succeeds. It outlives connections and rebalances. */
export class Handling {
  readonly #handler: (message: Message) => Promise<Handled>
  readonly #park: (message: Message) => Promise<void>
  readonly #failed: (message: Message, error: unknown) => void
  readonly #queues = new KeyedQueues<Fetched>(() => this.#begin())
  #beginning = false
  #busy = 0
  #left: (() => void) | undefined

  constructor(deps: {
    topic: string
    handler: (message: Message) => Promise<Handled>
    /** Resolves when the log has the message on the topic for what is put aside. */
    park: (message: Message) => Promise<void>
    log: Log
  }) {
    this.#handler = deps.handler
    this.#park = deps.park
    this.#failed = (message, error) =>
      deps.log.warn(
        { topic: deps.topic, key: toldKey(message), reason: String(error) },
        'a message could not be handled, and is tried again',
      )
  }

  add(fetched: Fetched): void {
    this.#queues.add(fetched.lane, fetched)
  }

  /** Forgets what is not begun of this source, or of all. What is under way ends, and holds up its key until then. */
  drop(source?: object): void {
    this.#queues.drop((fetched) => source === undefined || fetched.source === source)
  }

  /** Begins nothing more, and resolves when what is under way has ended. */
  leave(): Promise<void> {
    this.drop()
    return new Promise((resolve) => {
      this.#left = resolve
      if (this.#busy === 0) resolve()
    })
  }

  #begin(): void {
    if (this.#beginning) return
    this.#beginning = true
    // Not within the call: what has just been fetched is put in line as a whole first.
    queueMicrotask(() => {
      this.#beginning = false
      while (this.#left === undefined && this.#busy < MOST_KEYS) {
        const begun = this.#queues.begin()
        if (begun === undefined) return
        void this.#handle(begun.key, begun.item)
      }
    })
  }

  async #handle(lane: string, { message, unreadable, done, failed }: Fetched): Promise<void> {
    this.#busy++
    try {
      const outcome = unreadable === undefined ? await this.#handler(message) : { park: unreadable, instead: message }
      if (outcome !== 'done') await this.#park(withReason(outcome.instead ?? message, outcome.park))
      done()
      this.#queues.done(lane)
    } catch (error) {
      this.#failed(message, error)
      failed()
      this.#queues.failed(lane)
    }
    this.#busy--
    if (this.#busy === 0) this.#left?.()
    this.#begin()
  }
}
