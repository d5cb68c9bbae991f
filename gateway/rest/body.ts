import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  isArray,
  isObject,
  type JsonProblem,
  JsonSyntaxError,
  parseJson,
  parseMembers,
  stringifyJson,
} from '../../contracts/json.ts'
import type { Json, JsonNumber, JsonText } from '../../contracts/json.ts'
import { Refusal } from './dialects.ts'

/** Bytes that a body may have (seed 000 names no limit; files come in their own form). */
export const MAX_BODY_BYTES = 10 * 1024 * 1024

/** What is read and thrown away of a body that was refused, before the connection is cut. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** An object or an array as it was sent: its value, and the very text. */
export class KeptJson<J extends Json = Json> {
  readonly value: J
  readonly text: JsonText
  constructor(value: J, text: JsonText) {
    this.value = value
    this.text = text
  }
}

/** A value of a form or of a query: text that may stand for a number, a flag or JSON. A name may come several times. */
export class FormText {
  /** All that came under the name, in order. */
  readonly texts: string[]
  constructor(...texts: [string, ...string[]]) {
    this.texts = texts
  }

  /** Where one is asked for, the last counts. */
  get text(): string {
    return this.texts.at(-1) ?? ''
  }
}

/** A file of a form, as it was sent: its name may be a path, its type anything. */
export class UploadedFile {
  readonly name: string
  readonly type: string
  readonly bytes: Buffer
  constructor(name: string, type: string, bytes: Buffer) {
    this.name = name
    this.type = type
    this.bytes = bytes
  }

  /** What tells one upload from another, to be hashed: a form that comes again has another boundary, and is the same. */
  toJSON(): object {
    return { name: this.name, type: this.type, sha256: createHash('sha256').update(this.bytes).digest('hex') }
  }
}

/** What a field may be before its schema has looked at it. Numbers keep their text. */
export type Wire = null | boolean | string | JsonNumber | KeptJson | FormText | UploadedFile

/** A request's fields by name. Without a prototype, so that a field named `__proto__` is a field. */
export type Fields = Record<string, Wire>

export type BodyShape = 'object' | 'array'

/** Reads the body. A client that asked whether it may send (`Expect: 100-continue`) is told so only now. Throws `Refusal`. */
export function readBody(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > MAX_BODY_BYTES) return Promise.reject(tooLarge(request, response))
  if (awaitsContinue(request)) response.writeContinue()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) return void chunks.push(chunk)
      leave()
      reject(tooLarge(request, response))
    }
    const finish = (): void => {
      leave()
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    }
    const fail = (cause?: unknown): void => {
      leave()
      reject(new Refusal('bad_request', '请求体不完整', { cause }))
    }
    const leave = (): void => void request.off('data', take).off('end', finish).off('close', fail).off('error', fail)
    request.on('data', take).on('end', finish).on('close', fail).on('error', fail)
  })
}

export function awaitsContinue(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue'
}

/** The rest is read and dropped for a while: a connection cut with bytes under way takes the answer with it. */
export function discardRest(request: IncomingMessage, response: ServerResponse): void {
  closeOnceRead(request, response)
  let discarded = 0
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > MAX_DISCARDED_BYTES) request.destroy()
  })
  // A listener alone does not wake what a parser has paused.
  request.resume()
}

/** Who wants the connection closed after the answer finds it closed when all that was under way has been read, not before. */
function closeOnceRead(request: IncomingMessage, response: ServerResponse): void {
  if (response.shouldKeepAlive || response.headersSent) return
  response.shouldKeepAlive = true
  const close = (): void => void (request.complete && response.writableFinished && request.socket.destroySoon())
  request.once('end', close)
  response.once('finish', close)
}

function tooLarge(request: IncomingMessage, response: ServerResponse): Refusal {
  discardRest(request, response)
  return bodyTooLarge()
}

export function bodyTooLarge(): Refusal {
  return new Refusal('too_large', `请求体不能超过 ${MAX_BODY_BYTES / 1024 / 1024} MiB`)
}

/**
 * The fields of a JSON object or a form; with `shape` `array` the array that was sent. An empty body has no fields.
 * Throws `Refusal`: 415 another content type, 400 unreadable, 422 the other shape, a NUL or half a surrogate pair.
 */
export function decodeBody(
  bytes: Buffer,
  contentType: string | undefined,
  shape: BodyShape = 'object',
): Fields | KeptJson {
  if (bytes.length === 0) {
    if (shape === 'object') return noFields()
    throw new Refusal('not_json', '请求体必须是 JSON 数组')
  }
  const type = mediaType(contentType)
  if (type === 'application/x-www-form-urlencoded' && shape === 'object') return decodeForm(bytes.toString('latin1'))
  if (type !== 'application/json')
    throw new Refusal(
      'unsupported_media_type',
      shape === 'array'
        ? '请求头 Content-Type 必须是 application/json'
        : '请求头 Content-Type 必须是 application/json 或 application/x-www-form-urlencoded',
    )
  return decodeJson(utf8(bytes), shape)
}

/** The type, when its charset is UTF-8 or not named. */
function mediaType(header = ''): string | undefined {
  const [type = '', ...parameters] = header.split(';')
  const charset = parameters
    .map((parameter) => parameter.trim().toLowerCase())
    .find((text) => text.startsWith('charset='))
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) return undefined
  return type.trim().toLowerCase()
}

