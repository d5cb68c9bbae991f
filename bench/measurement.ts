/** One line of the table. */
export type Figure = Readonly<{
  /** What was measured, in words. */
  what: string
  /** What came out, with its unit. */
  reached: string
  /** What was wanted and whether it was reached; figures without one only tell. */
  aim?: Readonly<{ wanted: string; met: boolean }>
}>

/** What a measurement is given. */
export type Bench = Readonly<{
  /** Short rounds: to see that a measurement works, not to quote. */
  quick: boolean
  /** How to end something that was begun. What was begun last is ended first, after a failure or an interrupt as well. */
  defer(end: () => Promise<unknown>): void
}>

/** Measures one thing against something to compare it with, and answers its lines of the table. */
export type Measurement = (bench: Bench) => Promise<readonly Figure[]>

/** A figure that must be at least `least`, for example a ratio of two rates. */
export function atLeast(what: string, value: number, least: number, unit = ''): Figure {
  return { what, reached: number(value) + unit, aim: { wanted: `≥ ${number(least)}${unit}`, met: value >= least } }
}

/** A figure that must be at most `most`, for example seconds. */
export function atMost(what: string, value: number, most: number, unit = ''): Figure {
  return { what, reached: number(value) + unit, aim: { wanted: `≤ ${number(most)}${unit}`, met: value <= most } }
}

/** Three digits that say something, and no more behind the point than a reader wants: `0.953`, `14.2`, `20,400`. */
export function number(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}
