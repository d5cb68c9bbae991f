import { isArray, isObject, JsonNumber, type Json, type JsonObject } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { dumpsIndented, numberText, str } from './python.ts'

/** The two scopes that a reference is looked up in; the temporary one wins unless its value is null. */
export type Scopes = Readonly<{ env: JsonObject; ENV: JsonObject }>

const REFERENCE = /\$\{\{(.+?)\}\}/s
const REFERENCES = new RegExp(REFERENCE, 'gs')
const WHOLE_REFERENCE = /^\$\{\{((?:(?!\}\}).)+)\}\}$/s
/** References may lead to references, but not for ever. */
const MAX_DEPTH = 50
/** `a = "${{b}}${{b}}"`, `b = "${{c}}${{c}}"`, … doubles at every step: what one case may grow to, in UTF-16 units and look-ups. */
const MAX_LENGTH = 10 * 1024 * 1024
const MAX_LOOKUPS = 100_000

/**
 * Replaces `${{name}}` in every string and every name of `json`, also in what the variables bring along. A reference that is
 * the whole string keeps the variable's type; inside longer text it becomes Python's text of it.
 * Throws `CaseFault` for a variable that is missing or null in both scopes, for a cycle, for what grows without measure, and for
 * numbers that are none (`NaN`, `1e400`). `source` is what a reason shows.
 */
export function substitute(json: Json, scopes: Scopes, source = json): Json {
  const value = new Substitution(source, scopes).value(json, [])
  const none = notFinite(value)
  if (none !== undefined) throw new CaseFault(`name '${none}' is not defined`, { type: 'NameError' })
  return value
}

/** The old engine wrote a case down and read it again, and Python has no words for these. */
function notFinite(json: Json): string | undefined {
  if (json instanceof JsonNumber) {
    const text = numberText(json).replace('-', '')
    return text === 'inf' || text === 'nan' ? text : undefined
  }
  const members = isObject(json) ? json.values() : isArray(json) ? json : []
  for (const member of members) {
    const none = notFinite(member)
    if (none !== undefined) return none
  }
  return undefined
}

class Substitution {
  readonly source: Json
  readonly scopes: Scopes
  length = 0
  lookups = 0

  constructor(source: Json, scopes: Scopes) {
    this.source = source
    this.scopes = scopes
  }

  /** `open`: the names whose values are being resolved, outermost first. */
  value(json: Json, open: readonly string[]): Json {
    if (typeof json === 'string') return json.includes('${{') ? this.string(json, open) : json
    if (isArray(json)) return json.map((item) => this.value(item, open))
    if (!isObject(json)) return json
    return new Map([...json].map(([name, value]) => [str(this.value(name, open)), this.value(value, open)]))
  }

  string(text: string, open: readonly string[]): Json {
    const whole = WHOLE_REFERENCE.exec(text)?.[1]
    if (whole !== undefined) return this.variable(whole, open)
    let current = text
    // Text that a variable brings may complete a reference together with its neighbours: look again until there is none.
    for (let pass = 0; REFERENCE.test(current); pass++) {
      if (pass === MAX_DEPTH) throw new CaseFault(`变量引用错误：\n${text}\n中的变量引用层数超过${MAX_DEPTH}`)
      current = current.replace(REFERENCES, (_, name: string) => str(this.variable(name, open)))
      this.grow(current.length)
    }
    return current
  }

  variable(written: string, open: readonly string[]): Json {
    const name = this.find(written) === undefined ? written.trim() : written
    const value = this.find(name)
    if (value === undefined) {
      throw new CaseFault(`变量引用错误：\n${dumpsIndented(this.source)}\n中的变量${name},在当前运行环境中未找到`)
    }
    if (open.includes(name) || open.length === MAX_DEPTH) {
      throw new CaseFault(
        `变量引用错误：\n变量${name}循环引用或引用层数超过${MAX_DEPTH}：${[...open, name].join(' -> ')}`,
      )
    }
    this.lookups++
    this.grow(typeof value === 'string' ? value.length : 0)
    return this.value(value, [...open, name])
  }

  /** Null counts as missing: a temporary variable that is null falls back to the global one. */
  find(name: string): Json | undefined {
    return this.scopes.env.get(name) ?? this.scopes.ENV.get(name) ?? undefined
  }

  grow(length: number): void {
    this.length += length
    if (this.length > MAX_LENGTH || this.lookups > MAX_LOOKUPS) throw new CaseFault('变量引用错误：\n替换后的内容过大')
  }
}
