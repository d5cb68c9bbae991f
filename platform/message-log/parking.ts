import type { Message } from './port.ts'

/** A message as it is put aside: the reason stands in its header `reason`. */
export function withReason(message: Message, reason: string): Message {
  return { ...message, headers: { ...message.headers, reason } }
}
