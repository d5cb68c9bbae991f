import type { Log } from '../../platform/log.ts'

/** A log that nobody reads. */
export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
