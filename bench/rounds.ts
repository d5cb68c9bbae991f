import { type Figure, number } from './measurement.ts'

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

/** Rounds of ours and of something bare that were run in turns. */
export type Compared = Readonly<{ ours: Round; bare: Round; ratio: number; lowest: number; highest: number }>

/**
 * Ours and something bare in turns, so that what else the machine does meets both alike, after one round of each that does not count.
 * `ratio` is that of the median rates, `lowest` and `highest` are those of single turns.
 */
export async function inTurns(
  turns: number,
  { ours, bare }: Readonly<Record<'ours' | 'bare', () => Promise<Round>>>,
): Promise<Compared> {
  await ours()
  await bare()
  const all = { ours: [] as Round[], bare: [] as Round[], ratios: [] as number[] }
  for (let nth = 0; nth < turns; nth++) {
    const turn = { ours: await ours(), bare: await bare() }
    all.ours.push(turn.ours)
    all.bare.push(turn.bare)
    all.ratios.push(turn.ours.rate / turn.bare.rate)
  }
  const middle = { ours: medianRound(all.ours), bare: medianRound(all.bare) }
  const ratio = middle.ours.rate / middle.bare.rate
  return { ...middle, ratio, lowest: Math.min(...all.ratios), highest: Math.max(...all.ratios) }
}

/** A comparison as the table has it: the ratio, with its aim if there is one, and both sides. */
export function tellCompared(
  names: Readonly<{ what: string; ours: string; bare: string }>,
  { ours, bare, ratio, lowest, highest }: Compared,
  aim?: number,
): readonly Figure[] {
  return [
    {
      what: `${names.what}: rate, of that of ${names.bare}`,
      reached: `${number(ratio)} (single turns ${number(lowest)} to ${number(highest)})`,
      ...(aim !== undefined && { aim: { wanted: `≥ ${number(aim)}`, met: ratio >= aim } }),
    },
    { what: `${names.what}: ${names.ours}`, reached: tell(ours) },
    { what: `${names.what}: ${names.bare}`, reached: tell(bare) },
  ]
}

/** So many of them, in words: `1 client`, `16 clients`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
