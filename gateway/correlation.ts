import { randomUUID } from 'node:crypto'
import { holdsToken } from './secrecy.ts'

/**
 * What goes with everything that is done for one request: the first of these that may be it, else one of our own. It is kept in events
 * and told to outsiders, so that it never is what looks like a token (the others are longer than it may be).
 */
export function correlationIdOf(...candidates: readonly (string | undefined)[]): string {
  return candidates.find((text) => text !== undefined && mayBeTold(text)) ?? randomUUID()
}

function mayBeTold(text: string): boolean {
  return /^[\w.:-]{1,128}$/.test(text) && !holdsToken(text, undefined)
}
