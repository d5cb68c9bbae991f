import { isArray, isObject, type Json, type JsonText, parseJson, stringifyJson } from '../../contracts/json.ts'
import { keptText, SEALED, sentText } from './lookalikes.ts'

/** Encrypts under a project's data key; `decrypt` answers undefined when that key is gone or the text is not of that scope. */
export interface Cipher {
  encrypt(scope: string, text: string): Promise<string>
  decrypt(scope: string, cipher: string): Promise<string | undefined>
}

/** A cipher, and the data key that it uses. */
export type Sealing = Readonly<{ cipher: Cipher; scope: string }>

/** What a sealed value shows to those who may not read it, and where its key is gone. */
export const MASK = '******'

/** Under the data key of a project's secrets. */
export function sealingOf(cipher: Cipher, project: number): Sealing {
  return { cipher, scope: `project-${project}` }
}

/** `{"$sealed": "…"}` with the value encrypted as it was sent. `value` is as it is kept (`keptText`). */
export async function seal({ cipher, scope }: Sealing, value: Json): Promise<Json> {
  return new Map([[SEALED, await cipher.encrypt(scope, sentText(stringifyJson(value)))]])
}

function ciphertext(json: Json): string | undefined {
  const text = isObject(json) && json.size === 1 ? json.get(SEALED) : undefined
  return typeof text === 'string' ? text : undefined
}

/** The value in clear as it is kept; undefined where the data key is gone. What is not sealed stays. */
export async function unseal({ cipher, scope }: Sealing, json: Json): Promise<Json | undefined> {
  const text = ciphertext(json)
  if (text === undefined) return json
  const clear = await cipher.decrypt(scope, text)
  return clear === undefined ? undefined : parseJson(keptText(clear as JsonText))
}

export function isSealed(json: Json | undefined): boolean {
  return json !== undefined && ciphertext(json) !== undefined
}

type Change<A extends readonly unknown[]> = (...change: A) => Promise<Json> | Json

/** An object or an array with each member changed; the items of an array have their index for a name. */
export async function mapMembers(json: Json, change: Change<[value: Json, name: string]>): Promise<Json> {
  if (isObject(json)) {
    const changed = await Promise.all(
      [...json].map(async ([name, value]) => [name, await change(value, name)] as const),
    )
    return new Map(changed)
  }
  return isArray(json) ? Promise.all(json.map(async (item, index) => change(item, String(index)))) : json
}

/** Every sealed value inside `json`, at any depth, replaced by what `open` makes of it. */
export async function mapSealed(json: Json, open: Change<[sealed: Json]>): Promise<Json> {
  // Most values hold none, and are large at times: a promise for each of their members would cost more than a look.
  return anySealed(json) ? replaceSealed(json, open) : json
}

async function replaceSealed(json: Json, open: Change<[sealed: Json]>): Promise<Json> {
  return isSealed(json) ? open(json) : mapMembers(json, (value) => replaceSealed(value, open))
}

function anySealed(json: Json): boolean {
  if (isObject(json)) return isSealed(json) || [...json.values()].some(anySealed)
  return isArray(json) && json.some(anySealed)
}

/** Whether a kept text holds sealed values. Only the platform writes that name with one `$`, and it writes no space. */
export function holdsSealed(text: JsonText): boolean {
  return text.includes(`{"${SEALED}":"`)
}

/** A kept text as it was sent, with its sealed values opened: the very text where there are none. */
export async function openText(text: JsonText, open: Change<[sealed: Json]>): Promise<JsonText> {
  return sentText(holdsSealed(text) ? stringifyJson(await mapSealed(parseJson(text), open)) : text)
}
