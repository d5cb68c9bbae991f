import { domainToASCII } from 'node:url'
import { CaseFault } from './fault.ts'

/** A URL as requests prepares it. */
export type TargetUrl = Readonly<{
  /** As results show it, with userinfo and fragment. */
  href: string
  scheme: 'http' | 'https'
  /** Without brackets. */
  hostname: string
  /** As written; undefined for the scheme's own. */
  port: number | undefined
  /** `user:password`, percent-decoded. */
  credentials: Readonly<{ user: string; password: string }> | undefined
  origin: string
  /** Path and query as they go on the wire. */
  path: string
  fragment: string
}>

const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
const AUTHORITY = /^(?:(.*)@)?(\[[0-9a-fA-F:.]+(?:%[A-Za-z0-9._~-]+)?\]|[^:@[\]]*)(?::(\d*))?$/s
const encoder = new TextEncoder()

const ESCAPE = /%[0-9a-fA-F]{2}/g
const UNRESERVED = /[A-Za-z0-9_.~-]/
const PATH = /[A-Za-z0-9_.~!$&'()*+,;=:@/-]/
const QUERY = /[A-Za-z0-9_.~!$&'()*+,;=:@/?-]/
const URI = /[A-Za-z0-9_.~!#$&'()*+,/:;=?@[\]-]/
const URI_ESCAPED = new RegExp(`${URI.source}|%`)
const USERINFO = /[A-Za-z0-9_.~!$&'()*+,;=:-]/
const HOSTNAME = /^[A-Za-z0-9_.~!$&'()*+,;=-]+$/

function quote(text: string, allowed: RegExp): string {
  if (!text.isWellFormed()) throw new CaseFault('请求地址中含有无法用UTF-8编码的字符')
  let quoted = ''
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte)
    quoted += allowed.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return quoted
}

/**
 * Percent-encodes what a part of a URL may not hold (urllib3's first step). Its `%` survive when all of them begin a proper escape;
 * text that merely holds a percent sign is encoded whole.
 */
function encode(text: string, allowed: RegExp): string {
  const escapes = text.match(ESCAPE) ?? []
  const escaped = escapes.length === (text.match(/%/g) ?? []).length
  const upper = text.replace(ESCAPE, (escape) => escape.toUpperCase())
  return quote(upper, escaped ? new RegExp(`${allowed.source}|%`) : allowed)
}

/**
 * The last step, over the whole URL (`requote_uri`): escapes of characters that need none are undone, and what the query of
 * `params` brought is encoded. One malformed escape makes every `%` a percent sign.
 */
export function requote(uri: string): string {
  if (/%(?![0-9a-fA-F]{2})[0-9A-Za-z]{2}/.test(uri)) return quote(uri, URI)
  const plain = uri.replace(ESCAPE, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return UNRESERVED.test(character) ? character : escape
  })
  return quote(plain, URI_ESCAPED)
}

/** RFC 3986 §5.2.4. */
function withoutDots(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  if (path.startsWith('/') && kept[0] !== '') kept.unshift('')
  if (/\/\.\.?$/.test(path)) kept.push('')
  return kept.join('/')
}

function hostOf(written: string): string {
  if (written.startsWith('[')) return written.slice(1, -1).toLowerCase()
  // oxlint-disable-next-line no-control-regex
  if (/^[\u0000-\u007f]*$/.test(written)) return written.toLowerCase()
  return domainToASCII(written)
}

function parsePort(text: string | undefined, href: string): number | undefined {
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (port > 65_535) throw new CaseFault(`请求地址的端口无效：${href}`)
  return port
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

type Authority = Pick<TargetUrl, 'hostname' | 'port' | 'credentials'> & Readonly<{ host: string; login: string }>

/** `user:password@host:port`. */
function authorityOf(authority: string, written: string): Authority {
  const [, userinfo, writtenHost = '', writtenPort] = AUTHORITY.exec(authority) ?? []
  const hostname = hostOf(writtenHost)
  const literal = writtenHost.startsWith('[')
  if (/^([*.]|$)/.test(hostname) || !(literal || HOSTNAME.test(hostname))) {
    throw new CaseFault(`请求地址的主机名无效：'${written}'`)
  }
  const port = parsePort(writtenPort, written)
  const host = (literal ? `[${hostname}]` : hostname) + (port === undefined ? '' : `:${port}`)
  if (userinfo === undefined) return { hostname, port, host, login: '', credentials: undefined }
  const [, user, password] = /^([^:]*):(.*)$/s.exec(userinfo) ?? []
  // A name without a password logs no one in.
  const known = user !== undefined && password !== undefined && userinfo !== ':'
  const credentials = known ? { user: decoded(user), password: decoded(password) } : undefined
  return { hostname, port, host, login: `${encode(userinfo, USERINFO)}@`, credentials }
}

/**
 * Prepares `written` with the extra query `query`, byte for byte as requests does. Throws `CaseFault` when it is no http or
 * https URL, or has no usable host.
 */
export function prepareUrl(written: string, query = ''): TargetUrl {
  const [, protocol, authority = '', path = '', ownQuery = '', ownFragment = ''] = PARTS.exec(written.trimStart()) ?? []
  const scheme = protocol?.toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') {
    throw new CaseFault(`请求地址无效：'${written}'，应以http://或https://开头`)
  }
  const { host, login, ...place } = authorityOf(authority, written)
  const rooted = path.startsWith('/') ? path : `/${path}`
  const queries = [encode(ownQuery, QUERY), query].filter((part) => part !== '').join('&')
  const hash = prefixed('#', encode(ownFragment, QUERY))
  const href = requote(
    `${scheme}://${login}${host}${encode(withoutDots(rooted) || '/', PATH)}${prefixed('?', queries)}${hash}`,
  )
  const [, , , sentPath = '/', sentQuery = '', fragment = ''] = PARTS.exec(href) ?? []
  const sent = encode(sentPath, PATH) + prefixed('?', encode(sentQuery, QUERY))
  return { href, scheme, ...place, origin: `${scheme}://${host}`, path: sent, fragment }
}

function prefixed(mark: string, text: string): string {
  return text === '' ? '' : mark + text
}

/** The port in use, the scheme's own where none is written. */
export function effectivePort(url: TargetUrl): number {
  return url.port ?? (url.scheme === 'https' ? 443 : 80)
}
