import { Writable } from 'node:stream'
import { createLogger, type Logger } from '../../platform/logger.ts'

/** A line as it was written; what it has besides depends on what it tells of. */
export type Line = Readonly<{ msg: string } & Record<string, unknown>>

/** A log, from `debug` on, whose lines can be looked at. */
export function keptLog(): { log: Logger; lines: readonly Line[] } {
  const lines: Line[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Line)
      done()
    },
  })
  return { log: createLogger('debug', stream), lines }
}
