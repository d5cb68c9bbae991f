import { number } from './measurement.ts'

/** What one round of work came to: how many a second, and how long one took, in milliseconds. */
export type Round = Readonly<{ rate: number; p50: number; p99: number }>

/** A round as the table has it. */
export function tell({ rate, p50, p99 }: Round): string {
  return `${number(rate)}/s, p50 ${number(p50)} ms, p99 ${number(p99)} ms`
}

/** Does `once` over and over, by so many at the same time, until `seconds` have passed. An error of one ends the round. */
export async function round(clients: number, seconds: number, once: () => Promise<unknown>): Promise<Round> {
  const times: number[] = []
  const begun = performance.now()
  const until = begun + seconds * 1000
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let started = performance.now(); started < until;) {
        await once()
        const ended = performance.now()
        times.push(ended - started)
        started = ended
      }
    }),
  )
  // The last of each client end after the deadline: they count, and so does their time.
  const took = (performance.now() - begun) / 1000
  return { rate: times.length / took, ...spread(times) }
}

/** The middle and the worst but one in a hundred. */
export function spread(times: readonly number[]): Readonly<{ p50: number; p99: number }> {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2
}

/** Of several rounds the median of each figure on its own. */
export function medianRound(rounds: readonly Round[]): Round {
  return {
    rate: median(rounds.map(({ rate }) => rate)),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
  }
}

export type Compared = Readonly<{ ours: Round; bare: Round; ratio: number }>

/**
 * Ours and something bare in turns, so that what else the machine does meets both alike, after one round of each that does not count.
 * `ratio` is that of the median rates.
 */
export async function inTurns(
  rounds: number,
  sides: Readonly<{ ours: (warming: boolean) => Promise<Round>; bare: (warming: boolean) => Promise<Round> }>,
): Promise<Compared> {
  await sides.ours(true)
  await sides.bare(true)
  const all = { ours: [] as Round[], bare: [] as Round[] }
  for (let nth = 0; nth < rounds; nth++) {
    all.ours.push(await sides.ours(false))
    all.bare.push(await sides.bare(false))
  }
  const [ours, bare] = [medianRound(all.ours), medianRound(all.bare)]
  return { ours, bare, ratio: ours.rate / bare.rate }
}
