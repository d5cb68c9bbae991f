import type { Message } from '../port.ts'
import { withReason } from '../parking.ts'
import { standInFor } from './decoded.ts'
import { TooLarge } from './errors.ts'
import type { Publisher } from './publisher.ts'
import { unreadable } from './stand-in-batch.ts'

/** Characters of the reason that a stand-in has. */
const MOST_REASON = 1_000

/**
 * Puts messages aside on a topic. What is too large for that, as packed messages are when they are unpacked, is there as its size and
 * hash alone: it would be refused for ever, and hold up its partition.
 */
export function createDeadLetters(publisher: Publisher, topic: string): (message: Message) => Promise<void> {
  return async (message) => {
    try {
      await publisher.publish(topic, [message])
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error
      const { value, raw = Buffer.from(value), headers } = message
      const reason = (headers?.['reason'] ?? '').slice(0, MOST_REASON)
      const standIn = standInFor(unreadable(raw, reason))
      await publisher.publish(topic, [withReason(standIn, `${reason} (too large to be put aside as it came)`)])
    }
  }
}
