import type { Event, Recorded } from '../../contracts/core.ts'

/** When an event was recorded; empty for one that has only been decided, as specifications of deciders fold them. */
export function recordedAt(event: Event | Recorded): string {
  return 'at' in event ? event.at : ''
}

/** The revision that an event was recorded at; 0 for one that has only been decided. */
export function recordedRevision(event: Event | Recorded): number {
  return 'revision' in event ? Number(event.revision) : 0
}

/** The trace that an event was decided in, as W3C Trace Context; undefined for one that was not traced. */
export function traceparentOf(event: Event | Recorded): string | undefined {
  return 'meta' in event ? event.meta.traceparent : undefined
}

/** The correlation id that an event carries; empty for one that has only been decided. */
export function correlationOf(event: Event | Recorded): string {
  return 'meta' in event ? event.meta.correlationId : ''
}
