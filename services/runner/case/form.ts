import { JsonNumber, isArray, isObject, type Json } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { bytesOf, pythonValue } from './python-value.ts'
import { str, truthy } from './python.ts'

/** Query strings and form bodies as requests and `urllib.parse.urlencode(…, doseq=True)` write them. */

const encoder = new TextEncoder()
const PLAIN = /[A-Za-z0-9_.~-]/

/** `quote_plus`: letters, digits and `_.-~` as they are, a space as `+`, everything else by its UTF-8 bytes. */
export function quotePlus(text: string): string {
  if (!text.isWellFormed()) throw new CaseFault('请求参数中含有无法用UTF-8编码的字符')
  let quoted = ''
  for (const byte of bytesOf(text) ?? encoder.encode(pythonValue(text)?.repr ?? text)) {
    const character = String.fromCharCode(byte)
    if (PLAIN.test(character)) quoted += character
    else quoted += character === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return quoted
}

/** Name-value pairs: an object's members, or a list of pairs. Anything else is refused, naming `field`. */
export function pairsOf(json: Json, field: string): readonly (readonly [string, Json])[] {
  if (isObject(json)) return [...json]
  if (!isArray(json)) throw new CaseFault(`请求参数${field}应为字符串、对象或键值对列表`)
  return json.map((item) => {
    // Whatever Python can take apart into two: of an object its two names, of a text its two characters.
    const parts = typeof item === 'string' ? Array.from(item) : (items(item) ?? [])
    if (parts.length !== 2) throw new CaseFault(`请求参数${field}的列表中每一项应为[名称, 值]`)
    return [str(parts[0] ?? null), parts[1] ?? null] as const
  })
}

/** What iterating a value gives: a list's items, an object's names; undefined for text, numbers and the like. */
function items(json: Json): readonly Json[] | undefined {
  if (isObject(json)) return [...json.keys()]
  return isArray(json) ? json : undefined
}

/** The texts that one name is repeated with: null is dropped, a list repeats the name, an object gives its names alone. */
export function valuesOf(json: Json): readonly string[] {
  return (items(json) ?? [json])
    .filter((value) => value !== null)
    .flatMap((value) => (items(value) ?? [value]).map(str))
}

/** `a=1&a=2&b=True` from an object or a list of pairs; text stays as it is. */
export function formEncode(json: Json, field: string): string {
  if (typeof json === 'string') return json
  return pairsOf(json, field)
    .flatMap(([name, value]) => valuesOf(value).map((text) => `${quotePlus(name)}=${quotePlus(text)}`))
    .join('&')
}

/** The query that `params` stands for; empty for what Python takes as false. */
export function queryOf(params: Json | undefined): string {
  if (params === undefined || !truthy(params)) return ''
  if (params === true || params instanceof JsonNumber) throw new CaseFault('请求参数params应为字符串、对象或键值对列表')
  return formEncode(params, 'params')
}
