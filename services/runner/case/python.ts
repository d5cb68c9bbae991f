import { JsonNumber, isArray, isObject, type Json } from '../../../contracts/json.ts'

/**
 * JSON values as Python prints them. Cases were written against an engine in Python, and targets compare signatures of the
 * very bytes: `json.dumps`, `repr` and `str` of what was read are reproduced exactly.
 */

/** `repr` of a float: the shortest digits that read back, an exponent below 1e-4 and from 1e16 on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', power = ''] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')}.${digits.slice(exponent + 1) || '0'}`
}

/** A number as Python prints it after reading: an integer exactly, anything with a point or an exponent as a float. */
export function numberText(number: JsonNumber): string {
  if (/^-?\d+$/.test(number.text)) return number.text === '-0' ? '0' : number.text
  return floatText(readNumber(number))
}

function readNumber(number: JsonNumber): number {
  return Number(number.text)
}

const NON_FINITE: Readonly<Record<string, string>> = { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' }

function dumpNumber(number: JsonNumber): string {
  const text = numberText(number)
  return NON_FINITE[text] ?? text
}

/** Whether a value holds what JSON has no word for (`NaN`, `Infinity`), which no request body may. */
export function isFiniteJson(json: Json): boolean {
  if (json instanceof JsonNumber) return Number.isFinite(readNumber(json)) || /^-?\d+$/.test(json.text)
  if (isObject(json)) return [...json.values()].every(isFiniteJson)
  return isArray(json) ? json.every(isFiniteJson) : true
}

// Beyond what JSON.stringify escapes, `ensure_ascii` escapes every UTF-16 unit that is not printable ASCII.
const NOT_ASCII = /[^ -~]/g
const LONE_SURROGATE_ESCAPE = /\\u(d[89a-f][0-9a-f]{2})/g

function unit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function asciiString(text: string): string {
  return JSON.stringify(text).replace(NOT_ASCII, unit)
}

/** JSON.stringify escapes lone surrogates, Python leaves them; a real backslash is doubled, so the two are told apart. */
function unicodeString(text: string): string {
  const quoted = JSON.stringify(text)
  if (text.isWellFormed()) return quoted
  return quoted.replace(/\\\\|\\u(d[89a-f][0-9a-f]{2})/g, (escape) =>
    escape.replace(LONE_SURROGATE_ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  )
}

/** `json.dumps(value)`: what a request body holds. */
export function dumps(json: Json): string {
  if (json instanceof JsonNumber) return dumpNumber(json)
  if (isObject(json)) return `{${[...json].map(([name, value]) => `${asciiString(name)}: ${dumps(value)}`).join(', ')}}`
  if (isArray(json)) return `[${json.map(dumps).join(', ')}]`
  return typeof json === 'string' ? asciiString(json) : JSON.stringify(json)
}

/** `json.dumps(value, indent=2, ensure_ascii=False)`: how bodies are shown. */
export function dumpsIndented(json: Json, indent = ''): string {
  if (json instanceof JsonNumber) return dumpNumber(json)
  if (typeof json === 'string') return unicodeString(json)
  const inner = `${indent}  `
  if (isObject(json)) {
    if (json.size === 0) return '{}'
    const members = [...json].map(([name, value]) => `${inner}${unicodeString(name)}: ${dumpsIndented(value, inner)}`)
    return `{\n${members.join(',\n')}\n${indent}}`
  }
  if (isArray(json)) {
    if (json.length === 0) return '[]'
    return `[\n${json.map((item) => inner + dumpsIndented(item, inner)).join(',\n')}\n${indent}]`
  }
  return JSON.stringify(json)
}

// What `str.isprintable` refuses: separators but the space, and all of category C.
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu
const NAMED_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escapeUnprintable(character: string): string {
  const named = NAMED_ESCAPES[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0) ?? 0
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}

function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`)
  return quote + escaped.replace(NOT_PRINTABLE, escapeUnprintable) + quote
}

/** `repr(value)` of what Python reads from this JSON. */
export function repr(json: Json): string {
  if (json === null) return 'None'
  if (json === true) return 'True'
  if (json === false) return 'False'
  if (typeof json === 'string') return reprString(json)
  if (json instanceof JsonNumber) return numberText(json)
  if (isObject(json)) return `{${[...json].map(([name, value]) => `${reprString(name)}: ${repr(value)}`).join(', ')}}`
  return `[${json.map(repr).join(', ')}]`
}

/** `str(value)`: strings as they are, everything else by `repr`. */
export function str(json: Json): string {
  return typeof json === 'string' ? json : repr(json)
}

/** `bool(value)`; a missing value is false. */
export function truthy(json: Json | undefined): boolean {
  if (json === undefined || json === null || json === false || json === '') return false
  if (json instanceof JsonNumber) return readNumber(json) !== 0
  if (isObject(json)) return json.size > 0
  return isArray(json) ? json.length > 0 : true
}
