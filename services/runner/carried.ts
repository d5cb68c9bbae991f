import type { SerializedCookieJar } from 'tough-cookie'
import { type Json, type JsonObject, parseJson } from '../../contracts/json.ts'
import { type Cipher, sealingOf } from '../environments/sealed.ts'
import type { ScopeChanges } from './case/scripts.ts'

/** What a case left for those after it: changes of the two scopes, and the cookies where it was sent some. */
export type Carried = Readonly<{ env: ScopeChanges; ENV: ScopeChanges; cookies?: SerializedCookieJar | undefined }>

/** As the result's event keeps it: encrypted, for it may hold tokens. Undefined when a case left nothing. */
export async function sealCarried(cipher: Cipher, project: number, carried: Carried): Promise<string | undefined> {
  const { env, ENV, cookies } = carried
  if (!cookies && isNothing(env) && isNothing(ENV)) return undefined
  const { scope } = sealingOf(cipher, project)
  return cipher.encrypt(scope, JSON.stringify(carried))
}

/** The reverse; undefined when the project's data key is gone. */
export async function openCarried(cipher: Cipher, project: number, sealed: string): Promise<Carried | undefined> {
  const { scope } = sealingOf(cipher, project)
  const text = await cipher.decrypt(scope, sealed)
  return text === undefined ? undefined : (JSON.parse(text) as Carried)
}

function isNothing({ set, deleted }: ScopeChanges): boolean {
  return deleted.length === 0 && Object.keys(set).length === 0
}

/** A scope with the changes of a case. */
export function withChanges(scope: JsonObject, { set, deleted }: ScopeChanges): JsonObject {
  const changed = new Map<string, Json>(scope)
  for (const name of deleted) changed.delete(name)
  for (const [name, text] of Object.entries(set)) changed.set(name, parseJson(text, { nonFinite: true }))
  return changed
}
