import { Rejected } from '../../contracts/core.ts'
import type { EnvironmentFields } from '../../contracts/environment.ts'
import {
  isArray,
  isObject,
  type Json,
  JsonNumber,
  type JsonObject,
  type JsonText,
  parseJson,
  stringifyJson,
} from '../../contracts/json.ts'
import { type Cipher, isSealed, mapSealed, mapSealedText, MASK, scopeOf, seal, unseal } from './sealed.ts'

/** The JSON fields of an environment, as texts in full length. */
export type EnvironmentTexts = Readonly<{
  headers: JsonText
  global_variable: JsonText
  debug_global_variable: JsonText
  db: JsonText
}>

/** The fields whose members `secrets` may name; a secret variable is one in debug runs too. */
const NAMED_FIELDS = ['headers', 'global_variable', 'debug_global_variable'] as const
type NamedField = (typeof NAMED_FIELDS)[number]

/** Throws `Rejected` for a path that names no member of a field that may hold secrets. */
export function checkSecretPaths(secrets: readonly string[]): void {
  for (const path of secrets) {
    if (!NAMED_FIELDS.some((field) => path.startsWith(`${field}.`) && path.length > field.length + 1)) {
      throw new Rejected(
        'invalid',
        `secrets：${path} 无效，应为 headers.名称、global_variable.名称 或 debug_global_variable.名称`,
        'secrets',
      )
    }
  }
}

/** Whether `secrets` names the member. Header names have no case. */
function isSecret(secrets: readonly string[], field: NamedField, name: string): boolean {
  if (field === 'headers') return secrets.some((path) => path.toLowerCase() === `headers.${name.toLowerCase()}`)
  const variable = (path: string): boolean =>
    path === `global_variable.${name}` || path === `debug_global_variable.${name}`
  return secrets.some(variable)
}

type Sealing = Readonly<{ cipher: Cipher; scope: string }>

/** `sticky`: what was sealed stays so while it does not change, though nobody names it: a debug run saved it. */
type Placing = Readonly<{ secret: boolean; sticky: boolean; before: Json | undefined }>

/**
 * One value on its way into an event: sealed where it is a secret, in clear where it is none. `MASK` written back leaves what was
 * there, and so does the value itself: it keeps its ciphertext, so that writing it back is no change.
 */
async function place({ cipher, scope }: Sealing, value: Json, { secret, sticky, before }: Placing): Promise<Json> {
  if (before !== undefined && isSealed(before)) {
    const clear = await unseal(cipher, scope, before)
    const text = stringifyJson(value)
    if (value === MASK || text === stringifyJson(clear) || text === stringifyJson(before)) {
      return secret || sticky ? before : clear
    }
  }
  return secret ? seal(cipher, scope, value) : value
}

/** Texts that need no sealing stay letter for letter. */
function written(original: JsonText, before: Json, after: Json): JsonText {
  const text = stringifyJson(after)
  return text === stringifyJson(before) ? original : text
}

async function placeMembers(
  sealing: Sealing,
  text: JsonText,
  before: JsonText | undefined,
  rules: Readonly<{ secret(name: string): boolean; sticky: boolean }>,
): Promise<JsonText> {
  const members = parseJson(text)
  if (!isObject(members)) return text
  const old = membersOf(before)
  const placed = await Promise.all(
    [...members].map(async ([name, value]) => {
      const placing = { secret: rules.secret(name), sticky: rules.sticky, before: old.get(name) }
      return [name, await place(sealing, value, placing)] as const
    }),
  )
  return written(text, members, new Map(placed))
}

function membersOf(text: JsonText | undefined): JsonObject {
  const json = text === undefined ? undefined : parseJson(text)
  return isObject(json) ? json : new Map()
}

/** `db[*].config.password`, found again by the entry's name. */
async function placePasswords(sealing: Sealing, text: JsonText, before: JsonText | undefined): Promise<JsonText> {
  const entries = parseJson(text)
  if (!isArray(entries)) return text
  const oldEntries = before === undefined ? [] : parseJson(before)
  const old = (entry: JsonObject): Json | undefined => {
    const same = isArray(oldEntries)
      ? oldEntries.find((other) => isObject(other) && other.get('name') === entry.get('name'))
      : undefined
    return passwordOf(same)
  }
  const placed = await Promise.all(
    entries.map(async (entry) => {
      const password = passwordOf(entry)
      if (!isObject(entry) || password === undefined) return entry
      const config = new Map(entry.get('config') as JsonObject)
      config.set('password', await place(sealing, password, { secret: true, sticky: false, before: old(entry) }))
      return new Map(entry).set('config', config)
    }),
  )
  return written(text, entries, placed)
}

