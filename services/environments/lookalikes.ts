import type { JsonText } from '../../contracts/json.ts'

/** The one member of a sealed value, `{"$sealed": "…"}`. */
export const SEALED = '$sealed'

/** A character of a name as itself or as `\u00xx`: JSON may be written either way. */
function spelled(character: string): string {
  const digits = character.charCodeAt(0).toString(16).padStart(4, '0')
  const anyCase = digits.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)
  return String.raw`(?:\x${digits.slice(2)}|\\u${anyCase})`
}

/**
 * A member's name of at least one `$` and `sealed`. A quote that opens a string never follows a backslash, one inside a string always
 * does, and what follows the quote that ends a string is neither `$` nor `\`: so the strings before it need not be read.
 */
const NAME = String.raw`${spelled('$')}+${Array.from('sealed', spelled).join('')}"[ \t\n\r]*:`
const SENT = new RegExp(String.raw`(?<!\\)"(?=${NAME})`, 'g')
const KEPT = new RegExp(String.raw`(?<!\\)"\$(?=${NAME})`, 'g')

/**
 * What a user sent, as it is kept beside sealed values: names that look like theirs get one `$` more (`$sealed` becomes `$$sealed`,
 * `$$sealed` becomes `$$$sealed`). All else stays letter for letter, and `sentText` gives the very text back.
 */
export function keptText(sent: JsonText): JsonText {
  return sent.replace(SENT, '"$$') as JsonText
}

/** The reverse of `keptText`. */
export function sentText(kept: JsonText): JsonText {
  return kept.replace(KEPT, '"') as JsonText
}

/** One name as `keptText` writes it. */
export function keptName(sent: string): string {
  return /^\$+sealed$/.test(sent) ? `$${sent}` : sent
}

/** The reverse of `keptName`. */
export function sentName(kept: string): string {
  return /^\$\$+sealed$/.test(kept) ? kept.slice(1) : kept
}
