import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Dicer } from '@fastify/busboy'
import {
  addText,
  awaitsContinue,
  bodyTooLarge,
  discardRest,
  type Fields,
  MAX_BODY_BYTES,
  noFields,
  refuseUnstorable,
  UploadedFile,
} from './body.ts'
import { Refusal } from './dialects.ts'
import { extendedText, parametersOf } from './disposition.ts'

/** What a route that takes a file allows. */
export type Upload = Readonly<{ maxBytes: number }>

const MAX_PARTS = 100
/** RFC 2046 allows 70; what reads the parts can hold no more than this. */
const MAX_BOUNDARY = 200
/** Bytes of a field that is no file. */
const MAX_TEXT_BYTES = 64 * 1024

/**
 * The fields of a `multipart/form-data` body, with at most one file among them. Throws `Refusal`: 415 another content type, 400 cut off
 * or unreadable, 413 over what a body may have, 422 a file over `upload.maxBytes` or a second one.
 */
export function readMultipart(request: IncomingMessage, response: ServerResponse, upload: Upload): Promise<Fields> {
  const boundary = boundaryOf(request.headers['content-type'])
  return new Promise((resolve, reject) => {
    const form = new Form(upload)
    const parser = new Dicer({ boundary, maxHeaderPairs: 50 })
    let open = 0
    let finished = false
    let received = 0
    let settled = false

    const leave = (): void => {
      settled = true
      request.off('data', count).off('end', whole).off('close', cut).off('error', cut)
    }
    const fail = (error: unknown): void => {
      if (settled) return
      leave()
      request.unpipe(parser)
      discardRest(request, response)
      reject(error instanceof Refusal ? error : unreadable(error))
    }
    const guarded =
      <A extends unknown[]>(work: (...args: A) => void) =>
      (...args: A): void => {
        try {
          work(...args)
        } catch (error) {
          fail(error)
        }
      }
    // The parser may say that it has finished before the last part has ended.
    const settle = (): void => {
      if (!finished || open > 0 || settled) return
      leave()
      resolve(form.fields)
    }
    const count = (chunk: Buffer): void => {
      received += chunk.length
      if (received > MAX_BODY_BYTES) fail(bodyTooLarge())
    }
    // From here on the parser has the last word: it finishes, or says what is missing.
    const whole = (): void => void request.off('close', cut)
    const cut = (cause?: unknown): void => fail(new Refusal('bad_request', '请求体不完整', { cause }))

    parser.on('part', (stream) => {
      open++
      let part: Part | undefined
      stream.on(
        'header',
        guarded((headers: object) => void (part = form.begin(headers as PartHeaders))),
      )
      stream.on(
        'data',
        guarded((chunk: Buffer | string) => part?.take(Buffer.from(chunk))),
      )
      stream.on(
        'end',
        guarded(() => {
          if (part === undefined) throw unreadable()
          part.end()
          open--
          settle()
        }),
      )
      stream.on('error', fail)
    })
    parser.on('finish', () => {
      finished = true
      settle()
    })
    parser.on('error', fail)
    if (awaitsContinue(request)) response.writeContinue()
    request.on('data', count).on('end', whole).on('close', cut).on('error', cut).pipe(parser)
  })
}

function boundaryOf(contentType = ''): string {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType.trim())) {
    throw new Refusal('unsupported_media_type', '请求头 Content-Type 必须是 multipart/form-data')
  }
  const boundary = parametersOf(contentType).get('boundary') ?? ''
  if (boundary === '') throw new Refusal('bad_request', '请求头 Content-Type 缺少 boundary')
  if (boundary.length > MAX_BOUNDARY) {
    throw new Refusal('bad_request', `请求头 Content-Type 的 boundary 不能超过 ${MAX_BOUNDARY} 个字符`)
  }
  return boundary
}

function unreadable(cause?: unknown): Refusal {
  return new Refusal('bad_request', '请求体不是完整有效的 multipart/form-data', { cause })
}

/** Values by lower-case name; text holds bytes as Latin-1. */
type PartHeaders = Readonly<Record<string, readonly string[] | undefined>>

/** A part that is being read. */
type Part = Readonly<{ take(chunk: Buffer): void; end(): void }>

/** The parts of one form as they come. */
class Form {
  readonly fields = noFields()
  readonly #upload: Upload
  #parts = 0
  #files = 0

  constructor(upload: Upload) {
    this.#upload = upload
  }

  begin(headers: PartHeaders): Part {
    if (++this.#parts > MAX_PARTS) throw new Refusal('bad_request', `表单不能超过 ${MAX_PARTS} 个字段`)
    const disposition = utf8(Buffer.from(headers['content-disposition']?.[0] ?? '', 'latin1'))
    if (!/^form-data\s*(;|$)/i.test(disposition.trim())) throw unreadable()
    const parameters = parametersOf(disposition)
    const name = parameters.get('name')
    if (name === undefined) throw new Refusal('bad_request', '表单中有字段缺少名称')
    const extended = parameters.get('filename*')
    const fileName = (extended === undefined ? undefined : extendedText(extended)) ?? parameters.get('filename')
    return fileName === undefined ? this.#text(name) : this.#file(name, fileName, headers['content-type']?.[0])
  }

  #text(name: string): Part {
    return gathering(MAX_TEXT_BYTES, name, `不能超过 ${MAX_TEXT_BYTES / 1024} KiB`, (bytes) => {
      addText(this.fields, name, utf8(bytes))
    })
  }

  #file(name: string, fileName: string, type: string | undefined): Part {
    if (++this.#files > 1) throw refused(name, '一次只能上传一个文件')
    const { maxBytes } = this.#upload
    const words = `大小不能超过 ${maxBytes / 1024} KB（${maxBytes} 字节）`
    return gathering(maxBytes, name, words, (bytes) => {
      const sent = utf8(Buffer.from(type?.trim() ?? '', 'latin1'))
      this.fields[name] = new UploadedFile(fileName, sent === '' ? 'application/octet-stream' : sent, bytes)
    })
  }
}

/** Gathers a part's bytes and hands them over; with more than `most` the form is refused. */
function gathering(most: number, name: string, words: string, done: (bytes: Buffer) => void): Part {
  const chunks: Buffer[] = []
  let size = 0
  return {
    take(chunk) {
      size += chunk.length
      if (size > most) throw refused(name, words)
      chunks.push(chunk)
    },
    end: () => done(Buffer.concat(chunks)),
  }
}

function refused(field: string, words: string): Refusal {
  refuseUnstorable(field, field)
  return new Refusal('invalid', `${field} ${words}`, { fields: { [field]: [words] } })
}

function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Refusal('bad_request', '表单不是有效的 UTF-8 文本')
  return bytes.toString()
}
