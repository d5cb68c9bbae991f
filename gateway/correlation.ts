import { randomUUID } from 'node:crypto'

/** What goes with everything that is done for one request: the first of these that may be it, else one of our own. */
export function correlationIdOf(...candidates: readonly (string | undefined)[]): string {
  return candidates.find((text) => text !== undefined && /^[\w.:-]{1,128}$/.test(text)) ?? randomUUID()
}
