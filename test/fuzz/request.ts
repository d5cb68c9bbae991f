/** One request of a fuzz, as bytes: nearly right mostly, for what is wrong in one place gets deepest. */
import type { Chance } from '../chaos/chance.ts'
import { type Draft, draftOf, mutated, plainText, written } from './draft.ts'
import type { Operation, Parameter } from './document.ts'
import { formOf } from './form.ts'
import { nastyBody, nastyText, nastyValue } from './nasty.ts'
import { type Making, scalar, valid } from './valid.ts'
import { addressOf } from './world.ts'

export type FuzzRequest = Readonly<{
  operation: Operation
  method: string
  /** With its query. */
  target: string
  headers: Readonly<Record<string, string>>
  body: Buffer | undefined
  /** Sent in pieces, of a length that is not told before. */
  chunked: boolean
  /** The client goes away in the middle of it. */
  cut: boolean
  /** Names of the top of the body and of the query, as far as they can be read: what a refusal may name. */
  names: ReadonlySet<string>
}>

/** Draws the next request for an operation. */
export function requestFor(operation: Operation, making: Making): FuzzRequest {
  const { chance } = making
  const odd = chance.happens(0.15)
  const query = queryFor(operation, making)
  const body = bodyFor(operation, making, odd)
  const type = body && typeFor(body.type, chance, odd)
  const method = odd && chance.happens(0.1) ? chance.pick(METHODS) : operation.method
  return {
    operation,
    method,
    target: `${pathFor(operation, making, odd)}${query.text}`,
    headers: {
      ...headersFor(operation, making, odd),
      ...(type !== undefined && { 'content-type': type }),
    },
    body: body?.bytes,
    chunked: chance.happens(0.1),
    cut: chance.happens(0.01),
    names: new Set([...query.names, ...(body ? (type === FORM ? formNames(body.bytes.toString()) : body.names) : [])]),
  }
}

const METHODS = ['HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE']

const ODD_IDS = [
  '0',
  '-1',
  '01',
  '+1',
  '1.0',
  '1e3',
  '1%20',
  '%31',
  '2147483647',
  '2147483648',
  '99999999999999999999',
  'null',
  'run',
  'me',
  '__proto__',
  'constructor',
  '%00',
  '%',
  '%zz',
  '%ff',
  '%2f',
  '%2e%2e',
  '..',
  '%EF%BC%91',
  '%F0%9F%98%80',
  ';a=b',
  '*',
  '(.*)',
  'x'.repeat(5_000),
]

function pathFor({ path, kind, method }: Operation, { chance, world, set }: Making, odd: boolean): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (chance.happens(odd ? 0.3 : 0.05)) return chance.pick(ODD_IDS)
    if (name === 'flow' || name === 'index') return chance.pick(['0', '0', '1', '00', '-1'])
    if (name === 'body') return chance.pick(['request', 'response', 'other'])
    if (chance.happens(0.05)) return String(chance.between(world.keeper + 1, 60))
    // What the next requests still need is seldom deleted.
    return String(world.id(kind ?? 'project', set, chance, method === 'DELETE' ? 0.02 : 0.9))
  })
  if (!odd || chance.happens(0.7)) return filled
  return chance.pick([
    (text: string) => text.replace(/\/$/, ''),
    (text: string) => `${text}/`,
    (text: string) => text.replaceAll('/', '//'),
    (text: string) => text.toUpperCase(),
    (text: string) => text.replace('a', '%61'),
    (text: string) => `${text}%00`,
    (text: string) => `${text};x`,
    (text: string) => `${text}.json`,
    (text: string) => `/..${text}`,
    (text: string) => `http://other.example${text}`,
  ])(filled)
}

type Query = Readonly<{ text: string; names: readonly string[] }>

function queryFor({ parameters }: Operation, making: Making): Query {
  const { chance } = making
  const pairs = parameters
    .filter((parameter) => parameter.in === 'query' && (parameter.required === true || chance.happens(0.4)))
    .map((parameter): [string, string] => [parameter.name, queryValue(parameter, making)])
  if (chance.happens(0.05))
    pairs.push([chance.pick(['', 'unknown', '__proto__', '%ff', '%00', 'page']), rawText(chance)])
  if (pairs.length === 0) return { text: chance.happens(0.03) ? '?' : '', names: [] }
  const text = pairs.map((pair) => pair.join(chance.happens(0.02) ? '' : '=')).join('&')
  return { text: `?${text}`, names: formNames(text) }
}

const FORM = 'application/x-www-form-urlencoded'

/** The names of a query or a form. */
function formNames(text: string): readonly string[] {
  return text.split('&').map((pair) => read(pair.replace(/=[^]*/, '')))
}

