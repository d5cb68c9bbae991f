/** Characters of a name that a run keeps. */
const MOST = 1_000

/** A name as a run has it: records, lists and lines of progress need no more of one that fills pages. */
export function nameInRun(name: string): string {
  return shortened(name, MOST)
}

/** The name in at most so many characters; one that is cut says so. */
export function shortened(name: string, most: number): string {
  // UTF-16 units are at least as many as characters.
  if (name.length <= most) return name
  const characters = Array.from(name)
  return characters.length <= most ? name : `${characters.slice(0, most - 1).join('')}…`
}
