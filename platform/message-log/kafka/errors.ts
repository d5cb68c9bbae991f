import { Refused } from '../refused.ts'

/**
 * What kafkajs throws, told apart by name and type: the classes themselves are of another realm under jest, and what failed in the end
 * is often wrapped in what counted the retries.
 */
type KafkaError = Readonly<{ name?: string; type?: string; retriable?: boolean; cause?: unknown; errors?: unknown }>

export { Refused }

/** Its topic takes no message as large as this one. */
export class TooLarge extends Refused {
  constructor(topic: string, bytes: number) {
    super(`topic ${topic} takes no message of ${bytes} bytes: max.message.bytes`)
  }
}

/** A consumer cannot go on. `next` are the offsets that it would have fetched next, by partition. */
export class BrokenOff extends Error {
  readonly next: Readonly<Record<number, number>>

  constructor(cause: unknown, next: Readonly<Record<number, number>>) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.next = next
  }
}

/** The broker has lost track of this producer, or it of the broker: only a new one can go on. */
const PRODUCER_IS_OVER = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
])

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

const typesOf = (error: unknown): readonly string[] => chain(error).flatMap(({ type }) => type ?? [])

export const isProducerOver = (error: unknown): boolean => typesOf(error).some((type) => PRODUCER_IS_OVER.has(type))

export const isTooLarge = (error: unknown): boolean => typesOf(error).some((type) => TOO_LARGE.has(type))

export const isTopicGone = (error: unknown): boolean => typesOf(error).includes('UNKNOWN_TOPIC_OR_PARTITION')

/** The broker has answered, and the answer is no. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof Refused) return true
  return chain(error).some(({ type, retriable }) => type !== undefined && retriable === false)
}

/** An error with those behind it. */
function chain(error: unknown): readonly KafkaError[] {
  if (typeof error !== 'object' || error === null) return []
  const { cause, errors } = error as KafkaError
  const behind = [...(Array.isArray(errors) ? errors : []), ...(cause === undefined || cause === error ? [] : [cause])]
  return [error, ...behind.flatMap(chain)]
}
