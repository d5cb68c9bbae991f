import { RateLimited, Rejected } from '../../contracts/core.ts'
import type { RejectionCode } from '../../contracts/core.ts'
import { outageOf } from '../../platform/reach.ts'

/** What the gateway itself refuses, beside what the domain rejects. */
type GatewayCode =
  | 'bad_request' // 400: a header or a URL that cannot be read
  | 'not_json' // 400: the body cannot be read
  | 'not_authenticated' // 401: no token came
  | 'token_not_valid' // 401: a token came that counts for nothing (any more)
  | 'no_active_account' // 401: wrong name or password
  | 'method_not_allowed' // 405
  | 'request_timeout' // 408
  | 'unsupported_media_type' // 415
  | 'internal_error' // 500
  | 'unavailable' // 503: a store or the database cannot be reached
  | 'not_serving' // 503: this process does not serve yet, or any more; nothing was done

export type RefusalCode = RejectionCode | GatewayCode

/** The one table from codes to statuses. */
export const STATUS: Readonly<Record<RefusalCode, number>> = {
  bad_request: 400,
  not_json: 400,
  conflict: 400,
  not_authenticated: 401,
  token_not_valid: 401,
  no_active_account: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  invalid: 422,
  unknown_reference: 422,
  idempotency_key_reused: 422,
  rate_limited: 429,
  internal_error: 500,
  busy: 503,
  unavailable: 503,
  not_serving: 503,
}

/** Messages by field, in the order in which they were found. */
export type FieldMessages = Readonly<Record<string, readonly string[]>>

/** A refusal on its way to the client. `message` is a Chinese sentence that names the field, if there is one. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly fields: FieldMessages | undefined
  readonly headers: Readonly<Record<string, string>>
  constructor(
    code: RefusalCode,
    message: string,
    more: { fields?: FieldMessages | undefined; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.name = 'Refusal'
    this.code = code
    this.fields = more.fields
    this.headers = more.headers ?? {}
  }
}

/** How one document wants its errors written. `status` is the table's unless the document says otherwise. */
export interface Dialect {
  readonly name: string
  render(refusal: Refusal): Readonly<{ status: number; body: unknown }>
}

/** seed 000 一.3, and 二.3 for tokens, which it answers with `detail` and `code`. */
const platform: Dialect = {
  name: 'platform',
  render({ code, message, fields }) {
    const status = STATUS[code]
    const body = {
      error: message,
      detail: status === 401 ? message : undefined,
      code,
      fields: status === 422 ? (fields ?? {}) : undefined,
    }
    return { status, body }
  },
}

/** By the start of the path; the first that fits. Another document's dialect is one more entry above the last. */
const DIALECTS: ReadonlyArray<Readonly<{ prefix: string; dialect: Dialect }>> = [{ prefix: '/', dialect: platform }]

export function dialectOf(path: string): Dialect {
  return DIALECTS.find(({ prefix }) => path.startsWith(prefix))?.dialect ?? platform
}

/** Seconds after which a client may try again what was refused for a passing reason. */
const RETRY_AFTER: Partial<Record<RefusalCode, string>> = { busy: '1', unavailable: '5', not_serving: '5' }

/** Headers that a refusal carries in every dialect. */
export function refusalHeaders({ code, headers }: Refusal): Readonly<Record<string, string>> {
  const retry = RETRY_AFTER[code]
  return {
    ...(retry !== undefined && { 'Retry-After': retry }),
    ...(code === 'not_authenticated' && { 'WWW-Authenticate': 'Bearer realm="testledger"' }),
    ...(code === 'token_not_valid' && { 'WWW-Authenticate': 'Bearer realm="testledger", error="invalid_token"' }),
    ...headers,
  }
}

const CODE_OF_STATUS: Readonly<Record<number, RefusalCode>> = {
  400: 'bad_request',
  401: 'token_not_valid',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'too_large',
  415: 'unsupported_media_type',
}

const WORDS: Partial<Record<RefusalCode, string>> = {
  bad_request: '请求格式错误',
  token_not_valid: '令牌无效或已过期',
  forbidden: '没有权限执行该操作',
  not_found: '请求的资源不存在',
  method_not_allowed: '该资源不支持此请求方法',
  too_large: '请求体过大',
  unsupported_media_type: '不支持的请求内容类型',
}

/** Whatever was thrown, as what the client is told. What is not known to be safe to show is an `internal_error`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof Rejected) {
    const { code, message, field } = error
    return new Refusal(code, message, {
      fields: field === undefined ? undefined : { [field]: [withoutName(message, field)] },
      headers: error instanceof RateLimited ? { 'Retry-After': String(error.retryAfter) } : {},
      cause: error,
    })
  }
  if (outageOf(error)) return new Refusal('unavailable', '服务暂时不可用，请稍后重试', { cause: error })
  const code = CODE_OF_STATUS[statusOf(error)]
  const words = code && WORDS[code]
  if (code && words) return new Refusal(code, words, { cause: error })
  return new Refusal('internal_error', '服务器内部错误', { cause: error })
}

/** `fields` tells the name already. */
function withoutName(message: string, field: string): string {
  return message.startsWith(`${field}：`) ? message.slice(field.length + 1) : message
}

/** Koa and its libraries mark what the client did wrong with a status that may be shown. */
function statusOf(error: unknown): number {
  if (!(error instanceof Error) || !('status' in error) || !('expose' in error) || error.expose !== true) return 500
  return typeof error.status === 'number' ? error.status : 500
}
