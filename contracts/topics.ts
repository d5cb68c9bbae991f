import { z } from 'zod'

/** Runs that are to be executed: published by the relay and the watchdog, consumed by runners. */
export const RUNS_TOPIC = 'runs'

/** `attempt` is the last that was made, 0 for none: a run that has been claimed since is another runner's. */
export const runMessage = z.object({ run: z.int().positive(), attempt: z.int().nonnegative() })
export type RunMessage = z.output<typeof runMessage>
