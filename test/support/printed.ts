import { readFileSync } from 'node:fs'

/** A call as seed 000 prints it. */
export type Printed = Readonly<{ status: number; request?: Readonly<Record<string, unknown>>; answer?: unknown }>

const all = JSON.parse(readFileSync(new URL('../fixtures/printed/seed-000.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Printed>
>

/** What seed 000 prints for a call, for example `projects.create`. */
export function printed(call: string): Required<Printed> {
  const found = all[call]
  if (!found) throw new Error(`seed 000 prints no ${call}`)
  return { request: {}, answer: undefined, ...found }
}

/**
 * What is not as printed: a name that is missing, one that is not printed and not among `ours`, a value of another type. Lists are
 * compared by the first of the printed items, objects that users fill (variables, headers) by their type alone.
 */
export function differences(
  actual: unknown,
  wanted: unknown,
  ours: readonly string[] = [],
  at = '',
): readonly string[] {
  if (kind(actual) !== kind(wanted)) return [`${at}: ${kind(wanted)} is printed, not ${kind(actual)}`]
  if (Array.isArray(wanted)) {
    const [first] = wanted
    if (first === undefined) return []
    return (actual as unknown[]).flatMap((item, index) => differences(item, first, ours, `${at}[${index}]`))
  }
  if (kind(wanted) !== 'object' || FREE.test(at)) return []
  const [have, want] = [actual as Readonly<Record<string, unknown>>, wanted as Readonly<Record<string, unknown>>]
  return [
    ...Object.keys(want).flatMap((name) =>
      name in have ? differences(have[name], want[name], ours, `${at}.${name}`) : [`${at}.${name}: is missing`],
    ),
    ...Object.keys(have).flatMap((name) =>
      name in want || ours.includes(name) ? [] : [`${at}.${name}: is not printed`],
    ),
  ]
}

/** Objects whose names are the users' own. */
const FREE = /\.(global_variable|debug_global_variable|headers|request|config|response_header|requests_header)$/

function kind(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}
