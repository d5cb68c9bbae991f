import { Rejected } from '../../contracts/core.ts'
import { isArray, isObject, type Json } from '../../contracts/json.ts'
import { sentName } from './lookalikes.ts'

/** The fields whose members `secrets` may name; a secret variable is one in debug runs too. */
export const NAMED_FIELDS = ['headers', 'global_variable', 'debug_global_variable'] as const
export type NamedField = (typeof NAMED_FIELDS)[number]

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

/** What is secret at one place: `rests` are the paths from there on, an empty one names the place itself. */
export type Secrecy = Readonly<{ rests: readonly string[]; anyCase: boolean }>

/** What `secrets` names inside the field. Header names have no case. */
export function secrecyOf(secrets: readonly string[], field: NamedField): Secrecy {
  const prefixes = field === 'headers' ? ['headers.'] : ['global_variable.', 'debug_global_variable.']
  const rests = secrets.flatMap((path) => {
    const prefix = prefixes.find((start) => path.startsWith(start))
    return prefix === undefined ? [] : [path.slice(prefix.length)]
  })
  const anyCase = field === 'headers'
  return { rests: anyCase ? rests.map((rest) => rest.toLowerCase()) : rests, anyCase }
}

/**
 * What is secret in each member of `json`, by the member's name as it is kept. Names may hold dots: a path that is one name as a whole
 * names that member alone, else it goes on in every member whose name it starts with.
 */
export function secrecyBelow({ rests, anyCase }: Secrecy, json: Json): (name: string) => Secrecy {
  const spelled = (name: string): string => (anyCase ? sentName(name).toLowerCase() : sentName(name))
  const names = new Set(rests.length > 0 ? namesIn(json).map(spelled) : [])
  const lengths = new Set([...names].map((name) => name.length))
  const below = new Map<string, string[]>()
  const add = (name: string, rest: string): void => void (below.get(name)?.push(rest) ?? below.set(name, [rest]))
  for (const rest of rests) {
    if (names.has(rest)) {
      add(rest, '')
      continue
    }
    for (const length of lengths) {
      const name = rest.slice(0, length)
      if (rest[length] === '.' && names.has(name)) add(name, rest.slice(length + 1))
    }
  }
  return (name) => ({ rests: below.get(spelled(name)) ?? [], anyCase })
}

/** The values inside `json` that are secret, each whole. */
export function secretsIn(json: Json, secrecy: Secrecy): Json[] {
  if (secrecy.rests.includes('')) return [json]
  if (secrecy.rests.length === 0) return []
  const below = secrecyBelow(secrecy, json)
  if (isObject(json)) return [...json].flatMap(([name, value]) => secretsIn(value, below(name)))
  if (isArray(json)) return json.flatMap((item, index) => secretsIn(item, below(String(index))))
  return []
}

function namesIn(json: Json): string[] {
  if (isObject(json)) return [...json.keys()]
  return isArray(json) ? [...json.keys()].map(String) : []
}
