import { JsonNumber, isArray, isObject, type Json, type JsonObject } from '../../../contracts/json.ts'
import { bodyOf, formBody, type RequestBody } from './body.ts'
import { CaseFault } from './fault.ts'
import { queryOf } from './form.ts'
import { authorizationOf, basicAuthorization, headerMembers, mergeHeaders, type HeaderMap } from './headers.ts'
import type { Part } from './multipart.ts'
import { pythonValue } from './python-value.ts'
import { str, truthy } from './python.ts'
import { prepareUrl, type TargetUrl } from './url.ts'

/** One request as it goes on the wire; `headers` are all that are sent but `Host`, in the order of python-requests. */
export type WireRequest = Readonly<{ method: string; url: TargetUrl; headers: HeaderMap; body: RequestBody }>

/** Milliseconds: to connect, and between two signs of life of the answer. */
export type Timeouts = Readonly<{ connect: number; read: number }>

/** How the whole exchange is to be made, redirects included. */
export type Transport = Readonly<{
  timeouts: Timeouts
  allowRedirects: boolean
  verify: boolean
  /** By scheme, `scheme://host`, `all` or `all://host`, as requests names them. */
  proxies: ReadonlyMap<string, string>
}>

export type BuiltRequest = Readonly<{
  wire: WireRequest
  transport: Transport
  /** The case's own `cookies`, sent beside the jar's and never kept in it. */
  cookies: readonly (readonly [string, string])[]
  /** Header names that were given but cannot be sent. */
  dropped: readonly string[]
}>

/** What the builder cannot know by itself. */
export type RequestContext = Readonly<{
  /** The `Cookie` header for this address: the jar's cookies, then `own`. */
  cookieHeader: (url: TargetUrl, own: readonly (readonly [string, string])[]) => string | undefined
  boundary: () => string
  /** The form that the case's `file` asks for: it takes the place of `data`, and `json` is not sent beside it. */
  upload?: readonly Part[] | undefined
}>

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Methods that nothing is said with when there is no body; all others say `Content-Length: 0`. */
const BODILESS = ['GET', 'HEAD']
const DEFAULT_TIMEOUT_MS = 30_000

/** What is asked of whom, as the log tells it: before `params`. */
export type Asked = Readonly<{ method: string; address: string }>

/** What a case asks for. `data` is the case with its variables substituted, `host` the environment's. Throws `CaseFault`. */
export function askedBy(data: JsonObject, host: Json | undefined): Asked {
  const called = objectOf(data.get('interface'), 'interface')
  const url = called.get('url') ?? ''
  const method = called.get('method') ?? null
  if (!isText(url)) throw new CaseFault(`接口地址应为文本：${shown(url)}`)
  if (!isText(method)) throw new CaseFault(`请求方法应为文本：${shown(method)}`)
  return { method: method.toUpperCase(), address: addressOf(url, host) }
}

function isText(json: Json): json is string {
  return typeof json === 'string' && pythonValue(json) === undefined
}

function shown(json: Json): string {
  return pythonValue(json)?.repr ?? str(json)
}