function passwordOf(entry: Json | undefined): Json | undefined {
  const config = isObject(entry) ? entry.get('config') : undefined
  return isObject(config) ? config.get('password') : undefined
}

/**
 * The JSON fields of an environment as its events hold them: what `secrets` names and the passwords in `db` are sealed. `before` are
 * the present texts, sealed as they stand.
 */
export async function sealTexts(
  cipher: Cipher,
  project: number,
  secrets: readonly string[],
  texts: Partial<EnvironmentTexts>,
  before: Partial<EnvironmentTexts> = {},
): Promise<Partial<EnvironmentTexts>> {
  const sealing: Sealing = { cipher, scope: scopeOf(project) }
  const result: { -readonly [K in keyof EnvironmentTexts]?: JsonText } = {}
  for (const field of NAMED_FIELDS) {
    const text = texts[field]
    if (text !== undefined) {
      result[field] = await placeMembers(sealing, text, before[field], {
        secret: (name) => isSecret(secrets, field, name),
        sticky: field === 'debug_global_variable',
      })
    }
  }
  if (texts.db !== undefined) result.db = await placePasswords(sealing, texts.db, before.db)
  return result
}

/** The values that one debug run saved, sealed: they may be tokens that nobody named a secret. */
export async function sealVariables(
  cipher: Cipher,
  project: number,
  set: Readonly<Record<string, JsonText>>,
): Promise<Record<string, JsonText>> {
  const scope = scopeOf(project)
  const entries = Object.entries(set).map(
    async ([name, value]) => [name, stringifyJson(await seal(cipher, scope, parseJson(value)))] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** `debug_global_variable` as debug runs left it: what was written, with what they saved and deleted laid over it. */
export function withOverlay(text: JsonText, overlay: Readonly<Record<string, JsonText | null>>): JsonText {
  const names = Object.keys(overlay)
  if (names.length === 0) return text
  const members = new Map(membersOf(text))
  for (const [name, value] of Object.entries(overlay)) {
    if (value === null) members.delete(name)
    else members.set(name, parseJson(value))
  }
  return stringifyJson(members)
}

/** An environment's fields in full length, as read from its fold or its row. */
export type WholeEnvironment = EnvironmentTexts &
  Pick<EnvironmentFields, 'name' | 'host' | 'secrets'> &
  Readonly<{
    id: number
    project: number
    global_func: string
    debug_overlay: Readonly<Record<string, JsonText | null>>
  }>

/** The four JSON texts as a reader sees them: in clear, or with every secret masked. */
export async function openTexts(
  cipher: Cipher,
  environment: WholeEnvironment,
  reader: 'clear' | 'masked',
): Promise<EnvironmentTexts> {
  const scope = scopeOf(environment.project)
  const open = reader === 'clear' ? (json: Json) => unseal(cipher, scope, json) : () => MASK
  const { headers, global_variable, db } = environment
  const debug = withOverlay(environment.debug_global_variable, environment.debug_overlay)
  return {
    headers: await mapSealedText(headers, open),
    global_variable: await mapSealedText(global_variable, open),
    debug_global_variable: await mapSealedText(debug, open),
    db: await mapSealedText(db, open),
  }
}

/** The shortest value that is masked: shorter ones stand by chance in too much other text. */
const SHORTEST_MASKED = 4

/** The values in clear of what is named a secret: what results and logs must not show. */
export async function secretValues(cipher: Cipher, environment: WholeEnvironment): Promise<readonly string[]> {
  const scope = scopeOf(environment.project)
  const values = new Set<string>()
  const collect = async (sealed: Json): Promise<Json> => {
    const clear = await unseal(cipher, scope, sealed)
    if (clear !== MASK) for (const leaf of leaves(clear)) values.add(leaf)
    return clear
  }
  await mapSealed(parseJson(environment.headers), collect)
  await mapSealed(parseJson(environment.global_variable), collect)
  await mapSealed(parseJson(environment.db), collect)
  const debug = membersOf(withOverlay(environment.debug_global_variable, environment.debug_overlay))
  for (const [name, value] of debug) {
    if (isSecret(environment.secrets, 'debug_global_variable', name)) await mapSealed(value, collect)
  }
  return [...values].filter((value) => value.length >= SHORTEST_MASKED)
}

function leaves(json: Json): string[] {
  if (json instanceof JsonNumber) return [json.text]
  if (typeof json === 'string') return [json]
  if (isArray(json)) return json.flatMap(leaves)
  if (isObject(json)) return [...json.values()].flatMap(leaves)
  return []
}
