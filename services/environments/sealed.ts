import { isArray, isObject, type Json, type JsonText, parseJson, stringifyJson } from '../../contracts/json.ts'

/** Encrypts under a project's data key; `decrypt` answers undefined when that key is gone or the text is not of that scope. */
export interface Cipher {
  encrypt(scope: string, text: string): Promise<string>
  decrypt(scope: string, cipher: string): Promise<string | undefined>
}

/** What a sealed value shows to those who may not read it, and where its key is gone. */
export const MASK = '******'

/** An encrypted value inside JSON: `{"$sealed": "…"}`. */
const SEALED = '$sealed'

/** The data keys of a project's secrets. */
export const scopeOf = (project: number): string => `project-${project}`

export async function seal(cipher: Cipher, scope: string, value: Json): Promise<Json> {
  return new Map([[SEALED, await cipher.encrypt(scope, stringifyJson(value))]])
}

function ciphertext(json: Json): string | undefined {
  const text = isObject(json) && json.size === 1 ? json.get(SEALED) : undefined
  return typeof text === 'string' ? text : undefined
}

/** The value in clear; `MASK` where the data key is gone, and for what only looks sealed because a user sent it so. */
export async function unseal(cipher: Cipher, scope: string, json: Json): Promise<Json> {
  const text = ciphertext(json)
  if (text === undefined) return json
  const clear = await cipher.decrypt(scope, text)
  return clear === undefined ? MASK : parseJson(clear)
}

export function isSealed(json: Json | undefined): boolean {
  return json !== undefined && ciphertext(json) !== undefined
}

/** Every sealed value inside `json`, at any depth, replaced by what `open` makes of it. */
export async function mapSealed(json: Json, open: (sealed: Json) => Promise<Json> | Json): Promise<Json> {
  if (isSealed(json)) return open(json)
  if (isObject(json)) {
    const members = await Promise.all(
      [...json].map(async ([name, value]) => [name, await mapSealed(value, open)] as const),
    )
    return new Map(members)
  }
  if (isArray(json)) return Promise.all(json.map((item) => mapSealed(item, open)))
  return json
}

/** `text` with its sealed values opened; the very text where there are none. */
export async function mapSealedText(text: JsonText, open: (sealed: Json) => Promise<Json> | Json): Promise<JsonText> {
  if (!text.includes(SEALED)) return text
  return stringifyJson(await mapSealed(parseJson(text), open))
}
