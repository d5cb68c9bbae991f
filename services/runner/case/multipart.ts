import { isUtf8 } from 'node:buffer'
import { CaseFault } from './fault.ts'
import { bytesOf as pythonBytes } from './python-value.ts'
import { shownBinary, utf8 } from './wire-text.ts'

/** One part of a `multipart/form-data` body. Without a type it says none. */
export type Part = Readonly<{
  name: string
  fileName?: string | undefined
  type?: string | undefined
  /** More headers of its own. */
  headers?: readonly (readonly [name: string, value: string])[]
  content: string | Uint8Array
}>

/** A body, and how results show it: what is no text in base64 with its length. */
export type Multipart = Readonly<{ bytes: Uint8Array; shown: string; type: string }>

/** The parts as urllib3 1.26 writes them, which both requests and its toolbelt use. Throws `CaseFault`. */
export function multipartOf(parts: readonly Part[], boundary: string): Multipart {
  const written = parts.map((part) => {
    const head = `--${boundary}\r\n${headOf(part)}\r\n`
    const content = bytesOf(part.content)
    const shown = isUtf8(content) ? content.toString() : shownBinary(content)
    return { bytes: Buffer.concat([bytesOf(head), content, LINE_END]), shown: `${head}${shown}\r\n` }
  })
  const end = `--${boundary}--\r\n`
  return {
    bytes: Buffer.concat([...written.map(({ bytes }) => bytes), Buffer.from(end)]),
    shown: written.map(({ shown }) => shown).join('') + end,
    type: `multipart/form-data; boundary=${boundary}`,
  }
}

const LINE_END = Buffer.from('\r\n')

function bytesOf(content: string | Uint8Array): Buffer {
  return typeof content === 'string'
    ? (pythonBytes(content) ?? utf8(content))
    : Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}

function headOf({ name, fileName, type, headers = [] }: Part): string {
  const own = headers.filter(
    ([key]) => !['content-disposition', 'content-type', 'content-location'].includes(key.toLowerCase()),
  )
  const typed = [...(type === undefined ? [] : [['Content-Type', type] as const]), ...own]
  if (typed.flat().some((text) => /[\r\n]/.test(text)))
    throw new CaseFault(`表单字段(file、files)${name}的类型中不能有换行`)
  const named = fileName === undefined ? '' : `; filename="${quotedName(fileName)}"`
  const lines = typed.map(([key, value]) => `${key}: ${value}\r\n`).join('')
  return `Content-Disposition: form-data; name="${quotedName(name)}"${named}\r\n${lines}`
}

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001a\u001c-\u001f]/g

/** HTML5's rule for names inside quotes, as urllib3 understands it: the escape character is let through. */
export function quotedName(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '%22')
    .replace(CONTROL, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
