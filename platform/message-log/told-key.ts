import type { Message } from './port.ts'

/** The key as a log line may have it: a stream's name. Any other came from outside, and may be a token that somebody put in the wrong place. */
export function toldKey({ key }: Message): string | undefined {
  return /^[a-z_]+-\d+$/.test(key) ? key : undefined
}
