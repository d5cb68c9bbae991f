/** The log of the double (`../esdb-double.ts`): what EventStoreDB keeps, in memory, and its rules for appends. */

/** An event as it came over the wire. */
export type Proposed = Readonly<{ id: string; type: string; isJson: boolean; data: Uint8Array; metadata: Uint8Array }>

export type Entry = Proposed &
  Readonly<{
    /** Commit and prepare position, which are the same outside explicit transactions: an offset in bytes, with gaps. */
    position: bigint
    stream: string
    revision: bigint
    /** Ticks of 100 nanoseconds since 1970. */
    created: bigint
  }>

/** What a stream must be at; -1 is a stream without events. */
export type ExpectedRevision = bigint | 'any' | 'exists'

/** `revision` is the last that the answer names, or that the stream stands at. */
export type Verdict =
  | Readonly<{ outcome: 'written' | 'idempotent'; revision: bigint; position: bigint }>
  | Readonly<{ outcome: 'wrong'; revision: bigint }>

/** It repeats what was accepted and cannot be read yet: a server says nothing until the time for its commit has passed. */
export type Unready = Readonly<{ outcome: 'unready' }>

/** What a record takes on disk besides its texts and bytes. */
const RECORD_BYTES = 147
/** A real server writes its statistics now and then, in between ours. */
const APPENDS_PER_STATISTICS = 5

export class Log {
  /** What can be read. */
  readonly entries: Entry[] = []
  /**
   * Milliseconds after which what is accepted can be read: it has to be on disk, with most nodes, and in the index. Appends are judged by
   * what is accepted.
   */
  indexAfter = 0
  readonly #accepted = new Map<string, Entry[]>()
  readonly #readable = new Map<string, Entry[]>()
  /** Accepted, and not to be read yet: append by append. */
  readonly #coming: (readonly Entry[])[] = []
  readonly #waiting = new Set<() => void>()
  #end = 0n
  #appends = 0

  constructor() {
    this.#index([this.#acceptOwn('$user-admin', '$UserCreated'), this.#acceptOwn('$$$settings', '$metadata')])
  }

  /** A stream's events that can be read; undefined when there are none. */
  stream(name: string): readonly Entry[] | undefined {
    return this.#readable.get(name)
  }

  /** Where the event at `position` stands in `entries`: behind the last for what lies beyond it, undefined where no event begins. */
  indexAt(position: bigint): number | undefined {
    let [low, high] = [0, this.entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.entries[middle]?.position ?? position) < position) low = middle + 1
      else high = middle
    }
    return (this.entries[low]?.position ?? position) === position ? low : undefined
  }

  /** As the server decides (`IndexWriter.CheckCommit`): at the tip it writes, before it only a repeat of what stands there is accepted. */
  append(stream: string, expected: ExpectedRevision, events: readonly Proposed[]): Verdict | Unready {
    const present = this.#accepted.get(stream) ?? []
    const current = BigInt(present.length) - 1n
    if (expected === 'exists' && current < 0n) return { outcome: 'wrong', revision: current }
    if (expected !== 'any' && expected !== 'exists') {
      if (expected > current) return { outcome: 'wrong', revision: current }
      if (expected < current) return this.#repeat(present, expected, events)
    }
    const accepted = events.map((event) => this.#accept(stream, event))
    const last = accepted.at(-1) ?? present.at(-1)
    if (++this.#appends % APPENDS_PER_STATISTICS === 0) {
      accepted.push(this.#acceptOwn('$stats-127.0.0.1:2113', '$statsCollected'))
    }
    this.#index(accepted)
    return { outcome: 'written', revision: last?.revision ?? -1n, position: last?.position ?? 0n }
  }

  /** Resolves when what stands at `position` can be read. */
  async readable(position: bigint): Promise<void> {
    const { signal } = new AbortController()
    while (!this.#isReadable(position)) await this.grown(signal)
  }

  /** Resolves when there is more to read, or when `signal` is aborted. */
  grown(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      signal.addEventListener('abort', wake)
      this.#waiting.add(wake)
    })
  }

  /** Ids alone are compared, so that a repeat with other data is one too; its answer names the last event that was repeated. */
  #repeat(present: readonly Entry[], expected: bigint, events: readonly Proposed[]): Verdict | Unready {
    const standing = present.slice(Number(expected) + 1, Number(expected) + 1 + events.length)
    const last = standing.at(-1)
    if (last === undefined || events.some(({ id }, index) => standing[index]?.id !== id)) {
      return { outcome: 'wrong', revision: BigInt(present.length) - 1n }
    }
    if (!this.#isReadable(last.position)) return { outcome: 'unready' }
    return { outcome: 'idempotent', revision: last.revision, position: last.position }
  }

  #isReadable(position: bigint): boolean {
    return (this.entries.at(-1)?.position ?? -1n) >= position
  }

  #accept(stream: string, event: Proposed): Entry {
    const events = this.#accepted.get(stream) ?? []
    const entry: Entry = {
      ...event,
      position: this.#end,
      stream,
      revision: BigInt(events.length),
      created: BigInt(Date.now()) * 10_000n,
    }
    this.#end += BigInt(
      RECORD_BYTES + Buffer.byteLength(stream + event.type) + event.data.length + event.metadata.length,
    )
    events.push(entry)
    this.#accepted.set(stream, events)
    return entry
  }

  #acceptOwn(stream: string, type: string): Entry {
    const id = `00000000-0000-4000-8000-${String(this.#end).padStart(12, '0')}`
    return this.#accept(stream, { id, type, isJson: true, data: Buffer.from('{}'), metadata: Buffer.from('{}') })
  }

  #index(accepted: readonly Entry[]): void {
    this.#coming.push(accepted)
    if (this.indexAfter === 0 && this.#coming.length === 1) this.#show()
    else setTimeout(() => this.#show(), this.indexAfter)
  }

  /** Each append is shown by one timer or another: in the order of the log, whatever the times. */
  #show(): void {
    for (const entry of this.#coming.shift() ?? []) {
      const events = this.#readable.get(entry.stream) ?? []
      events.push(entry)
      this.#readable.set(entry.stream, events)
      this.entries.push(entry)
    }
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}
