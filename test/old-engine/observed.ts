import type { Sent } from './target.ts'

/** What is compared of a case. */
const CASE_FIELDS = [
  'state',
  'log',
  'url',
  'method',
  'status_cede',
  'response_header',
  'requests_header',
  'response_body',
  'requests_body',
  'sent',
] as const
/** What is compared of a scene: the variables that it left, as Python prints them. */
const SCENE_FIELDS = ['env', 'ENV'] as const

export const FIELDS: readonly string[] = [...CASE_FIELDS, ...SCENE_FIELDS]
export type Field = string

/** Absent members are null: a case without an answer has no `url`. */
export type ObservedCase = Readonly<Record<(typeof CASE_FIELDS)[number], unknown>>

export type ObservedScene = Readonly<{
  cases: readonly ObservedCase[]
  env: Readonly<Record<string, string>>
  ENV: Readonly<Record<string, string>>
}>

/** One result as an engine gives it, with what arrived at the target. */
export type SeenCase = Readonly<{
  result: Readonly<Record<string, unknown>>
  sent: readonly Sent[]
}>

export type SeenScene = Readonly<{
  cases: readonly SeenCase[]
  env: Readonly<Record<string, string>>
  ENV: Readonly<Record<string, string>>
}>

/**
 * What was seen, without what differs from run to run or between the two by nature. Everything that is not compared to the letter is
 * here and nowhere else.
 */
export function normalised(
  seen: SeenScene,
  target: Readonly<{ address: string; otherAddress: string }>,
): ObservedScene {
  const placed = replacedTexts(seen, (text) => withoutPort(text, target))
  return {
    ...placed,
    cases: placed.cases.map((one) => {
      const boundaries = boundariesIn(one)
      return observedCase(
        replacedTexts(one, (text) => withoutPlaces(withoutAddresses(withoutBoundaries(text, boundaries)))),
      )
    }),
  }
}

function observedCase({ result, sent }: SeenCase): ObservedCase {
  const named = (field: string) => result[field] ?? null
  return {
    state: named('state'),
    log: ((result.log_data ?? []) as readonly (readonly [string, string])[]).map(withoutFrames),
    url: named('url'),
    method: named('method'),
    status_cede: named('status_cede'),
    response_header: named('response_header'),
    requests_header: named('requests_header'),
    response_body: named('response_body'),
    requests_body: named('requests_body'),
    sent: sent.map(withoutClientsOwn),
  }
}

/** Each run has ports of its own. A colon may stand as its escape. */
function withoutPort(
  text: string,
  { address, otherAddress }: Readonly<{ address: string; otherAddress: string }>,
): string {
  return [
    [address, 'target.test'],
    [otherAddress, 'other.test'],
  ].reduce(
    (replaced, [from = '', to = '']) => replaced.replaceAll(from, to).replaceAll(from.replace(':', '%3A'), to),
    text,
  )
}

/** Boundaries of multipart bodies are drawn by lot. */
function boundariesIn({ sent, result }: SeenCase): readonly string[] {
  const texts = [JSON.stringify(sent), JSON.stringify(result)].join('')
  return [...texts.matchAll(/multipart\/form-data; boundary=([0-9a-f]{32})|--([0-9a-f]{32})--/g)].map(
    ([, told, last]) => told ?? last ?? '',
  )
}

function withoutBoundaries(text: string, boundaries: readonly string[]): string {
  return boundaries.reduce((replaced, boundary) => replaced.replaceAll(boundary, 'BOUNDARY'), text)
}

/** Where an object lies in memory: `<function f at 0x7f…>`. */
function withoutAddresses(text: string): string {
  return text.replace(/(?<= at 0x)[0-9a-f]+/g, '…')
}

/** Where the standard library lies: `cannot import name 'x' from 'json' (/usr/…/json/__init__.py)`. */
function withoutPlaces(text: string): string {
  return text.replace(/(?<=cannot import name '\w+' from '[\w.]+' )\([^)]*\)/g, '(…)')
}

/**
 * Of a traceback the exception itself: its frames name files and lines of the engines, and Python 3.14 marks other columns than 3.11. Of
 * a request that failed, the HTTP client's own words are left out.
 */
function withoutFrames([level, text]: readonly [string, string]): readonly [string, string] {
  if (level !== 'EXCEPT') return [level, text]
  const last = text.split('Traceback (most recent call last):\n').at(-1) ?? ''
  const exception = last
    .replace(/^(?: .*\n)+/, '')
    // Python's guesses what was meant come from the names that an engine has, and are others in each version.
    .replace(/\. (?:Did you mean|Did you forget to import)\b.*$/m, '')
  return [level, exception.replace(/(?<=^ValueError: 请求发送失败，错误信息如下：)[^]*$/, '…\n')]
}

/**
 * Host, Connection and Content-Length are written by the HTTP client at places and in a spelling of its own, which mean nothing in HTTP;
 * they stand first here.
 */
function withoutClientsOwn(sent: Sent): Sent {
  const own = ['host', 'connection', 'content-length']
  const headers = sent.headers.map(([name, value]) =>
    own.includes(name.toLowerCase()) ? ([name.toLowerCase(), value] as const) : ([name, value] as const),
  )
  const first = own.flatMap((name) => headers.filter(([given]) => given === name))
  return { ...sent, headers: [...first, ...headers.filter(([name]) => !own.includes(name))] }
}

function replacedTexts<T>(value: T, replace: (text: string) => string): T {
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return replace(part)
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [replace(name), walk(member)]))
  }
  return walk(value) as T
}
