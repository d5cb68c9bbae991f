import type { EnvironmentFields } from '../../contracts/environment.ts'
import {
  isObject,
  type Json,
  type JsonObject,
  type JsonText,
  leafTexts,
  parseJson,
  stringifyJson,
} from '../../contracts/json.ts'
import { keptName, keptText } from './lookalikes.ts'
import { sealPasswords } from './passwords.ts'
import { headerOf, protect, recall, refuseMasks } from './place.ts'
import { type Cipher, holdsSealed, MASK, mapSealed, openText, seal, type Sealing, sealingOf, unseal } from './sealed.ts'
import { NAMED_FIELDS, type NamedField, secretsIn, secrecyOf } from './secret-paths.ts'

/** The JSON fields of an environment, as texts in full length: as they were sent, or as they are kept with their secrets sealed. */
export type EnvironmentTexts = Readonly<{
  headers: JsonText
  global_variable: JsonText
  debug_global_variable: JsonText
  db: JsonText
}>

type SomeTexts = { -readonly [K in keyof EnvironmentTexts]?: JsonText }

/** What a debug run saved is sealed though nobody names it, and stays so until it is written with another value. */
const sticky = (field: NamedField): boolean => field === 'debug_global_variable'

/**
 * The sent JSON fields of an environment as its events keep them: what `secrets` names and the passwords in `db` are sealed. `before`
 * are the present texts as they are kept: a mask stands for what is sealed there. Throws `Rejected` for a mask that stands for nothing.
 */
export async function sealTexts(
  cipher: Cipher,
  project: number,
  secrets: readonly string[],
  sent: Partial<EnvironmentTexts>,
  before: Partial<EnvironmentTexts> = {},
): Promise<Partial<EnvironmentTexts>> {
  const sealing = sealingOf(cipher, project)
  const result: SomeTexts = {}
  for (const field of NAMED_FIELDS) {
    const text = sent[field]
    if (text !== undefined) result[field] = await sealMembers(sealing, secrets, field, keptText(text), before[field])
  }
  if (sent.db !== undefined) {
    const text = keptText(sent.db)
    const db = parseJson(text)
    result.db = written(text, db, await sealPasswords(sealing, db, before.db && parseJson(before.db)))
  }
  return result
}

async function sealMembers(
  sealing: Sealing,
  secrets: readonly string[],
  field: NamedField,
  text: JsonText,
  before: JsonText | undefined,
): Promise<JsonText> {
  const secrecy = secrecyOf(secrets, field)
  const hidden = before !== undefined && holdsSealed(before)
  if (secrecy.rests.length === 0 && !hidden) return text
  const members = parseJson(text)
  const meant = hidden
    ? await recall(sealing, members, parseJson(before), field === 'headers' ? headerOf : undefined)
    : members
  refuseMasks(field, secretsIn(meant, secrecy))
  return written(text, members, await protect(sealing, meant, secrecy, sticky(field)))
}

/** What changes of the kept texts when `secrets` name other members than before: those are sealed, or stand in clear again. */
export async function resealTexts(
  cipher: Cipher,
  project: number,
  secrets: readonly string[],
  kept: Partial<EnvironmentTexts>,
): Promise<Partial<EnvironmentTexts>> {
  const sealing = sealingOf(cipher, project)
  const result: SomeTexts = {}
  for (const field of NAMED_FIELDS) {
    const text = kept[field]
    if (text === undefined) continue
    const members = parseJson(text)
    const after = written(text, members, await protect(sealing, members, secrecyOf(secrets, field), sticky(field)))
    if (after !== text) result[field] = after
  }
  return result
}

/** Texts that need no sealing stay letter for letter. */
function written(original: JsonText, before: Json, after: Json): JsonText {
  const text = stringifyJson(after)
  return text === stringifyJson(before) ? original : text
}

function membersOf(text: JsonText): JsonObject {
  const json = parseJson(text)
  return isObject(json) ? json : new Map()
}

/** The values that one debug run saved, sealed: they may be tokens that nobody named a secret. */
export async function sealVariables(
  cipher: Cipher,
  project: number,
  set: Readonly<Record<string, JsonText>>,
): Promise<Record<string, JsonText>> {
  const sealing = sealingOf(cipher, project)
  const entries = Object.entries(set).map(
    async ([name, value]) => [name, stringifyJson(await seal(sealing, parseJson(keptText(value))))] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** `debug_global_variable` as debug runs left it, as it is kept: what was written, with what they saved and deleted laid over it. */
export function withOverlay(text: JsonText, overlay: Readonly<Record<string, JsonText | null>>): JsonText {
  const names = Object.keys(overlay)
  if (names.length === 0) return text
  const members = new Map(membersOf(text))
  for (const [name, value] of Object.entries(overlay)) {
    if (value === null) members.delete(keptName(name))
    else members.set(keptName(name), parseJson(value))
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
  const sealing = sealingOf(cipher, environment.project)
  const open = async (sealed: Json): Promise<Json> =>
    reader === 'masked' ? MASK : ((await unseal(sealing, sealed)) ?? MASK)
  const { headers, global_variable, db } = environment
  const debug = withOverlay(environment.debug_global_variable, environment.debug_overlay)
  return {
    headers: await openText(headers, open),
    global_variable: await openText(global_variable, open),
    debug_global_variable: await openText(debug, open),
    db: await openText(db, open),
  }
}

/** The shortest value that is masked: shorter ones stand by chance in too much other text. */
const SHORTEST_MASKED = 4

/** The values in clear of what is named a secret: what results and logs must not show. */
export async function secretValues(cipher: Cipher, environment: WholeEnvironment): Promise<readonly string[]> {
  const sealing = sealingOf(cipher, environment.project)
  const found: Json[] = []
  const open = async (sealed: Json): Promise<Json> => (await unseal(sealing, sealed)) ?? null
  const collect = async (sealed: Json): Promise<Json> => {
    const clear = await open(sealed)
    found.push(clear)
    return clear
  }
  const texts = {
    ...environment,
    debug_global_variable: withOverlay(environment.debug_global_variable, environment.debug_overlay),
  }
  for (const field of NAMED_FIELDS) {
    // Of what debug runs saved everything is sealed, but only what is named is a secret.
    const clear = await mapSealed(parseJson(texts[field]), sticky(field) ? open : collect)
    found.push(...secretsIn(clear, secrecyOf(environment.secrets, field)))
  }
  await mapSealed(parseJson(texts.db), collect)
  return [...new Set(found.flatMap(leafTexts))].filter((value) => value.length >= SHORTEST_MASKED)
}
