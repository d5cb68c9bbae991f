import { createHash } from 'node:crypto'
import { z } from 'zod'
import { JsonSyntaxError, type Member, parseMembers } from '../../contracts/json.ts'
import {
  COMMAND_TYPES,
  type CommandType,
  MESSAGE_VERSION,
  MOST_OF_COMMAND_ID,
  type UnreadableCommand,
} from '../../contracts/topics.ts'
import type { Message } from '../../platform/message-log/port.ts'
import { decodeBody, type Fields } from '../rest/body.ts'
import { integer, jsonObject, oneOf, validate } from '../rest/schema.ts'
import { holdsToken } from '../secrecy.ts'

/** A command as it came: `content` is all of it but id and token, as JSON. */
export type Delivered = Readonly<{ id: string; token: string | undefined; content: string }>

/** What nobody can be answered about. */
export class Unreadable extends Error {}

/** Reads a message as far as whoever sent it can be answered. Throws `Unreadable`, with a reason that holds nothing of the text. */
export function readDelivered(text: string): Delivered {
  const members = readMembers(text)
  const id = members.get('id')?.value
  if (typeof id !== 'string' || !isCommandId(id)) {
    throw new Unreadable(`id is no text of 1 to ${MOST_OF_COMMAND_ID} characters without control characters`)
  }
  const token = tokenOf(members.get('token'))
  // It would stand in the reply, in its key and in the log.
  if (holdsToken(id, token)) throw new Unreadable('id holds a token')
  const content = (['version', 'type', 'data'] as const).flatMap((name) => {
    const member = members.get(name)
    return member ? [`"${name}":${member.text}`] : []
  })
  return { id, token, content: `{${content.join(',')}}` }
}

function readMembers(text: string): Map<string, Member> {
  try {
    const members = parseMembers(text.startsWith('\ufeff') ? text.slice(1) : text)
    if (members !== undefined) return members
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new Unreadable(`no JSON: ${error.message}`)
  }
  throw new Unreadable('no JSON object')
}

function isCommandId(text: string): boolean {
  return (
    text.isWellFormed() && text.trim() !== '' && !/\p{Cc}/u.test(text) && Array.from(text).length <= MOST_OF_COMMAND_ID
  )
}

/** A token that is no text is none that counts. */
function tokenOf(token: Member | undefined): string | undefined {
  if (token === undefined || token.value === null) return undefined
  return typeof token.value === 'string' ? token.value : ''
}

const content = z.object({
  version: integer()
    .refine((version) => version === MESSAGE_VERSION, `必须是 ${MESSAGE_VERSION}`)
    .default(MESSAGE_VERSION),
  type: oneOf(COMMAND_TYPES),
  data: jsonObject(),
})

/** What a command asks for: its type, and the fields of the body of the REST call. Throws `Refusal`. */
export function readContent(text: string): Readonly<{ type: CommandType; data: Fields }> {
  const { type, data } = validate(content, fieldsOfJson(text))
  return { type, data: fieldsOfJson(data.text) }
}

function fieldsOfJson(text: string): Fields {
  return decodeBody(Buffer.from(text), 'application/json') as Fields
}

/** What is kept of a message that cannot be read: size and hash of the bytes that came. */
export function tracesOf({ value, raw: bytes = Buffer.from(value) }: Message): UnreadableCommand {
  return { version: MESSAGE_VERSION, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
