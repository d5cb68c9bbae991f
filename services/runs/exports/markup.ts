/** Text that is markup already; all other text is escaped when it is put into a template. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What a template takes: lists one after the other, undefined and false as nothing. */
export type Part = Markup | string | number | false | undefined | readonly Part[]

/** A template of HTML or XML: what stands in it is escaped, as text and as the value of an attribute in quotes. */
export function markup(fixed: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(fixed.reduce((text, next, index) => text + written(parts[index - 1]) + next))
}

function written(part: Part): string {
  if (part instanceof Markup) return part.text
  if (part === undefined || part === false) return ''
  if (typeof part === 'object') return part.map(written).join('')
  return typeof part === 'number' ? String(part) : escaped(part)
}

function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/**
 * Control characters, surrogates without their partner and U+FFFE, U+FFFF are no characters of XML 1.0; marks that turn the direction of
 * what follows would show it in another order than it has.
 */
const HARMFUL = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu

/** Text that any reader shows as it is: what could not be, or would do harm, stands as `\u001b`. */
export function visible(text: string): string {
  return text.replaceAll(HARMFUL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
