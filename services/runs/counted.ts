import type { Recorded } from '../../contracts/core.ts'
import type { RunEvent } from '../../contracts/run.ts'
import type { Metrics } from '../../platform/metrics.ts'

/** Bounds in seconds: a run is claimed within milliseconds where a runner has a free place. */
const QUEUE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800]

/** Counts the ends of runs among what this process has appended: each end is appended by one process alone. */
export function countRunEnds(metrics: Metrics): (recorded: readonly Recorded[]) => void {
  const ends = metrics.count('testledger_runs_finished_total', 'Runs whose end this process has written, by state', [
    'state',
  ])
  return (recorded) => {
    for (const event of recorded as readonly (RunEvent & Recorded)[]) {
      if (event.type === 'RunFinished') ends.add(1, { state: event.data.state })
    }
  }
}

/** Measures how long runs wait for a runner. */
export function measureQueue(metrics: Metrics): (seconds: number) => void {
  const queue = metrics.durations(
    'testledger_run_queue_seconds',
    'From when a run was asked for to its first claim',
    QUEUE_SECONDS,
  )
  return (seconds) => queue.observe(seconds, {})
}
