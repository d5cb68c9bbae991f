import { setTimeout as sleep } from 'node:timers/promises'
import type { Position } from '../../contracts/core.ts'
import { Bell } from '../../platform/bell.ts'

/** Where projections are whose state this process knows, and where to ask for the others. */
export interface Progress {
  /** What the slowest running live projection that is fed here has passed; undefined when none is. */
  here(): Position | undefined
  /** Whether any live projection is fed by another process, or by none. */
  elsewhere(): boolean
  /** What the slowest running one of all projections has passed, as stored; undefined when all of them have stopped. */
  stored(): Promise<Position | undefined>
}

type Waiter = Readonly<{ position: Position; done: (passed: boolean) => void }>

const SHORTEST_POLL = 5
const LONGEST_POLL = 100

/**
 * Those who wait until a position is passed. Progress of this process wakes them (`check`); that of another is asked for, by one
 * query for all who wait. No one holds a connection while waiting.
 */
export class Passing {
  readonly #progress: Progress
  readonly #here = new Set<Waiter>()
  readonly #elsewhere = new Set<Waiter>()
  /** Rings for each who comes to wait. */
  readonly #asked = new Bell()
  #polling = false
  #poll = SHORTEST_POLL
  #closed = false

  constructor(progress: Progress) {
    this.#progress = progress
  }

  async passed(position: Position, milliseconds: number): Promise<boolean> {
    if (this.#passedHere(position) && !this.#progress.elsewhere()) return true
    if (this.#closed) return false
    const { promise, resolve: done } = Promise.withResolvers<boolean>()
    const waiter = { position, done }
    const deadline = setTimeout(done, milliseconds, false)
    this.#here.add(waiter)
    this.#asked.ring()
    this.check()
    try {
      return await promise
    } finally {
      clearTimeout(deadline)
      this.#here.delete(waiter)
      this.#elsewhere.delete(waiter)
    }
  }

  /** Resolves as soon as anyone waits, at once when someone does; after `milliseconds` at the latest, or when `signal` is aborted. */
  async untilAsked(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.#here.size === 0) await this.#asked.next(this.#asked.rung, milliseconds, signal)
  }

  /** To be called after every change of what `here` or `elsewhere` answers. */
  check(): void {
    for (const waiter of this.#here) {
      if (!this.#passedHere(waiter.position)) continue
      this.#here.delete(waiter)
      if (this.#progress.elsewhere()) this.#wait(waiter)
      else waiter.done(true)
    }
  }

  /** Answers all who wait that it was not seen. */
  close(): void {
    this.#closed = true
    for (const { done } of [...this.#here, ...this.#elsewhere]) done(false)
  }

  #passedHere(position: Position): boolean {
    const here = this.#progress.here()
    return here === undefined || here >= position
  }

  #wait(waiter: Waiter): void {
    this.#elsewhere.add(waiter)
    this.#poll = SHORTEST_POLL
    if (!this.#polling) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#polling = true
    while (this.#elsewhere.size > 0) {
      const asking = [...this.#elsewhere]
      // The database may be away for a while; those who wait have a deadline.
      const reached = await this.#progress.stored().catch(() => '')
      for (const waiter of asking) {
        if (reached !== undefined && reached < waiter.position) continue
        this.#elsewhere.delete(waiter)
        waiter.done(true)
      }
      if (this.#elsewhere.size === 0) break
      await sleep(this.#poll)
      this.#poll = Math.min(this.#poll * 2, LONGEST_POLL)
    }
    this.#polling = false
  }
}
