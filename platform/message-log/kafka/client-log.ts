import type { logCreator as LogCreator } from 'kafkajs'
import type { Log } from '../../log.ts'

/**
 * Said at ERROR or WARN, and in the course of things: what every broker says for a moment that has just started, what a group says when its
 * members change, what comes of our own cutting connections, and that a producer with few retries is no good idea: we have our own.
 * That a topic cannot be made is said whenever it is there already; for another reason whoever wanted it says so, with the reason.
 */
const PASSING =
  /coordinator is (?:loading|not available)|aware of this member|rebalanc|was given up|Limiting retries|Topic creation errors/i

/** Milliseconds in which the same is not said again: an outage is told by every connection at every try. */
const ONCE_IN_MS = 10_000

/** Says in our log what kafkajs says in its own: warnings and errors, as warnings, for it goes on by itself or we do; what passes, at debug. */
export function clientLog(log: Log): LogCreator {
  const said = new Map<string, number>()
  return () =>
    ({ namespace, label, log: { message, broker, groupId, error } }) => {
      if (label !== 'ERROR' && label !== 'WARN') return
      const level = PASSING.test(`${message} ${String(error)}`) ? 'debug' : 'warn'
      const now = performance.now()
      for (const [text, at] of said) if (now - at > ONCE_IN_MS) said.delete(text)
      // One topic may be there while another is refused: what is said at debug hides no warning.
      const what = `${level} ${message}`
      if (said.has(what)) return
      said.set(what, now)
      log[level](
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
