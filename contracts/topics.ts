import { z } from 'zod'

/** Runs that are to be executed: published by the relay, consumed by runners. */
export const RUNS_TOPIC = 'runs'

export const runMessage = z.object({ run: z.int().positive() })
export type RunMessage = z.output<typeof runMessage>
