/** How many of a check's problems are printed. */
const MOST_PRINTED = 5

/** Counts checks, and prints each with its problems. */
export class Tally {
  passed = 0
  failed = 0

  /** Checks that were made and told elsewhere. */
  count({ passed, failed }: Readonly<{ passed: number; failed: number }>): void {
    this.passed += passed
    this.failed += failed
  }

  check(what: string, problems: readonly string[]): void {
    if (problems.length === 0) this.passed++
    else this.failed++
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${what}`)
    for (const problem of problems.slice(0, MOST_PRINTED)) console.log(`       ${problem}`)
    if (problems.length > MOST_PRINTED) console.log(`       and ${problems.length - MOST_PRINTED} more`)
  }
}
