import { API_TOKEN_PREFIX } from '../services/access/api-tokens.ts'
import type { RefusedOutcome } from '../services/trigger-commands/outcomes.ts'

/** Of anybody: what looks like a token may be one. */
const API_TOKENS = new RegExp(`${API_TOKEN_PREFIX}\\d+_[\\w-]{43}`, 'g')

/** Characters of what stands as `token` from which on it may be a secret: what is shorter would be found in everything. */
const LEAST_OF_SECRET = 8

const HIDDEN = '******'

/** Whether the text holds the command's token, or what looks like anybody's. */
export function holdsToken(text: string, token: string | undefined): boolean {
  return hideTokens(text, token) !== text
}

/** The text with `******` in the place of the command's token and of what looks like anybody's. */
export function hideTokens(text: string, token: string | undefined): string {
  const hidden = token !== undefined && token.length >= LEAST_OF_SECRET ? text.replaceAll(token, HIDDEN) : text
  return hidden.replaceAll(API_TOKENS, HIDDEN)
}

/** What may be told of a refusal, and kept of it: it quotes what came, and a token may stand where none belongs. */
export function withoutTokens(refused: RefusedOutcome, token: string | undefined): RefusedOutcome {
  const { message, fields, ...rest } = refused
  const hide = (text: string): string => hideTokens(text, token)
  const byName = Object.entries(fields ?? {}).map(([name, words]) => [hide(name), words.map(hide)] as const)
  return { ...rest, message: hide(message), ...(fields && { fields: Object.fromEntries(byName) }) }
}
