/** Characters of a name that a run keeps. */
const MOST = 1_000

/** A name as a run has it: records, lists and lines of progress need no more of one that fills pages. */
export function nameInRun(name: string): string {
  // UTF-16 units are at least as many as characters.
  if (name.length <= MOST) return name
  const characters = Array.from(name)
  return characters.length <= MOST ? name : `${characters.slice(0, MOST - 1).join('')}…`
}
