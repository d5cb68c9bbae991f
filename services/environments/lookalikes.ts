import type { JsonText } from '../../contracts/json.ts'

/** The one member of a sealed value, `{"$sealed": "…"}`. */
export const SEALED = '$sealed'

/** A character of a name as itself or as `\u00xx`: JSON may be written either way. */
function spelled(character: string): string {
  const digits = character.charCodeAt(0).toString(16).padStart(4, '0')
  const anyCase = digits.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)
  return String.raw`(?:\x${digits.slice(2)}|\\u${anyCase})`
}

/** The end of a member's name in `$sealed`, from that `$` on. */
const ENDING = `${Array.from(SEALED, spelled).join('')}"[ \\t\\n\\r]*:`
const SENT = new RegExp(`(?=${ENDING})`, 'g')
const KEPT = new RegExp(String.raw`\$(?=${ENDING})`, 'g')

/**
 * Whether all of a name before `end` is `$`. The run is walked by hand, as a pattern would run out of stack on millions of them. A quote
 * that opens a string never follows a backslash, and one inside a string always does.
 */
function onlyDollars(text: string, end: number): boolean {
  let at = end
  for (;;) {
    if (text[at - 1] === '$') at -= 1
    else if (text.startsWith(String.raw`\u0024`, at - 6)) at -= 6
    else return text[at - 1] === '"' && text[at - 2] !== '\\'
  }
}

/**
 * What a user sent, as it is kept beside sealed values: names that look like theirs get one `$` more (`$sealed` becomes `$$sealed`,
 * `$$sealed` becomes `$$$sealed`). All else stays letter for letter, and `sentText` gives the very text back.
 */
export function keptText(sent: JsonText): JsonText {
  return sent.replace(SENT, (_, at: number) => (onlyDollars(sent, at) ? '$' : '')) as JsonText
}

/** The reverse of `keptText`. */
export function sentText(kept: JsonText): JsonText {
  return kept.replace(KEPT, (dollar, at: number) => (onlyDollars(kept, at) ? '' : dollar)) as JsonText
}

/** Whether a name is `$sealed` with any number of `$`. */
function looksSealed(name: string): boolean {
  return name.endsWith(SEALED) && !/[^$]/.test(name.slice(0, -SEALED.length))
}

/** One name as `keptText` writes it. */
export function keptName(sent: string): string {
  return looksSealed(sent) ? `$${sent}` : sent
}

/** The reverse of `keptName`. */
export function sentName(kept: string): string {
  return kept !== SEALED && looksSealed(kept) ? kept.slice(1) : kept
}
