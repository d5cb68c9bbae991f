import type { logCreator as LogCreator } from 'kafkajs'
import type { Log } from '../../log.ts'

/**
 * Said at ERROR or WARN, and in the course of things: what every broker says for a moment that has just started, what a group says when its
 * members change, what comes of our own cutting connections, and that a producer with few retries is no good idea: we have our own.
 */
const PASSING = /coordinator is (?:loading|not available)|aware of this member|rebalanc|was given up|Limiting retries/i

/** Milliseconds in which the same is not said again: an outage is told by every connection at every try. */
const ONCE_IN_MS = 10_000

/** Says in our log what kafkajs says in its own: warnings and errors, as warnings, for it goes on by itself or we do. */
export function clientLog(log: Log): LogCreator {
  const said = new Map<string, number>()
  return () =>
    ({ namespace, label, log: { message, broker, groupId, error } }) => {
      if ((label !== 'ERROR' && label !== 'WARN') || PASSING.test(`${message} ${String(error)}`)) return
      const now = performance.now()
      for (const [text, at] of said) if (now - at > ONCE_IN_MS) said.delete(text)
      if (said.has(message)) return
      said.set(message, now)
      log.warn(
        {
          part: namespace,
          ...(broker && { broker }),
          ...(groupId && { group: groupId }),
          ...(error && { reason: String(error) }),
        },
        `Kafka's client: ${message}`,
      )
    }
}
