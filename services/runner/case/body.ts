import { isArray, isObject, JsonNumber, parseJson, type Json, type JsonObject } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import { formEncode, pairsOf } from './form.ts'
import { multipartOf, type Part } from './multipart.ts'
import { dumps, dumpsIndented, isFiniteJson, str, truthy } from './python.ts'
import { bytesOf, pythonValue } from './python-value.ts'
import { utf8 } from './wire-text.ts'

/** What a request carries. `shown` is how results show it; `type` is the Content-Type that goes with it by itself. */
export type RequestBody = Readonly<{
  kind: 'none' | 'text' | 'bytes' | 'json' | 'form' | 'multipart'
  bytes: Uint8Array | null
  shown: string
  type: string | undefined
}>

export const NO_BODY: RequestBody = { kind: 'none', bytes: null, shown: 'None', type: undefined }

/**
 * The body that a case's `request` asks for: `files` before `data` before `json`; `data` only when Python takes it as true, `json`
 * whenever it is present and not null. `boundary` is asked for with multipart alone. Throws `CaseFault`.
 */
export function bodyOf(request: JsonObject, boundary: () => string): RequestBody {
  const data = request.get('data')
  const files = request.get('files')
  if (files !== undefined && truthy(files)) return multipart(files, data, boundary())
  if (data !== undefined && truthy(data)) return dataBody(data)
  const json = request.get('json')
  return json === undefined || json === null ? NO_BODY : jsonBody(json)
}

function dataBody(data: Json): RequestBody {
  const bytes = bytesOf(data)
  if (bytes !== undefined) return { kind: 'bytes', bytes, shown: shownBytes(bytes, data), type: undefined }
  if (typeof data === 'string') return { kind: 'text', bytes: utf8(data), shown: data, type: undefined }
  if (!isObject(data) && !isArray(data)) throw new CaseFault('请求参数data应为字符串、对象或键值对列表')
  const text = formEncode(data, 'data')
  return { kind: 'form', bytes: utf8(text), shown: text, type: 'application/x-www-form-urlencoded' }
}

/** As results show bytes: JSON laid out, anything else as Python writes it. */
function shownBytes(bytes: Buffer, data: Json): string {
  try {
    return dumpsIndented(parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), { nonFinite: true }))
  } catch {
    return pythonValue(data)?.repr ?? ''
  }
}

function jsonBody(json: Json): RequestBody {
  const refused = pythonValueIn(json)
  if (refused !== undefined) throw new CaseFault(`Object of type ${refused} is not JSON serializable`)
  if (!isFiniteJson(json)) throw new CaseFault('请求参数json中含有JSON不能表示的数值(NaN或Infinity)')
  return { kind: 'json', bytes: utf8(dumps(json)), shown: dumpsIndented(json), type: 'application/json' }
}

/** The type of the first value that JSON has no word for. */
function pythonValueIn(json: Json): string | undefined {
  if (!isObject(json) && !isArray(json)) return pythonValue(json)?.type
  for (const member of json.values()) {
    const type = pythonValueIn(member)
    if (type !== undefined) return type
  }
  return undefined
}

/** Form fields of `data`, then the entries of `files`: `text`, `[file name, text]` or `[file name, text, mime type]`. */
function multipart(files: Json, data: Json | undefined, boundary: string): RequestBody {
  if (typeof data === 'string' && data !== '') throw new CaseFault('请求参数files与字符串data不能同时使用')
  const parts = [...(data !== undefined && truthy(data) ? fieldParts(data) : []), ...fileParts(files)]
  return formBody(parts, boundary)
}

/** A form of these parts. */
export function formBody(parts: readonly Part[], boundary: string): RequestBody {
  return { kind: 'multipart', ...multipartOf(parts, boundary) }
}

function fieldParts(data: Json): readonly Part[] {
  return pairsOf(data, 'data').flatMap(([name, value]) => {
    const values = isObject(value) ? [...value.keys()] : isArray(value) ? value : [value]
    return values.filter((item) => item !== null).map((item) => ({ name, content: str(item) }))
  })
}

function fileParts(files: Json): readonly Part[] {
  return pairsOf(files, 'files').flatMap(([name, entry]) => {
    const [fileName, content, type = null, headers = null, ...rest] = isArray(entry) ? entry : [name, entry]
    if (content === null) return []
    const text = contentText(content)
    const known = text !== undefined && rest.length === 0 && (fileName === null || typeof fileName === 'string')
    if (!known || isArray(type) || isObject(type) || !(headers === null || isObject(headers))) {
      throw new CaseFault(
        `请求参数files的${name}应为文本、[文件名, 内容]、[文件名, 内容, 类型]或[文件名, 内容, 类型, 请求头]`,
      )
    }
    return [
      {
        name,
        content: text,
        ...(fileName !== null && { fileName }),
        ...(type !== null && { type: str(type) }),
        headers: [...(headers ?? [])].filter(([, value]) => truthy(value)).map(([key, value]) => [key, str(value)]),
      },
    ]
  })
}

/** What urllib3 writes of a part: texts, and integers as texts. */
function contentText(content: Json | undefined): string | undefined {
  if (typeof content === 'string') return content
  if (typeof content === 'boolean') return str(content)
  return content instanceof JsonNumber && /^-?\d+$/.test(content.text) ? str(content) : undefined
}
