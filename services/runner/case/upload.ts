import { isArray, isObject, type Json, JsonNumber } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import type { Part } from './multipart.ts'
import { str, truthy } from './python.ts'
import { bytesOf } from './python-value.ts'

/** A file that the platform keeps. */
export type CaseFile = Readonly<{ name: string; type: string; bytes: Uint8Array }>

/** Finds the file that a case names: by id, by its path here, or by a path of another machine, whose base name counts. */
export type CaseFiles = (reference: string) => Promise<CaseFile | undefined>

/** Bytes of all files and texts of one request. */
const MAX_UPLOAD = 10 * 1024 * 1024

/**
 * The form that a case's `file` asks for, undefined when it asks for none. Each entry is `[field, "text"]`, `[field, [file name, "text"]]`
 * or `[field, [file name, reference, type]]`; an object holds the same by field. Throws `CaseFault`, also for a file that is not there
 * (the old engine sent its path instead).
 */
export async function uploadOf(file: Json | undefined, files: CaseFiles): Promise<readonly Part[] | undefined> {
  if (file === undefined || !truthy(file)) return undefined
  const parts: Part[] = []
  let size = 0
  for (const [name, entry] of entriesOf(file)) {
    const part = await partOf(name, entry, files)
    size += typeof part.content === 'string' ? Buffer.byteLength(part.content) : part.content.length
    if (size > MAX_UPLOAD) throw new CaseFault(`file(文件上传)的内容超过${MAX_UPLOAD / 1024 / 1024}MiB`)
    parts.push(part)
  }
  return parts
}

function entriesOf(file: Json): readonly (readonly [string, Json])[] {
  if (isObject(file)) return [...file]
  if (!isArray(file)) throw new CaseFault('file应为[[字段名, 内容], …]或对象')
  return file.map((pair) => {
    const [name, entry] = isArray(pair) && pair.length === 2 ? pair : []
    if (typeof name !== 'string' || entry === undefined) throw new CaseFault('file中的每一项应为[字段名, 内容]')
    return [name, entry]
  })
}

async function partOf(name: string, entry: Json, files: CaseFiles): Promise<Part> {
  if (typeof entry === 'string') return { name, content: bytesOf(entry) ?? entry }
  const { fileName, content, type } = namedContent(name, entry)
  const part = { name, fileName, ...(type !== undefined && truthy(type) && { type: str(type) }) }
  const given = bytesOf(content) ?? (type === undefined ? str(content) : undefined)
  if (given !== undefined) return { ...part, content: given }
  const reference = str(content)
  const found = await files(reference)
  if (!found) throw new CaseFault(`file的${name}引用的文件不存在：${reference}`)
  return { ...part, content: found.bytes }
}

/** The members of an entry that has a file name; without a type its content is the very text. */
type NamedContent = Readonly<{ fileName: string | undefined; content: Json; type: Json | undefined }>

function namedContent(name: string, entry: Json): NamedContent {
  const members = isArray(entry) ? entry : []
  const [fileName = null, content = null, type] = members
  const isName = fileName === null || typeof fileName === 'string'
  const isContent = typeof content === 'string' || (content instanceof JsonNumber && members.length === 3)
  if (!isName || !isContent || members.length > 3) {
    throw new CaseFault(`file的${name}应为文本、[文件名, 文本]或[文件名, 文件的id或路径, 类型]`)
  }
  return { fileName: fileName ?? undefined, content, type }
}
