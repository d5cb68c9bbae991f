import type { logCreator as LogCreator } from 'kafkajs'
import type { Log } from '../../log.ts'

/** Said at ERROR, and in the course of things: every broker that has just started says it for a moment, and it is asked again. */
const PASSING = /coordinator is (?:loading|not available)|not aware of this member|group is rebalancing|rebalanc/i

/** Milliseconds in which the same is not said again: an outage is told by every connection at every try. */
const ONCE_IN_MS = 10_000

/** Says in our log what kafkajs says in its own: warnings and errors, as warnings, for it goes on by itself or we do. */
export function clientLog(log: Log): LogCreator {
  const said = new Map<string, number>()
  return () =>
    ({ namespace, label, log: { message, broker, groupId, error } }) => {
      if ((label !== 'ERROR' && label !== 'WARN') || PASSING.test(message)) return
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
