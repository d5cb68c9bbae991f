import type { IncomingMessage, ServerResponse } from 'node:http'
import { Rejected } from '../../contracts/core.ts'
import type { Client } from '../address.ts'
import { decodeBody, decodeForm, type Fields, FormText, readBody } from './body.ts'
import { Refusal } from './dialects.ts'
import { readMultipart } from './multipart.ts'
import type { Call, Idempotency, KeyOf, Route, User } from './route.ts'
import { pathId, validate } from './schema.ts'

/** What a request is read with. */
export type Reading = Readonly<{
  request: IncomingMessage
  response: ServerResponse
  /** The URL's path. */
  path: string
  querystring: string
  /** The path's parameters as they were written, percent signs resolved. */
  written: Readonly<Record<string, string>>
  user: User | undefined
  correlationId: string
  client: () => Client
  mac: (bytes: Uint8Array) => string
}>

/** Reads and checks a request as its route asks, in the order of refusals: what the path names (404), then the rest. */
export async function readCall(route: Route, reading: Reading): Promise<Call> {
  const { request, user, correlationId } = reading
  const params = readParams(route, reading.written)
  const key = isWrite(route) ? keyOf(route, params, reading) : undefined
  if (route.exists && !(await route.exists(params, key))) throw notFound()
  if (key !== undefined && !KEY.test(key.key)) throw malformedKey()
  const query = route.query && validate(route.query, given(decodeForm(reading.querystring)))
  const { body, sent } = await readContent(route, reading, query)
  const idempotency: Idempotency | undefined = key && { ...key, hash: reading.mac(sent) }
  const ifMatch = isWrite(route) && route.access !== 'public' ? revisionOf(request.headers['if-match']) : undefined
  return new RequestCall({ params, query, body, user, idempotency, ifMatch, correlationId }, reading)
}

/** The body, and the bytes that tell it from another under the same key. */
type Content = Readonly<{ body: unknown; sent: Uint8Array }>

async function readContent(route: Route, { request, response }: Reading, query: unknown): Promise<Content> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (route.body && encoding !== 'identity') {
    throw new Refusal('unsupported_media_type', `不支持的 Content-Encoding：${encoding}`)
  }
  if (route.body && route.upload) {
    const body = validate(route.body, given(await readMultipart(request, response, route.upload)))
    // Neither the boundary nor the order of the parts counts: what the form says does, and what the query says of it.
    return { body, sent: Buffer.from(JSON.stringify([query, body])) }
  }
  const bytes = route.body ? await readBody(request, response) : NOTHING
  const body = route.body && validate(route.body, decodeBody(bytes, request.headers['content-type'], route.shape))
  return { body, sent: bytes }
}

const NOTHING = Buffer.alloc(0)

/** A call in use: what costs something and is seldom asked for is made when it is. */
class RequestCall implements Call {
  readonly params: Call['params']
  readonly query: unknown
  readonly body: unknown
  readonly user: User | undefined
  readonly idempotency: Idempotency | undefined
  readonly ifMatch: bigint | undefined
  readonly correlationId: string
  readonly #reading: Reading
  #signal: AbortSignal | undefined

  constructor(read: Omit<Call, 'headers' | 'address' | 'handedOn' | 'signal'>, reading: Reading) {
    this.params = read.params
    this.query = read.query
    this.body = read.body
    this.user = read.user
    this.idempotency = read.idempotency
    this.ifMatch = read.ifMatch
    this.correlationId = read.correlationId
    this.#reading = reading
  }

  get headers(): Call['headers'] {
    return this.#reading.request.headers
  }

  get address(): string {
    return this.#reading.client().address
  }

  get handedOn(): boolean {
    return this.#reading.client().handedOn
  }

  get signal(): AbortSignal {
    return (this.#signal ??= untilClosed(this.#reading.response))
  }
}

function untilClosed(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  if (response.closed) controller.abort()
  // After a whole answer nobody listens any more.
  else response.once('close', () => response.writableFinished || controller.abort())
  return controller.signal
}

function isWrite({ method }: Route): boolean {
  return method !== 'GET'
}

export function notFound(): Refusal {
  return new Refusal('not_found', '请求的资源不存在')
}

export function forbidden(): Refusal {
  return new Refusal('forbidden', '没有权限执行该操作')
}

function readParams(route: Route, written: Readonly<Record<string, string>>): Call['params'] {
  const params: Record<string, number | string> = {}
  for (const [name, text] of Object.entries(written)) {
    const value = route.texts?.includes(name) ? storable(text) : pathId(text)
    if (value === undefined) throw notFound()
    params[name] = value
  }
  return params
}

/** What no row can hold names nothing. */
function storable(text: string): string | undefined {
  return text.includes('\0') || text.includes('\ufffd') ? undefined : text
}

const KEY = /^[ -~]{1,255}$/

/** The path's own spelling does not count (case, percent signs, the slash at its end): what it names does. */
function keyOf({ method, path }: Route, params: Call['params'], { request, user }: Reading): KeyOf | undefined {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string') return undefined
  const named = path.replaceAll(/:(\w+)/g, (_, name: string) => String(params[name]))
  return { key, scope: `${user?.id ?? 0} ${method} ${named}` }
}

function malformedKey(): Refusal {
  const words = '必须是 1 到 255 个 ASCII 字符'
  return new Refusal('invalid', `Idempotency-Key ${words}`, { fields: { 'Idempotency-Key': [words] } })
}

/** A filter that is left empty, as forms send it, is no filter; nor is the text beside a file. */
function given(fields: Fields): Fields {
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof FormText && value.text === '') delete fields[name]
  }
  return fields
}

/**
 * The revision that `If-Match` names; `*` asks for none in particular. Of several the highest counts, for a revision that was answered
 * once is never ahead of the present one. A tag that is none of ours matches nothing: 412.
 */
function revisionOf(header: string | undefined): bigint | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const revisions = header.split(',').flatMap((tag) => {
    const digits = /^"(\d{1,18})"$/.exec(tag.trim())?.[1]
    return digits === undefined ? [] : [BigInt(digits)]
  })
  if (revisions.length === 0) throw new Rejected('precondition_failed', 'If-Match 与资源的当前版本不符')
  return revisions.reduce((highest, revision) => (revision > highest ? revision : highest))
}
