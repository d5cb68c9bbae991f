/** A server that we need cannot be reached, or was lost while it worked: whether what was asked of it took effect is then unknown. */
export class Unavailable extends Error {
  /** `server` is shown to everyone: a name and an address (`Postgres at db:5432/tests`), never a password. */
  constructor(server: string, cause: unknown) {
    super(`${server} is not available: ${reason(cause)}`, { cause })
    this.name = 'Unavailable'
  }
}

// A name with several addresses fails with an AggregateError, whose own message is empty.
function reason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.map(reason).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
