import { readFileSync } from 'node:fs'
import { expect } from '@jest/globals'
import type { Event } from '../../contracts/core.ts'
import type { Reply, TestPlatform } from './platform.ts'

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

/** Sends a call and compares its answer with what is printed; tells body, headers and the events that it made. `ours` are names beside. */
export type AsPrinted = (
  call: string,
  method: string,
  path: string,
  options?: { body?: unknown; ours?: string[] },
) => Promise<Pick<Reply, 'body' | 'headers'> & Readonly<{ events: readonly Event[] }>>

export function sentAsPrinted(platform: () => TestPlatform): AsPrinted {
  return async (call, method, path, { body, ours } = {}) => {
    const wanted = printed(call)
    let answer!: Reply
    const events = await platform().eventsOf(async () => {
      answer = await platform().call(method, path, body)
    })
    expect(answer.status).toBe(wanted.status)
    if (wanted.status === 204) expect(answer.text).toBe('')
    else expect(differences(answer.body, wanted.answer, ours)).toEqual([])
    return { body: answer.body, headers: answer.headers, events: events.map(({ type, data }) => ({ type, data })) }
  }
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
