import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, inflate, inflateRaw } from 'node:zlib'
import { parseJson } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { dumpsIndented } from './python.ts'
import { MAX_RESPONSE_BYTES, type RawResponse } from './send.ts'
import { shownBinary } from './wire-text.ts'

const decoders = {
  gunzip: promisify(gunzip),
  inflate: promisify(inflate),
  inflateRaw: promisify(inflateRaw),
  brotli: promisify(brotliDecompress),
}
const LIMITED = { maxOutputLength: MAX_RESPONSE_BYTES }
/** What breaks off is read as far as it goes, as requests reads it. */
const AS_FAR_AS_IT_GOES = { ...LIMITED, finishFlush: constants.Z_SYNC_FLUSH }

/** Undoes `Content-Encoding`, off the event loop. Throws `CaseFault` for what cannot be decoded or is over the limit. */
export async function decodeBody({ headers, body }: RawResponse): Promise<Buffer> {
  const encodings = headerOf(headers, 'content-encoding')?.toLowerCase().split(',') ?? []
  let decoded = body
  for (const encoding of encodings.map((name) => name.trim()).toReversed()) {
    if (decoded.length === 0) break
    try {
      decoded = await decodeOne(encoding, decoded)
    } catch (error) {
      const large = Error.isError(error) && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      const reason = large ? `响应体解压后超过${MAX_RESPONSE_BYTES / 1024 / 1024}MiB` : `响应体无法按${encoding}解码`
      throw new CaseFault(reason, { cause: error })
    }
  }
  return decoded
}

async function decodeOne(encoding: string, body: Buffer): Promise<Buffer> {
  switch (encoding) {
    case 'x-gzip':
      // requests does not know the name: what is no gzip is left as it is.
      return body[0] === 0x1f && body[1] === 0x8b ? decoders.gunzip(body, AS_FAR_AS_IT_GOES) : body
    case 'gzip':
      return decoders.gunzip(body, AS_FAR_AS_IT_GOES)
    case 'br':
      return decoders.brotli(body, LIMITED)
    case 'deflate':
      // Some servers mean the bare stream: a zlib header is a multiple of 31 that names method 8.
      return ((body[0] ?? 0) & 0x0f) === 8 && body.length > 1 && body.readUInt16BE(0) % 31 === 0
        ? decoders.inflate(body, AS_FAR_AS_IT_GOES)
        : decoders.inflateRaw(body, AS_FAR_AS_IT_GOES)
    default:
      return body
  }
}

/** The value of a header; of one that stands twice both, joined as requests joins them. */
export function headerOf(headers: readonly (readonly [string, string])[], name: string): string | undefined {
  const values = headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

/** Headers as results show them: in order, repeated ones joined at the place and in the spelling of the first. */
export function shownHeaders(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const joined = new Map<string, [string, string]>()
  for (const [name, value] of headers) {
    const known = joined.get(name.toLowerCase())
    if (known === undefined) joined.set(name.toLowerCase(), [name, value])
    else known[1] += `, ${value}`
  }
  return Object.fromEntries(joined.values())
}

export type Charset = Readonly<{
  /** What `response.encoding` says in requests. */
  encoding: string | null
  /** What the text is decoded with; null when the body is no text. */
  text: string | null
}>

/** The charset of an answer. Without a declared one valid UTF-8 is UTF-8, and any other text type latin-1. */
export function charsetOf(headers: readonly (readonly [string, string])[], body: Buffer): Charset {
  const type = headerOf(headers, 'content-type') ?? ''
  const declared = /;\s*charset\s*=\s*["']?([^"';\s]*)/i.exec(type)?.[1]
  if (declared !== undefined) return { encoding: declared, text: declared }
  // As requests looks for them: types in capitals have no encoding there.
  const encoding = type.includes('text') ? 'ISO-8859-1' : type.includes('application/json') ? 'utf-8' : null
  if (isUtf8(body)) return { encoding, text: 'utf-8' }
  return { encoding, text: encoding === 'ISO-8859-1' ? 'latin-1' : encoding }
}

const LATIN_1 = /^(iso-?8859-?1|latin-?1|l1)$/

/** Decodes with a charset as Python names it; an unknown one is read as UTF-8, and what is invalid becomes U+FFFD. */
export function decodeText(body: Buffer, charset: string): string {
  const label = charset.toLowerCase().replaceAll('_', '-')
  if (LATIN_1.test(label)) return body.toString('latin1')
  if (label === 'ascii' || label === 'us-ascii') {
    return body.toString('latin1').replace(/[\u0080-\u00ff]/g, '\ufffd')
  }
  try {
    const known = label === 'cp936' ? 'gbk' : label.replace(/-sig$/, '')
    return new TextDecoder(known, { ignoreBOM: known === label }).decode(body)
  } catch {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(body)
  }
}

/** Over this a body is shown as it came: laying out megabytes of JSON would hold up everything else in the process. */
const MAX_INDENTED_BYTES = 1024 * 1024

/** A body as results show it: JSON laid out, text as it is, anything else as base64 with its length. */
export function shownBody(body: Buffer, charset: Charset): string {
  if (body.length === 0) return ''
  const name = (charset.encoding === null ? unicodeOf(body) : undefined) ?? charset.text
  const text = name === null ? undefined : decodeText(body, name)
  const json = text === undefined || body.length > MAX_INDENTED_BYTES ? undefined : indented(text)
  if (json !== undefined) return json
  // What is valid UTF-8 is hardly anything else, whatever the header says.
  if (isUtf8(body)) return body.toString()
  return text ?? shownBinary(body)
}

function indented(text: string): string | undefined {
  try {
    return dumpsIndented(parseJson(text, { nonFinite: true }))
  } catch {
    return undefined
  }
}

/** The charset of JSON whose type names none, by its byte order mark or by where its zeros are; undefined for plain UTF-8. */
function unicodeOf(body: Buffer): string | undefined {
  if (body.length < 4) return undefined
  const zeros = [0, 1, 2, 3].map((at) => (body[at] === 0 ? '0' : 'x')).join('')
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return 'utf-8-sig'
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le-sig'
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be-sig'
  return zeros === 'x0x0' ? 'utf-16le' : zeros === '0x0x' ? 'utf-16be' : undefined
}