/** An address with a scheme of its own stands alone; any other belongs to the host, with a slash between. */
function addressOf(url: string, host: Json | undefined): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url
  if (typeof host !== 'string') throw new CaseFault('环境变量host应为文本')
  return host + (/^($|[/?#])/.test(url) || host.endsWith('/') ? '' : '/') + url
}

/**
 * The request as it goes on the wire. `environmentHeaders` are the environment's with their variables substituted. Throws
 * `CaseFault` with the reason when it cannot be sent.
 */
export function buildRequest(
  { method, address }: Asked,
  data: JsonObject,
  environmentHeaders: Json | undefined,
  context: RequestContext,
): BuiltRequest {
  if (!TOKEN.test(method) || method === 'CONNECT') throw new CaseFault(`请求方法无效：${method}`)
  const request = objectOf(data.get('request'), 'request')
  for (const key of ['hooks', 'cert']) {
    if (truthy(request.get(key))) throw new CaseFault(`请求参数${key}不支持`)
  }
  const url = prepareUrl(address, queryOf(request.get('params')))
  const { headers, dropped } = mergeHeaders([
    headerMembers(environmentHeaders, '环境的headers'),
    headerMembers(request.get('headers'), 'request.headers'),
    headerMembers(data.get('headers'), 'headers'),
  ])
  const { upload } = context
  const body = upload ? uploadBody(upload, request, context.boundary()) : bodyOf(request, context.boundary)
  const cookies = cookiesOf(request.get('cookies'))
  const cookie = headers.has('Cookie') ? undefined : context.cookieHeader(url, cookies)
  const authorization =
    authorizationOf(request.get('auth')) ??
    (url.credentials && basicAuthorization(url.credentials.user, url.credentials.password))
  const wire = {
    method,
    url,
    headers: finish(headers, { method, body, cookie, authorization, uploads: upload !== undefined }),
    body,
  }
  return { wire, transport: transportOf(request, url), cookies, dropped }
}

function uploadBody(upload: readonly Part[], request: JsonObject, boundary: string): RequestBody {
  if (truthy(request.get('files'))) throw new CaseFault('file(文件上传)与请求参数files不能同时使用')
  return formBody(upload, boundary)
}

function objectOf(json: Json | undefined, field: string): JsonObject {
  if (json === undefined || json === null) return new Map()
  if (!isObject(json)) throw new CaseFault(`${field}应为对象`)
  return json
}

/**
 * The `Content-Type` that goes with the body: as given when it fits (always with a text body, a JSON type with JSON), else the
 * body decides, and without one there is none. A name not spelled exactly `Content-Type` is sent as given, at its own place.
 */
function takeContentType(headers: HeaderMap, body: RequestBody): string | undefined {
  if (headers.spelling('Content-Type') !== 'Content-Type') return headers.has('Content-Type') ? undefined : body.type
  const given = headers.get('Content-Type') ?? ''
  headers.delete('Content-Type')
  const fits =
    body.kind === 'text' || body.kind === 'bytes' || (body.kind === 'json' && /[/+]json\s*(;|$)/i.test(given))
  return fits ? given : body.type
}

type Finish = Readonly<{
  /** The body is the form of `file`, whose type goes before any that is given. */
  uploads: boolean
  method: string
  body: RequestBody
  cookie: string | undefined
  authorization: string | undefined
}>

/** Adds what the body, the jar and the login bring, in the order in which requests adds it. */
function finish(headers: HeaderMap, { method, body, cookie, authorization, uploads }: Finish): HeaderMap {
  if (uploads) headers.set('Content-Type', body.type ?? '')
  const contentType = uploads ? undefined : takeContentType(headers, body)
  if (cookie !== undefined) headers.set('Cookie', cookie)
  setContentLength(headers, method, body)
  if (contentType !== undefined) headers.set('Content-Type', contentType)
  if (authorization !== undefined) headers.set('Authorization', authorization)
  return headers
}

/** `Content-Length` as it is really sent. */
export function setContentLength(headers: HeaderMap, method: string, body: RequestBody): void {
  const length = body.bytes?.length ?? 0
  if (length > 0 || !BODILESS.includes(method)) headers.set('Content-Length', String(length))
}

/** The members of a part that may be left out: what Python takes as false is as good as none. */
function optionalMembers(json: Json | undefined, field: string): JsonObject {
  return truthy(json) ? objectOf(json, field) : new Map()
}

function cookiesOf(json: Json | undefined): readonly (readonly [string, string])[] {
  return [...optionalMembers(json, 'cookies')]
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      if (isObject(value) || isArray(value)) throw new CaseFault(`cookies的${name}应为文本`)
      return [name, str(value)] as const
    })
}

function transportOf(request: JsonObject, url: TargetUrl): Transport {
  const redirects = request.get('allow_redirects')
  const verify = request.get('verify') ?? true
  if (typeof verify === 'string' && verify !== '' && url.scheme === 'https') {
    throw new CaseFault('verify应为true或false，不支持证书文件')
  }
  return {
    timeouts: timeoutsOf(request.get('timeout') ?? null),
    allowRedirects: redirects === undefined || truthy(redirects),
    verify: truthy(verify),
    proxies: proxiesOf(request.get('proxies')),
  }
}

/** `timeout`: seconds, or `[connect, read]`; null means the default. */
function timeoutsOf(json: Json): Timeouts {
  const [connect = null, read = null] = isArray(json) ? json : [json, json]
  if (isArray(json) && json.length !== 2) throw new CaseFault('timeout应为秒数或[连接秒数, 读取秒数]')
  return { connect: milliseconds(connect), read: milliseconds(read) }
}

function milliseconds(json: Json): number {
  if (json === null) return DEFAULT_TIMEOUT_MS
  const seconds = json instanceof JsonNumber ? json.valueOf() : Number.NaN
  // Above 24 days a timer would fire at once.
  if (!(seconds > 0 && seconds * 1000 < 2 ** 31)) throw new CaseFault(`timeout应为大于0的秒数：${str(json)}`)
  return seconds * 1000
}

function proxiesOf(json: Json | undefined): ReadonlyMap<string, string> {
  const proxies = new Map<string, string>()
  for (const [name, value] of optionalMembers(json, 'proxies')) {
    if (value === null || value === '') continue
    if (typeof value !== 'string') throw new CaseFault(`proxies的${name}应为文本`)
    const address = value.includes('://') ? value : `http://${value}`
    if (!/^https?:\/\//i.test(address) || !URL.canParse(address))
      throw new CaseFault(`proxies的${name}应为http或https地址：${value}`)
    proxies.set(name.toLowerCase(), address)
  }
  return proxies
}

/** The proxy for an address, the most exact name first. */
export function proxyFor(url: TargetUrl, proxies: ReadonlyMap<string, string>): string | undefined {
  const names = [`${url.scheme}://${url.hostname}`, url.scheme, `all://${url.hostname}`, 'all']
  return names.map((name) => proxies.get(name)).find((address) => address !== undefined)
}
