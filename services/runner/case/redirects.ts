import { NO_BODY } from './body.ts'
import type { RunCookies, SeenCookie } from './cookies.ts'
import { CaseFault } from './fault.ts'
import { HeaderMap } from './headers.ts'
import type { BuiltRequest, WireRequest } from './request.ts'
import { headerOf } from './response.ts'
import type { Connections, RawResponse } from './send.ts'
import { effectivePort, prepareUrl, requote, type TargetUrl } from './url.ts'

/** One request, its answer, and the cookies that the answer set. */
export type Hop = Readonly<{ request: WireRequest; response: RawResponse; cookies: readonly SeenCookie[] }>

const REDIRECTS = [301, 302, 303, 307, 308]
const MAX_REDIRECTS = 30

/**
 * Sends a request and follows where it is led, as requests does; the last hop is the answer. Throws `CaseFault` at the 31st
 * redirect and for a place that cannot be asked.
 */
export async function exchange(
  built: BuiltRequest,
  cookies: RunCookies,
  connections: Connections,
  signal?: AbortSignal,
): Promise<readonly [Hop, ...Hop[]]> {
  const hops: Hop[] = []
  let own = built.cookies
  let request = built.wire
  for (;;) {
    const response = await connections.send(request, built.transport, signal)
    const hop = { request, response, cookies: cookies.take(request.url, response.headers) }
    hops.push(hop)
    const location = locationOf(response)
    if (location === undefined || !built.transport.allowRedirects) return hops as [Hop, ...Hop[]]
    if (hops.length > MAX_REDIRECTS) throw new CaseFault(`重定向超过${MAX_REDIRECTS}次`)
    const next = follow(request, response.status, location)
    if (next.url.hostname !== request.url.hostname) own = []
    const cookie = cookies.header(next.url, own)
    if (cookie !== undefined) next.headers.set('Cookie', cookie)
    request = next
  }
}

function locationOf({ status, headers }: RawResponse): string | undefined {
  if (!REDIRECTS.includes(status)) return undefined
  const location = headerOf(headers, 'location')
  // Headers were read as latin-1, addresses are written in UTF-8.
  return location === undefined || location === '' ? undefined : Buffer.from(location, 'latin1').toString('utf8')
}

/** The next request: another method where the status says so, and with it no body; no credentials for another place. */
function follow(request: WireRequest, status: number, location: string): WireRequest {
  const url = resolve(request.url, location)
  const headers = new HeaderMap(request.headers.entries())
  headers.delete('Cookie')
  if (leavesHost(request.url, url)) headers.delete('Authorization')
  if (status === 307 || status === 308) return { ...request, url, headers }
  for (const name of ['Content-Length', 'Content-Type', 'Transfer-Encoding']) headers.delete(name)
  const method = methodAfter(request.method, status)
  // What http.client adds by itself, and requests no longer does.
  if (['PUT', 'POST', 'PATCH'].includes(method)) headers.set('Content-Length', '0')
  return { method, url, headers, body: NO_BODY }
}

/** 302 and 303 turn every method but HEAD into GET, 301 only POST. */
function methodAfter(method: string, status: number): string {
  if (status === 301) return method === 'POST' ? 'GET' : method
  return method === 'HEAD' ? method : 'GET'
}

function resolve(from: TargetUrl, location: string): TargetUrl {
  const absolute = absoluteOf(from, requote(location))
  const hash = absolute.includes('#') || from.fragment === '' ? '' : `#${from.fragment}`
  return prepareUrl(absolute + hash)
}

/** An address of the same scheme without a host is a path from the root: `http:path`, `///path`. */
function absoluteOf(from: TargetUrl, location: string): string {
  const [, scheme, rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(.*)$/s.exec(location) ?? []
  if (/^\/\/[^/?#]/.test(rest)) return `${scheme ?? from.scheme}:${rest}`
  if (scheme === undefined) return join(from, rest.replace(/^\/\//, ''))
  return scheme.toLowerCase() === from.scheme
    ? join(from, rest.replace(/^\/*(?=[^/])/, '/').replace(/^\/\/$/, ''))
    : location
}

/** RFC 3986 §5.2 for references without a scheme and a host; dots are resolved by `prepareUrl`. */
function join(from: TargetUrl, reference: string): string {
  const [path = ''] = from.path.split('?')
  if (reference.startsWith('/')) return from.origin + reference
  if (reference === '' || reference.startsWith('#')) return from.origin + from.path + reference
  if (reference.startsWith('?')) return from.origin + path + reference
  return from.origin + path.slice(0, path.lastIndexOf('/') + 1) + reference
}

/** Whether credentials stay behind: another host, port or scheme; http to https on their usual ports is the same place. */
function leavesHost(from: TargetUrl, to: TargetUrl): boolean {
  if (from.hostname !== to.hostname) return true
  const upgrade = from.scheme === 'http' && to.scheme === 'https'
  if (upgrade && effectivePort(from) === 80 && effectivePort(to) === 443) return false
  return from.scheme !== to.scheme || effectivePort(from) !== effectivePort(to)
}
