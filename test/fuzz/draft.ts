/** JSON that is still being made up, down to what `JSON.stringify` would never write: names that stand twice, `1e400`, `-0`, half surrogates. */
import type { Chance } from '../chaos/chance.ts'
import { nastyName, nastyValue } from './nasty.ts'

export type Draft =
  Readonly<{ text: string }> | Readonly<{ items: readonly Draft[] }> | Readonly<{ members: readonly Member[] }>

/** A name as JSON text, quotes included, and its value. */
export type Member = readonly [name: string, value: Draft]

export function draftOf(value: unknown): Draft {
  if (Array.isArray(value)) return { items: value.map(draftOf) }
  if (typeof value !== 'object' || value === null) return { text: JSON.stringify(value) }
  return { members: Object.entries(value).map(([name, each]) => [JSON.stringify(name), draftOf(each)]) }
}

export function written(draft: Draft): string {
  if ('text' in draft) return draft.text
  if ('items' in draft) return `[${draft.items.map(written).join(',')}]`
  return `{${draft.members.map(([name, value]) => `${name}:${written(value)}`).join(',')}}`
}

/** A JSON text without its quotes; anything else as it is written. */
export function plainText(text: string): string {
  return (text.startsWith('"') ? (JSON.parse(text) as string) : text).toWellFormed()
}

/** The same draft but for one place, mostly near the top, where the fields are that the platform reads itself. */
export function mutated(draft: Draft, chance: Chance): Draft {
  const descends = chance.happens(0.75)
  if ('members' in draft && draft.members.length > 0 && descends) {
    const at = chance.between(0, draft.members.length - 1)
    return { members: draft.members.flatMap((member, nth) => (nth === at ? mutatedMember(member, chance) : [member])) }
  }
  if ('items' in draft && draft.items.length > 0 && descends) {
    const at = chance.between(0, draft.items.length - 1)
    return { items: draft.items.flatMap((item, nth) => (nth === at ? mutatedItem(item, chance) : [item])) }
  }
  if ('members' in draft && chance.happens(0.6)) {
    return { members: [...draft.members, [nastyName(chance), { text: nastyValue(chance) }]] }
  }
  return { text: nastyValue(chance) }
}

function mutatedMember([name, value]: Member, chance: Chance): readonly Member[] {
  const way = chance.next()
  if (way < 0.12) return []
  if (way < 0.2) return [[nastyName(chance), value]]
  if (way < 0.28) {
    return [
      [name, value],
      [name, { text: nastyValue(chance) }],
    ]
  }
  return [[name, mutated(value, chance)]]
}

function mutatedItem(item: Draft, chance: Chance): readonly Draft[] {
  const way = chance.next()
  if (way < 0.15) return []
  if (way < 0.35) return [item, item]
  return [mutated(item, chance)]
}