function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Refusal('not_json', '请求体不是有效的 UTF-8 文本')
  const text = bytes.toString('utf8')
  return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text
}

function decodeJson(text: string, shape: BodyShape): Fields | KeptJson {
  // Only an escape can bring a NUL or half a surrogate pair into text that is valid UTF-8.
  const suspicious = /\\u(?:0000|[dD][89a-fA-F])/.test(text)
  if (shape === 'array') return keptArray(text, suspicious)
  const members = readJson(() => parseMembers(text))
  if (members === undefined) throw new Refusal('invalid', '请求体必须是 JSON 对象')
  if (suspicious) for (const [name, { value }] of members) refuseUnstorable(name, name, value)
  const fields = noFields()
  for (const [name, { value, text: written }] of members) fields[name] = wireOf(value, written)
  return fields
}

function keptArray(text: string, suspicious: boolean): KeptJson {
  const value = readJson(() => parseJson(text))
  if (!isArray(value)) throw new Refusal('invalid', '请求体必须是 JSON 数组')
  if (suspicious) for (const [index, item] of value.entries()) refuseUnstorable(String(index), item)
  return new KeptJson(value, text.trim() as JsonText)
}

function readJson<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      throw new Refusal('not_json', `请求体不是有效的 JSON（位置 ${error.offset}：${REASONS[error.reason]}）`, {
        cause: error,
      })
    throw error
  }
}

const REASONS: Readonly<Record<JsonProblem, string>> = {
  'unexpected text': '无法识别的内容',
  'unexpected end': '内容不完整',
  'unexpected character': '无法识别的字符',
  'nested too deeply': '嵌套层数过多',
  'a name in quotes is expected': '此处应为带双引号的名称，最后一项之后不能有逗号',
  '":" is expected': '此处应为冒号',
  '"," or "}" is expected': '此处应为逗号或 }',
  '"," or "]" is expected': '此处应为逗号或 ]',
  'a string does not end': '字符串没有结束的引号',
  'a control character in a string': '字符串中的控制字符必须转义',
  'an unknown escape': '未知的转义字符',
  'four hexadecimal digits are expected': '\\u 之后应为四位十六进制数字',
  'text after the value': 'JSON 之后还有多余的内容',
}

/** A JSON value as a field; `written` is its text where that is known. */
export function wireOf(value: Json, written?: JsonText): Wire {
  return isObject(value) || isArray(value) ? new KeptJson(value, written ?? stringifyJson(value)) : value
}

/** Members of an object inside a body as fields. */
export function fieldsOf(members: Iterable<readonly [string, Json]>): Fields {
  const fields = noFields()
  for (const [name, member] of members) fields[name] = wireOf(member)
  return fields
}

/** Fields of `a=1&b=2`, of a form or a query. Throws `Refusal` (400 no UTF-8, 422 a NUL). */
export function decodeForm(text: string): Fields {
  const fields = noFields()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = unescapeText(equals < 0 ? pair : pair.slice(0, equals))
    const value = unescapeText(equals < 0 ? '' : pair.slice(equals + 1))
    addText(fields, name, value)
  }
  return fields
}

/** Adds a text that a form has under `written`: `scenes`, or `scenes[]` as some clients name the items of a list. Throws `Refusal` (422). */
export function addText(fields: Fields, written: string, value: string): void {
  refuseUnstorable(written, written, value)
  const name = written.endsWith('[]') ? written.slice(0, -2) : written
  const present = fields[name]
  if (present instanceof FormText) present.texts.push(value)
  else fields[name] = new FormText(value)
}

/** `text` holds bytes as Latin-1. A `%` without two digits after it stands for itself, as in browsers. */
function unescapeText(text: string): string {
  if (!/[%+\u0080-\u00ff]/.test(text)) return text
  const spaced = text.replaceAll('+', ' ')
  const bytes = spaced.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  const unescaped = Buffer.from(bytes, 'latin1')
  if (!isUtf8(unescaped)) throw new Refusal('bad_request', '表单或查询参数不是有效的 UTF-8 文本')
  return unescaped.toString('utf8')
}

/** Postgres holds no NUL in text, and half a surrogate pair has no UTF-8: 422 under the field's name. */
export function refuseUnstorable(field: string, ...values: readonly Json[]): void {
  for (const value of values) {
    const problem = unstorable(value)
    if (problem === undefined) continue
    const name = JSON.stringify(field.toWellFormed()).slice(1, -1)
    throw new Refusal('invalid', `${name} ${problem}`, { fields: { [name]: [problem] } })
  }
}

function unstorable(value: Json): string | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return '不能含有空字符（U+0000）'
    return value.isWellFormed() ? undefined : '含有不成对的代理字符'
  }
  if (isObject(value)) return first([...value.keys(), ...value.values()])
  return isArray(value) ? first(value) : undefined
}

function first(values: readonly Json[]): string | undefined {
  for (const value of values) {
    const problem = unstorable(value)
    if (problem !== undefined) return problem
  }
  return undefined
}

export function noFields(): Fields {
  return Object.create(null) as Fields
}
