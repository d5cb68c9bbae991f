import { isDeepStrictEqual } from 'node:util'

/** Those of `wanted` that differ from `state`; undefined when nothing does: a change that changes nothing is no event. */
export function changedFields<T extends object>(state: T, wanted: Partial<T>): Partial<T> | undefined {
  const changes = Object.entries(wanted).filter(
    ([name, value]) => value !== undefined && !isDeepStrictEqual(state[name as keyof T], value),
  )
  return changes.length > 0 ? (Object.fromEntries(changes) as Partial<T>) : undefined
}
