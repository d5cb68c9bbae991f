import type { Counts } from '../../contracts/run.ts'
import { epochMicros } from '../../contracts/time.ts'
import type { RunRow } from '../../projections/runs.ts'

/** Successful cases of all, in percent with two decimals; `0.00` when there are none. */
export function passRate({ all, success }: Pick<Counts, 'all' | 'success'>): string {
  return all === 0 ? '0.00' : ((success / all) * 100).toFixed(2)
}

/** Seconds from a run's first claim to its end, 0 for one that ended unclaimed; null before its end. */
export function durationOf({ started_at, finished_at }: Pick<RunRow, 'started_at' | 'finished_at'>): number | null {
  if (finished_at === null) return null
  return started_at === null ? 0 : (epochMicros(finished_at) - epochMicros(started_at)) / 1_000_000
}
