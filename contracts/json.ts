/**
 * Lossless JSON. `JSON.parse` reorders keys that look like integers, folds numbers into doubles and forgets what was written;
 * test cases were written for an engine that does none of this, and what users send to be kept is answered as they sent it.
 */

/** JSON exactly as it was written, held as text: what users send to be kept (`request`, `headers`, variables). */
export type JsonText = string & { readonly jsonText: unique symbol }

/** A number by its written text: `1e3`, `1.0` and 19 digits survive. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  valueOf(): number {
    return Number(this.text)
  }
}

/** Members in the order written; of a name that stands twice the last value wins, at the place of the first (as Python reads it). */
export type JsonObject = Map<string, Json>
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject

/** What may be wrong with a text that should be JSON. */
export type JsonProblem =
  | 'unexpected text'
  | 'unexpected end'
  | 'unexpected character'
  | 'nested too deeply'
  | 'a name in quotes is expected'
  | '":" is expected'
  | '"," or "}" is expected'
  | '"," or "]" is expected'
  | 'a string does not end'
  | 'a control character in a string'
  | 'an unknown escape'
  | 'four hexadecimal digits are expected'
  | 'text after the value'

/** `text` is no JSON: `offset` counts UTF-16 units from the start. */
export class JsonSyntaxError extends SyntaxError {
  readonly reason: JsonProblem
  readonly offset: number
  constructor(reason: JsonProblem, offset: number) {
    super(`${reason} at offset ${offset}`)
    this.name = 'JsonSyntaxError'
    this.reason = reason
    this.offset = offset
  }
}

/** Deeper nesting is refused: a reader that recurses must not be run out of stack by its input. */
const MAX_DEPTH = 500

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const PYTHON_NUMBER = new RegExp(`${NUMBER.source}|NaN|-?Infinity`, 'y')
// The control characters are what JSON forbids in a string.
// eslint-disable-next-line no-control-regex
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y
const SPACE = /[ \t\n\r]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** `nonFinite`: `NaN`, `Infinity` and `-Infinity` are read as numbers, as Python reads and writes them. */
export type JsonReading = Readonly<{ nonFinite?: boolean }>

class Reader {
  readonly text: string
  readonly number: RegExp
  at = 0
  depth = 0

  constructor(text: string, { nonFinite = false }: JsonReading = {}) {
    this.text = text
    this.number = nonFinite ? PYTHON_NUMBER : NUMBER
  }

  fail(message: JsonProblem): never {
    throw new JsonSyntaxError(message, this.at)
  }

  match(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? ''
    this.at += found.length
    return found
  }

  take(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail('unexpected text')
    this.at += word.length
    return value
  }

  value(): Json {
    this.match(SPACE)
    const value = this.bare()
    this.match(SPACE)
    return value
  }

  bare(): Json {
    switch (this.text[this.at]) {
      case '{':
        return this.object()
      case '[':
        return this.array()
      case '"':
        return this.string()
      case 't':
        return this.word('true', true)
      case 'f':
        return this.word('false', false)
      case 'n':
        return this.word('null', null)
      case undefined:
        return this.fail('unexpected end')
      default: {
        const text = this.match(this.number)
        return text === '' ? this.fail('unexpected character') : new JsonNumber(text)
      }
    }
  }

  nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) this.fail('nested too deeply')
    this.at++
    const result = read()
    this.depth--
    return result
  }

  object(): JsonObject {
    return this.nested(() => {
      const members: JsonObject = new Map()
      this.members((name) => members.set(name, this.value()))
      return members
    })
  }

  /** Reads `"name": value` pairs up to the closing brace; `read` reads the value. */
  members(read: (name: string) => void): void {
    this.match(SPACE)
    if (this.take('}')) return
    do {
      this.match(SPACE)
      if (this.text[this.at] !== '"') this.fail('a name in quotes is expected')
      const name = this.string()
      this.match(SPACE)
      if (!this.take(':')) this.fail('":" is expected')
      read(name)
    } while (this.take(','))
    if (!this.take('}')) this.fail('"," or "}" is expected')
  }

  array(): readonly Json[] {
    return this.nested(() => {
      const items: Json[] = []
      this.match(SPACE)
      if (this.take(']')) return items
      do items.push(this.value())
      while (this.take(','))
      if (!this.take(']')) this.fail('"," or "]" is expected')
      return items
    })
  }

  string(): string {
    this.at++
    let value = this.match(PLAIN_RUN)
    while (!this.take('"')) {
      if (this.at >= this.text.length) this.fail('a string does not end')
      if (!this.take('\\')) this.fail('a control character in a string')
      value += this.escape() + this.match(PLAIN_RUN)
    }
    return value
  }

  escape(): string {
    const letter = this.text[this.at++] ?? this.fail('unexpected end')
    if (letter !== 'u') return ESCAPES[letter] ?? this.fail('an unknown escape')
    const digits = this.text.slice(this.at, this.at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('four hexadecimal digits are expected')
    this.at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  end(): void {
    if (this.at < this.text.length) this.fail('text after the value')
  }
}

/** Reads one JSON value. Throws `JsonSyntaxError`. */
export function parseJson(text: string, reading?: JsonReading): Json {
  const reader = new Reader(text, reading)
  const value = reader.value()
  reader.end()
  return value
}

/** A member of an object: its value, and the very text that it was written with. */
export type Member = Readonly<{ value: Json; text: JsonText }>

/** Reads one JSON object member by member; undefined when `text` is JSON but no object. Throws `JsonSyntaxError`. */
export function parseMembers(text: string): Map<string, Member> | undefined {
  const reader = new Reader(text)
  reader.match(SPACE)
  if (text[reader.at] !== '{') {
    parseJson(text)
    return undefined
  }
  const members = new Map<string, Member>()
  reader.nested(() =>
    reader.members((name) => {
      reader.match(SPACE)
      const from = reader.at
      const value = reader.bare()
      members.set(name, { value, text: text.slice(from, reader.at) as JsonText })
      reader.match(SPACE)
    }),
  )
  reader.match(SPACE)
  reader.end()
  return members
}

export function isObject(json: Json | undefined): json is JsonObject {
  return json instanceof Map
}

export function isArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}

/** Compact JSON; numbers by their own text, names in order. */
export function stringifyJson(json: Json): JsonText {
  return write(json) as JsonText
}

function write(json: Json): string {
  if (json instanceof JsonNumber) return json.text
  if (isObject(json))
    return `{${[...json].map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(',')}}`
  if (isArray(json)) return `[${json.map(write).join(',')}]`
  return JSON.stringify(json)
}

/** The texts of all strings and numbers inside, at any depth and in order; names, flags and null have none. */
export function leafTexts(json: Json): readonly string[] {
  if (json instanceof JsonNumber) return [json.text]
  if (typeof json === 'string') return [json]
  if (isArray(json)) return json.flatMap(leafTexts)
  return isObject(json) ? [...json.values()].flatMap(leafTexts) : []
}

/** Plain JavaScript values (numbers become doubles): for what the platform itself interprets. */
export function toPlain(json: Json): unknown {
  if (json instanceof JsonNumber) return Number(json.text)
  if (isObject(json)) {
    const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const [name, value] of json) plain[name] = toPlain(value)
    return plain
  }
  if (isArray(json)) return json.map(toPlain)
  return json
}

/** A value inside an answer that is written as the JSON text it already is. */
export class RawJson {
  readonly text: JsonText
  constructor(text: JsonText) {
    this.text = text
  }
}

/** `JSON.stringify` for answers that hold `RawJson`. Undefined members are left out, as JSON.stringify does. */
export function renderJson(value: unknown): string {
  if (value instanceof RawJson) return value.text
  if (value instanceof JsonNumber || value instanceof Map) return write(value as Json)
  if (Array.isArray(value)) return `[${value.map((item) => renderJson(item ?? null)).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${renderJson(member)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
