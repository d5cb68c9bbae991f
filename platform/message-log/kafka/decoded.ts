import { isUtf8 } from 'node:buffer'
import type { KafkaMessage } from 'kafkajs'
import { MESSAGE_VERSION } from '../../../contracts/topics.ts'
import type { Message } from '../port.ts'
import { standsFor, unreadable, type Unreadable } from './stand-in-batch.ts'

/** A message as handlers have it, or what can be said of one that cannot be read. `lane` is undefined where it has no key, and so no order. */
export type Decoded = Readonly<{ message: Message; lane?: string; unreadable?: Unreadable }>

/** Never throws: what one cannot read must not hold up what comes behind it. */
export function decoded(came: KafkaMessage): Decoded {
  const standIn = standsFor(came.value)
  if (standIn !== undefined) return unread(standIn)
  try {
    const { key, value } = came
    const lane = key?.toString()
    const headers = textsOf(came.headers)
    const message = {
      key: lane ?? '',
      value: value?.toString() ?? '',
      ...(value !== null && !isUtf8(value) && { raw: value }),
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    }
    return { message, ...(lane !== undefined && { lane }) }
  } catch (error) {
    return unread(unreadable(came.value ?? Buffer.alloc(0), `it cannot be read: ${String(error)}`))
  }
}

/** The first of each name. One without a value is none: Kafka lets it be null. */
function textsOf(headers: KafkaMessage['headers'] = {}): readonly (readonly [string, string])[] {
  return Object.entries(headers).flatMap(([name, given]) => {
    const text = (Array.isArray(given) ? given : [given]).find((one) => one !== undefined && one !== null)
    return text === undefined ? [] : [[name, text.toString()] as const]
  })
}

function unread(what: Unreadable): Decoded {
  return { message: standInFor(what), unreadable: what }
}

/** What is put aside instead of what cannot be, or need not be, as it came. The reason is its header, as of all that is put aside. */
export function standInFor({ bytes, sha256 }: Unreadable): Message {
  return { key: '', value: JSON.stringify({ version: MESSAGE_VERSION, bytes, sha256 }) }
}
