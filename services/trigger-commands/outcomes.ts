/** A command that was not carried out; `code` is that of the REST call. */
export type RefusedOutcome = Readonly<{
  status: 'refused'
  message: string
  code: string
  fields?: Readonly<Record<string, readonly string[]>>
}>

/** What became of a command when it was carried out: the first word, which every repeat is told again. */
export type Outcome = Readonly<{ status: 'accepted'; record: number }> | RefusedOutcome

/**
 * What is told of a refusal, and kept of it: REST says all that is wrong, a reply the first of it, so that it fits into its topic
 * whatever the command was. Characters, and how many.
 */
const MOST = { message: 2_000, fields: 20, ofField: 5, ofName: 100, ofWords: 200 } as const

/** What tells that a text was cut. */
const CUT = '…'

/** So many characters at most, surrogate pairs as one. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text
  // A long text is not taken apart whole.
  const characters = Array.from(text.slice(0, 2 * most + 2))
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}${CUT}`
}

/** The refusal as a reply may have it. Fields whose names are the same when cut are told as one. */
export function bounded({ fields, message, ...rest }: RefusedOutcome): RefusedOutcome {
  const byName = new Map<string, readonly string[]>()
  for (const [name, words] of Object.entries(fields ?? {}).slice(0, MOST.fields)) {
    const short = cut(name, MOST.ofName)
    const all = [...(byName.get(short) ?? []), ...words.slice(0, MOST.ofField)]
    byName.set(
      short,
      all.slice(0, MOST.ofField).map((each) => cut(each, MOST.ofWords)),
    )
  }
  return { ...rest, message: cut(message, MOST.message), ...(fields && { fields: Object.fromEntries(byName) }) }
}