/** A name as a query means it; one that cannot be read stands for itself. */
function read(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

function queryValue({ name, schema }: Parameter, making: Making): string {
  const { chance } = making
  if (chance.happens(0.25)) return rawText(chance)
  const type = typeof schema.type === 'string' ? schema.type : 'string'
  return encodeURIComponent(String(scalar({ ...schema, type }, name, making)))
}

/** Text as a query has it, percent signs that are none included. */
function rawText(chance: Chance): string {
  const read = JSON.parse(`"${nastyText(chance)}"`) as string
  const way = chance.next()
  if (way < 0.1) return chance.pick(['%', '%ff', '%00', '%c0%80', '%ED%A0%80', '+', '&', '=', '[]'])
  if (way < 0.2) return encodeURIComponent(nastyValue(chance)).slice(0, 8_000)
  return encodeURIComponent(read.toWellFormed())
}

type Body = Readonly<{ bytes: Buffer; type: string; names: readonly string[] }>

function bodyFor(operation: Operation, making: Making, odd: boolean): Body | undefined {
  const { chance } = making
  if (operation.body === undefined) return chance.happens(0.05) ? json(nastyBody(chance, '{}')) : undefined
  if (chance.happens(0.01)) return undefined
  const draft = draftFor(operation, making)
  if (operation.takes.includes('multipart/form-data')) return formOf(draft, chance)
  if (operation.takes.includes(FORM) && chance.happens(0.1)) return urlencoded(draft)
  const text = written(draft)
  return odd && chance.happens(0.3) ? json(nastyBody(chance, text)) : json(text)
}

/** A fifth as it should be, for the sake of what comes after it. */
function draftFor({ body = {}, example }: Operation, making: Making): Draft {
  const { chance } = making
  const right = example !== undefined && chance.happens(0.05) ? draftOf(example) : valid(body, '', making)
  const way = chance.next()
  if (way < 0.3) return right
  return way < 0.85 ? mutated(right, chance) : mutated(mutated(right, chance), chance)
}

function json(sent: string | Buffer): Body {
  const bytes = typeof sent === 'string' ? Buffer.from(sent) : sent
  return { bytes, type: 'application/json', names: namesIn(bytes) }
}

/** The names that a reader of JSON finds at the top, of an array its places. */
function namesIn(bytes: Buffer): readonly string[] {
  try {
    const read: unknown = JSON.parse(bytes.toString().replace(/^\ufeff/, ''))
    return typeof read === 'object' && read !== null ? Object.keys(read).map((name) => name.toWellFormed()) : []
  } catch {
    return []
  }
}

function urlencoded(draft: Draft): Body {
  const members = 'members' in draft ? draft.members : []
  const pairs = members.map(([name, value]) => [plainText(name), plainText(written(value))] as const)
  const text = pairs.map((pair) => pair.map((part) => encodeURIComponent(part)).join('=')).join('&')
  return { bytes: Buffer.from(text), type: FORM, names: pairs.map(([name]) => name) }
}

function typeFor(type: string, chance: Chance, odd: boolean): string {
  if (!odd || chance.happens(0.8)) return type
  return chance.pick([
    'text/plain',
    'application/json; charset=utf-16',
    'application/json;charset="UTF-8"',
    'APPLICATION/JSON',
    'application/json;;;',
    FORM,
    'multipart/form-data',
    'multipart/form-data; boundary=',
    `multipart/form-data; boundary=${'x'.repeat(300)}`,
    'multipart/form-data; boundary="a b"',
    ';',
    '',
  ])
}

function headersFor({ method }: Operation, { chance, sender }: Making, odd: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    'x-forwarded-for': addressOf(chance.between(0, 2 ** 24 - 1)),
    ...(chance.happens(0.98) && { authorization: `Bearer ${sender.token}` }),
  }
  if (method !== 'GET' && chance.happens(0.15)) headers['idempotency-key'] = chance.pick(['k', 'k', 'k2', 'a b', '"'])
  if (chance.happens(0.05)) headers['if-match'] = chance.pick(['"0"', '"1"', '"99"', '*'])
  if (!odd) return headers
  return { ...headers, ...chance.pick(ODD_HEADERS)() }
}

const ODD_HEADERS: readonly (() => Record<string, string>)[] = [
  () => ({ 'idempotency-key': '' }),
  () => ({ 'idempotency-key': 'x'.repeat(300) }),
  () => ({ 'idempotency-key': 'é' }),
  () => ({ 'if-match': '"999999999999999999"' }),
  () => ({ 'if-match': '"9999999999999999999999"' }),
  () => ({ 'if-match': 'W/"1", "x", *' }),
  () => ({ 'if-match': '' }),
  () => ({ 'x-read-after': '1' }),
  () => ({ 'x-read-after': '9'.repeat(20) }),
  () => ({ 'x-read-after': '0'.repeat(19) }),
  () => ({ 'x-read-after': 'é' }),
  () => ({ 'x-request-id': '{"a":1}' }),
  () => ({ 'x-forwarded-for': ',,nonsense, 1.2.3.4:5, ::1' }),
  () => ({ 'content-encoding': 'gzip' }),
  () => ({ 'content-encoding': 'identity, br' }),
  () => ({ expect: '100-continue' }),
  () => ({ expect: 'the unexpected' }),
  () => ({ authorization: 'Bearer' }),
  () => ({ authorization: 'Bearer tl_1_x' }),
  () => ({ authorization: 'Bearer tl_99999999999999999999_x' }),
  () => ({ authorization: 'Bearer a.b.c' }),
  () => ({ authorization: 'Basic YTpi' }),
  () => ({ origin: 'http://evil.example', 'access-control-request-method': 'X' }),
  () => ({ accept: 'text/html', 'accept-encoding': 'x', range: 'bytes=0-1', 'if-none-match': '*' }),
  () => ({ 'x-long': 'x'.repeat(12_000) }),
]
