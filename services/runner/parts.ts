/** `items` in their order, in parts of which each weighs at most `most`; an item that weighs more is alone. At least one part. */
export function partsOf<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  if (items.length < 2) return [items]
  const parts: T[][] = [[]]
  let weighs = 0
  for (const item of items) {
    const bytes = Buffer.byteLength(JSON.stringify(item))
    if (weighs > 0 && weighs + bytes > most) {
      parts.push([])
      weighs = 0
    }
    weighs += bytes
    parts.at(-1)?.push(item)
  }
  return parts
}
