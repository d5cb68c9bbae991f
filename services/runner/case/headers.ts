import { JsonNumber, isArray, isObject, type Json } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { bytesOf } from './python-value.ts'
import { str, truthy } from './python.ts'

/** Headers in order. Names are compared without case: a later one keeps the place of the first and takes its own spelling. */
export class HeaderMap {
  readonly #byName = new Map<string, readonly [name: string, value: string]>()

  constructor(entries: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of entries) this.set(name, value)
  }

  set(name: string, value: string): void {
    this.#byName.set(name.toLowerCase(), [name, value])
  }

  get(name: string): string | undefined {
    return this.#byName.get(name.toLowerCase())?.[1]
  }

  /** How the name is spelled here. */
  spelling(name: string): string | undefined {
    return this.#byName.get(name.toLowerCase())?.[0]
  }

  delete(name: string): void {
    this.#byName.delete(name.toLowerCase())
  }

  has(name: string): boolean {
    return this.#byName.has(name.toLowerCase())
  }

  entries(): readonly (readonly [string, string])[] {
    return [...this.#byName.values()]
  }
}

/**
 * What a session of python-requests sends by itself. Targets, their firewalls and logs that knew the old engine meet the same
 * agent; `br` is added because this engine decodes it.
 */
const SESSION_HEADERS: readonly (readonly [string, string])[] = [
  ['User-Agent', 'python-requests/2.27.1'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Accept', '*/*'],
  ['Connection', 'keep-alive'],
]

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What HTTP/1.1 can carry in a value: latin-1 without control characters. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/
/** These speak about one connection, which the client alone looks after. */
const NOT_SENT = ['transfer-encoding', 'keep-alive', 'upgrade', 'expect']

function headerText(name: string, json: Json): string {
  if (isObject(json) || isArray(json)) throw new CaseFault(`请求头${name}的值应为文本`)
  const value = (bytesOf(json)?.toString('latin1') ?? str(json)).trim()
  if (!VALUE.test(value)) throw new CaseFault(`请求头${name}的值含有HTTP不允许的字符：${JSON.stringify(value)}`)
  return value
}

/** The members of a `headers` field; a missing or null one is empty. Throws `CaseFault` for any other kind, naming `field`. */
export function headerMembers(json: Json | undefined, field: string): readonly (readonly [string, Json])[] {
  if (json === undefined || json === null) return []
  if (!isObject(json)) throw new CaseFault(`${field}应为对象`)
  return [...json]
}

export type MergedHeaders = Readonly<{
  headers: HeaderMap
  /** Names that were given but are not sent. */
  dropped: readonly string[]
}>

/**
 * The session's headers with `layers` over them, later ones winning. Numbers become text, values are trimmed, null takes the
 * header away. Throws `CaseFault` for a name or value that HTTP cannot carry.
 */
export function mergeHeaders(layers: readonly (readonly (readonly [string, Json])[])[]): MergedHeaders {
  const headers = new HeaderMap(SESSION_HEADERS)
  const dropped: string[] = []
  for (const [name, value] of layers.flat()) {
    if (!TOKEN.test(name)) throw new CaseFault(`请求头名称无效：${JSON.stringify(name)}`)
    if (value === null) headers.delete(name)
    else if (NOT_SENT.includes(name.toLowerCase())) dropped.push(name)
    else headers.set(name, headerText(name, value))
  }
  // Counted from the body, whatever was given.
  headers.delete('Content-Length')
  const connection = headers.get('Connection')
  // The client speaks these two alone, and what is shown is what is sent.
  const close = connection
    ?.toLowerCase()
    .split(',')
    .some((option) => option.trim() === 'close')
  headers.set(headers.spelling('Connection') ?? 'Connection', close ? 'close' : 'keep-alive')
  return { headers, dropped }
}

/** A `Basic` credential. Throws `CaseFault` for what latin-1 cannot carry. */
export function basicAuthorization(user: string, password: string): string {
  // oxlint-disable-next-line no-control-regex
  if (!/^[\u0000-\u00ff]*$/.test(user + password)) throw new CaseFault('auth的用户名或密码含有latin-1以外的字符')
  return `Basic ${Buffer.from(`${user}:${password}`, 'latin1').toString('base64')}`
}

/** What `auth` stands for: `[user, password]`; what Python takes as false means none. */
export function authorizationOf(auth: Json | undefined): string | undefined {
  if (auth === undefined || !truthy(auth)) return undefined
  const [user, password] = isArray(auth) && auth.length === 2 ? auth : []
  const texts = [user, password].map((part) => {
    const bytes = bytesOf(part)?.toString('latin1')
    return bytes ?? (typeof part === 'string' || part instanceof JsonNumber ? str(part) : undefined)
  })
  if (texts[0] === undefined || texts[1] === undefined) throw new CaseFault('auth应为[用户名, 密码]')
  return basicAuthorization(texts[0], texts[1])
}
