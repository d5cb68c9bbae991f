import { isArray, isObject, parseJson, stringifyJson, type Json, type JsonText } from '../../../contracts/json.ts'

// NUL, and surrogates without their partner: no text column takes them.
// oxlint-disable-next-line no-control-regex
const NOT_STORABLE = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** Text that a database can keep: NUL and lone surrogates stand as the escapes `\u0000`, `\ud800`, … */
export function storableText(text: string): string {
  return text.replace(NOT_STORABLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

// In JSON the same are written as escapes, so that the text itself may look harmless.
const SUSPICIOUS = /\\u(0000|[dD][89a-fA-F])/

/** A JSON text whose every string, names included, a database can keep. */
export function storableJson(text: JsonText): JsonText {
  if (!SUSPICIOUS.test(text) && storableText(text) === text) return text
  return stringifyJson(storable(parseJson(text, { nonFinite: true })))
}

function storable(json: Json): Json {
  if (typeof json === 'string') return storableText(json)
  if (isArray(json)) return json.map(storable)
  if (isObject(json)) return new Map([...json].map(([name, value]) => [storableText(name), storable(value)]))
  return json
}
