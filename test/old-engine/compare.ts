import { isDeepStrictEqual } from 'node:util'
import type { Difference, Scene } from './scene.ts'
import type { ObservedScene } from './observed.ts'

type Fields = Readonly<Record<string, unknown>>

/** What one case, or the scene itself (`scene`), shows: field by field. */
function partsOf({ cases, env, ENV }: ObservedScene): ReadonlyMap<string, Fields> {
  return new Map<string, Fields>([...cases.map((one, index) => [String(index), one] as const), ['scene', { env, ENV }]])
}

/** What is seen on either side of a part, for each part that either has. */
export function sideBySide(
  recorded: ObservedScene,
  ours: ObservedScene,
): readonly (readonly [string, Fields, Fields])[] {
  const [old, here] = [partsOf(recorded), partsOf(ours)]
  const parts = new Set([...old.keys(), ...here.keys()])
  return [...parts].map((part) => [part, old.get(part) ?? {}, here.get(part) ?? {}])
}

/** The fields in which two parts differ. */
export function differingFields(recorded: Fields, ours: Fields): readonly string[] {
  return [...new Set([...Object.keys(recorded), ...Object.keys(ours)])].filter(
    (field) => !isDeepStrictEqual(recorded[field], ours[field]),
  )
}

/** The differences that are meant for a part: those of its case, and those of all. */
export function meantFor({ differs }: Scene, part: string): readonly Difference[] {
  return [...(differs.get(part) ?? []), ...(differs.get('*') ?? [])]
}
