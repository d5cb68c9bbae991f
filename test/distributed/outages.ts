/** Milliseconds after its end in which an outage still shows: what was under way then is answered later. */
const AFTERMATH_MS = 500

/** When something that clients depend on was out, on purpose: in milliseconds of this process's clock. */
export class Outages {
  readonly #periods: { readonly from: number; until: number }[] = []

  /** It is out from now on, until the answer is called. */
  begin(): () => void {
    const period = { from: performance.now(), until: Infinity }
    this.#periods.push(period)
    return () => void (period.until = Math.min(period.until, performance.now() + AFTERMATH_MS))
  }

  /** Whether it was out at any moment since then. */
  anySince(from: number): boolean {
    return this.#periods.some(({ until }) => until >= from)
  }
}
