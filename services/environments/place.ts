import { Rejected } from '../../contracts/core.ts'
import { isArray, isObject, type Json, type JsonObject, leafTexts, stringifyJson } from '../../contracts/json.ts'
import { isSealed, mapMembers, mapSealed, MASK, seal, type Sealing, unseal } from './sealed.ts'
import { type Secrecy, secrecyBelow } from './secret-paths.ts'

/** Looks members up by name. */
type Find = (members: JsonObject) => (name: string) => Json | undefined

/**
 * What a sent value stands for. The mask of what is sealed at its place, and the same value again, stand for what is sealed there: it
 * keeps its ciphertext, so that writing it back is no change. `memberOf` finds the members of the outermost object again.
 */
export async function recall(
  sealing: Sealing,
  sent: Json,
  before: Json | undefined,
  memberOf: Find = (members) => (name) => members.get(name),
): Promise<Json> {
  if (before === undefined) return sent
  if (isSealed(before)) {
    if (sent === MASK) return before
    const clear = await unseal(sealing, before)
    return clear !== undefined && stringifyJson(sent) === stringifyJson(clear) ? before : sent
  }
  if (isObject(sent) && isObject(before)) {
    const old = memberOf(before)
    return mapMembers(sent, (value, name) => recall(sealing, value, old(name)))
  }
  if (isArray(sent) && isArray(before)) {
    return mapMembers(sent, (value, index) => recall(sealing, value, before[Number(index)]))
  }
  return sent
}

/** The header of exactly that name, else the only one that is the same without case. */
export const headerOf: Find = (headers) => {
  const spellings = Map.groupBy(headers.keys(), (name) => name.toLowerCase())
  return (name) => {
    if (headers.has(name)) return headers.get(name)
    const [other, ...more] = spellings.get(name.toLowerCase()) ?? []
    return other === undefined || more.length > 0 ? undefined : headers.get(other)
  }
}

/** Throws `Rejected` where a secret holds a mask that stands for nothing: as a value it would be the end of the secret that was meant. */
export function refuseMasks(field: string, secrets: readonly Json[]): void {
  if (secrets.some((secret) => leafTexts(secret).includes(MASK))) {
    throw new Rejected('invalid', `${field}：${MASK} 处没有已保存的加密内容，请填写实际的值`, field)
  }
}

/**
 * `value` with all that is secret sealed and all that is not in clear, but for what cannot be opened. `sticky`: what is sealed stays so,
 * though nobody names it.
 */
export async function protect(sealing: Sealing, value: Json, secrecy: Secrecy, sticky: boolean): Promise<Json> {
  if (isSealed(value)) {
    const clear = sticky || secrecy.rests.includes('') ? undefined : await unseal(sealing, value)
    return clear === undefined ? value : protect(sealing, clear, secrecy, sticky)
  }
  if (secrecy.rests.includes('')) {
    return seal(sealing, await mapSealed(value, async (sealed) => (await unseal(sealing, sealed)) ?? MASK))
  }
  if (secrecy.rests.length === 0) {
    return sticky ? value : mapSealed(value, async (sealed) => (await unseal(sealing, sealed)) ?? sealed)
  }
  const below = secrecyBelow(secrecy, value)
  return mapMembers(value, (member, name) => protect(sealing, member, below(name), sticky))
}
