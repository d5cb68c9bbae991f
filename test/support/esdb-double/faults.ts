/** What goes wrong when a test asks for it, for the double (`../esdb-double.ts`). */

/** What happens to one append; those that are asked for meet the next appends in their order. */
export type AppendFault =
  /** The client's connection is dropped without an answer, before or after the commit. */
  | Readonly<{ fault: 'dropped'; committed: boolean }>
  /** Committed at once, or after the client may have given up; answered after `milliseconds`. */
  | Readonly<{ fault: 'late'; milliseconds: number; committed: 'at once' | 'late' }>
  /** Committed, and then answered as if the stream did not exist. */
  | Readonly<{ fault: 'denied' }>
  /** Not committed, answered as if the stream did not exist. */
  | Readonly<{ fault: 'refused' }>
  /** Answered by a node that is not the leader any more, and names the leader: this one. */
  | Readonly<{ fault: 'not leader' }>
  /** Answered with a status of the transport or the server. */
  | Readonly<{ fault: 'status'; code: number; details: string; committed?: boolean }>

export class Faults {
  readonly #appends: AppendFault[] = []
  /** Events that the next subscription hands out again, from before the position it asked for. */
  repeated = 0
  /** How many events a subscriber at the log's end may lag behind while its connection takes no more; then it is dropped. */
  readonly mostLag = 64
  /** Milliseconds that a response may wait until its client takes more of it (Kestrel's `MinResponseDataRate`). */
  longestStall = 5_000
  /** Events whose position is not given on reads of streams, as servers before 22.6 do. */
  positionless = false
  #awake: Promise<void> = Promise.resolve()
  #wake = (): void => {}

  nextAppend(...faults: readonly AppendFault[]): void {
    this.#appends.push(...faults)
  }

  append(): AppendFault | undefined {
    return this.#appends.shift()
  }

  /** From now on calls are taken and not answered. */
  hang(): void {
    this.#wake()
    this.#awake = new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  resume(): void {
    this.#wake()
  }

  get awake(): Promise<void> {
    return this.#awake
  }
}
