import { quotedName } from './multipart.ts'
import { repr } from './python.ts'

export const MASK = '******'
/** Shorter secrets would blank out half of every text without hiding anything. */
const MIN_LENGTH = 4
/** Of a secret of several lines (a key in PEM) each line is one too: shorter ones stand in too much else. */
const MIN_LINE_LENGTH = 8
/** Each form is as long as the secret, and there may be a hundred. */
const MOST_QUOTED_TWICE = 64 * 1024

/** Replaces secrets in text with `******`. */
export type Mask = (text: string) => string

/**
 * Hides `secrets` wherever a result may show them, in every form of `writtenForms`. `credentials` are whole texts that hold a
 * secret in a form of their own (a `Basic` header's base64): hidden as they are.
 */
export function maskOf(secrets: readonly string[], credentials: readonly string[] = []): Mask {
  return hiding([...secrets.flatMap(writtenForms), ...credentials])
}

/**
 * A mask of these very texts, the longest first. No pattern: those of V8 have a longest length and grow slow with many
 * alternatives, and a run may save a whole answer under a secret's name.
 */
export function hiding(needles: readonly string[]): Mask {
  const byStart = new Map<string, Candidates[]>()
  // Tells of nearly every place of a text by its first two letters that nothing begins there.
  const beginnings = new Uint8Array(0x1_0000)
  for (const needle of [...new Set(needles)].toSorted((a, b) => b.length - a.length)) {
    if (needle.length < MIN_LENGTH) continue
    const start = needle.slice(0, MIN_LENGTH)
    const lengths = byStart.get(start) ?? []
    const last = lengths.at(-1)
    if (last?.length === needle.length) last.needles.add(needle)
    else lengths.push({ length: needle.length, needles: new Set([needle]) })
    byStart.set(start, lengths)
    beginnings[pairAt(needle, 0)] = 1
  }
  if (byStart.size === 0) return (text) => text
  return (text) => {
    let shown = ''
    let from = 0
    for (let at = 0; at <= text.length - MIN_LENGTH; at++) {
      if (beginnings[pairAt(text, at)] === 0) continue
      const found = byStart.get(text.slice(at, at + MIN_LENGTH))?.find((candidates) => standsAt(text, at, candidates))
      if (found === undefined) continue
      shown += text.slice(from, at) + MASK
      from = at + found.length
      at = from - 1
    }
    return from === 0 ? text : shown + text.slice(from)
  }
}

/** Texts of one length that begin alike. */
type Candidates = Readonly<{ length: number; needles: Set<string> }>

/** Few are compared where they would stand; of many the piece of text is looked up. */
function standsAt(text: string, at: number, { length, needles }: Candidates): boolean {
  if (needles.size > 4) return needles.has(text.slice(at, at + length))
  for (const needle of needles) if (text.startsWith(needle, at)) return true
  return false
}

function pairAt(text: string, at: number): number {
  return (text.charCodeAt(at) * 31 + text.charCodeAt(at + 1)) & 0xffff
}

/**
 * A secret as it is and as URLs, forms and their names, JSON, Python's `repr` and base64 write it, and what they make of it when it was JSON or a
 * `repr` already (a body that a target gives back as a text within its own JSON). Nothing of what is too short to be hidden.
 */
export function writtenForms(secret: string): readonly string[] {
  if (secret.length < MIN_LENGTH) return []
  const whole = [secret, ...linesOf(secret)]
  const once = [...new Set(whole.flatMap(quoted))]
  const twice = secret.length > MOST_QUOTED_TWICE ? once : once.flatMap(quoted)
  return [...new Set([...twice, ...once.flatMap(encoded), ...whole.map(quotedName), ...whole.flatMap(base64)])]
}

function linesOf(secret: string): readonly string[] {
  const lines = secret.split(/\r\n|\r|\n/)
  return lines.length === 1 ? [] : lines.map((line) => line.trim()).filter((line) => line.length >= MIN_LINE_LENGTH)
}

/** The text, and as it stands between quotes: in JSON as everyday libraries write it, and in Python. */
function quoted(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const python = repr(text).slice(1, -1)
  const slashes = json.replaceAll('/', '\\/')
  return [
    text,
    json,
    // Python and Java, in small letters and in capitals.
    ascii(json),
    ascii(json, true),
    // PHP, with and without its escapes of Unicode.
    slashes,
    ascii(slashes),
    // Go, and what is made safe for HTML.
    json.replace(/[<>&]/g, unicodeEscape),
    python,
    // Python chooses its quotes by all of the text around.
    python.replaceAll(/(?<!\\)'/g, "\\'"),
  ]
}

function encoded(text: string): readonly string[] {
  if (!text.isWellFormed()) return []
  const component = encodeURIComponent(text)
  const strict = component.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
  const forms = [component, strict, strict.replaceAll('%20', '+'), encodeURI(text)]
  return [...forms, ...forms.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()))]
}

/** Base64 of less could stand in any other by chance. */
const MIN_BASE64 = 6

/** The text alone, and what of it cannot be read otherwise where it stands within other bytes: that depends on how many are before it. */
function base64(text: string): readonly string[] {
  const within = [0, 1, 2].map((before) => {
    const written = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString('base64')
    const shared = [0, 2, 3][before]
    const whole = written.replace(/=+$/, '')
    // Of the last group that is not full the last letter has bits of what follows.
    return whole.slice(shared, whole.length % 4 === 0 ? undefined : -1)
  })
  return [Buffer.from(text).toString('base64'), ...within.filter((form) => form.length >= MIN_BASE64)]
}

function ascii(text: string, capitals = false): string {
  return text.replace(/[^ -~]/g, (unit) =>
    capitals ? unicodeEscape(unit).toUpperCase().replace('U', 'u') : unicodeEscape(unit),
  )
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The `Basic` credentials that hold one of the secrets, to be hidden whole. */
export function basicCredentials(headerValues: readonly string[], secrets: readonly string[]): readonly string[] {
  return headerValues.flatMap((value) => {
    const login = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(value)?.[1]
    if (login === undefined) return []
    const bytes = Buffer.from(login, 'base64')
    // Senders write UTF-8 or Latin-1.
    const readings = [bytes.toString(), bytes.toString('latin1')]
    const held = (secret: string) => secret.length >= MIN_LENGTH && readings.some((reading) => reading.includes(secret))
    return secrets.some(held) ? [login] : []
  })
}
