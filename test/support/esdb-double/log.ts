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

/** What a record takes on disk besides its texts and bytes. */
const RECORD_BYTES = 147
/** A real server writes its statistics now and then, in between ours. */
const APPENDS_PER_STATISTICS = 5

export class Log {
  readonly entries: Entry[] = []
  readonly #streams = new Map<string, Entry[]>()
  readonly #waiting = new Set<() => void>()
  #end = 0n
  #appends = 0

  constructor() {
    this.#writeOwn('$user-admin', '$UserCreated')
    this.#writeOwn('$$$settings', '$metadata')
  }

  /** A stream's events; undefined when it has none. */
  stream(name: string): readonly Entry[] | undefined {
    return this.#streams.get(name)
  }

  /** Where the first event at `position` or behind it stands in `entries`. */
  indexAt(position: bigint): number {
    let [low, high] = [0, this.entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.entries[middle]?.position ?? position) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** As the server decides (`IndexWriter.CheckCommit`): at the tip it writes, before it only a repeat of what stands there is accepted. */
  append(stream: string, expected: ExpectedRevision, events: readonly Proposed[]): Verdict {
    const present = this.#streams.get(stream) ?? []
    const current = BigInt(present.length) - 1n
    if (expected === 'exists' && current < 0n) return { outcome: 'wrong', revision: current }
    if (expected !== 'any' && expected !== 'exists') {
      if (expected > current) return { outcome: 'wrong', revision: current }
      if (expected < current) return this.#repeat(present, expected, events)
    }
    for (const event of events) this.#write(stream, event)
    if (++this.#appends % APPENDS_PER_STATISTICS === 0) this.#writeOwn('$stats-127.0.0.1:2113', '$statsCollected')
    const last = this.#streams.get(stream)?.at(-1)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    return { outcome: 'written', revision: last?.revision ?? -1n, position: last?.position ?? 0n }
  }

  /** Resolves with the next append, or when `signal` is aborted. */
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
  #repeat(present: readonly Entry[], expected: bigint, events: readonly Proposed[]): Verdict {
    const standing = present.slice(Number(expected) + 1, Number(expected) + 1 + events.length)
    const last = standing.at(-1)
    if (last === undefined || events.some(({ id }, index) => standing[index]?.id !== id)) {
      return { outcome: 'wrong', revision: BigInt(present.length) - 1n }
    }
    return { outcome: 'idempotent', revision: last.revision, position: last.position }
  }

  #write(stream: string, event: Proposed): void {
    const events = this.#streams.get(stream) ?? []
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
    this.#streams.set(stream, events)
    this.entries.push(entry)
  }

  #writeOwn(stream: string, type: string): void {
    const id = `00000000-0000-4000-8000-${String(this.entries.length).padStart(12, '0')}`
    this.#write(stream, { id, type, isJson: true, data: Buffer.from('{}'), metadata: Buffer.from('{}') })
  }
}
