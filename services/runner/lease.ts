/** Milliseconds after which an attempt that gives no sign of life has died. */
export const LEASE_MS = 15_000

/** Milliseconds between two signs of life. */
export const RENEW_MS = 5_000

/** The lease of one attempt at a run: a later attempt has another. */
export const leaseOf = (run: number, attempt: number): string => `run-${run}/${attempt}`
