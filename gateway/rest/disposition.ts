import { isUtf8 } from 'node:buffer'

/** `Content-Disposition` as parts of forms bring it and as downloads answer it (RFC 7578 §4.2, RFC 6266, RFC 8187). */

/** Parameters by lower-case name. Text in quotes as browsers and urllib3 write it: a backslash counts only before `"` and `\`. */
export function parametersOf(header: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, token = ''] of header.matchAll(PARAMETER)) {
    found.set(name.toLowerCase(), quoted === undefined ? token.trim() : quoted.replaceAll(/\\(["\\])/g, '$1'))
  }
  return found
}

const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/gs

/** The text of `UTF-8''%E6%96%87.sql`; undefined for what is not of this form, not of a charset known, or not valid in it. */
export function extendedText(value: string): string | undefined {
  const [, charset = '', encoded = ''] = /^(utf-8|iso-8859-1)'[^']*'(.*)$/is.exec(value) ?? []
  if (charset === '' || /%(?![0-9a-f]{2})/i.test(encoded)) return undefined
  const bytes = Buffer.from(
    encoded.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  )
  if (charset.toLowerCase() === 'iso-8859-1') return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}

/** `attachment` under this name: spelled out for who reads RFC 8187, and in ASCII for who does not. */
export function attachment(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const extended = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${extended}`
}
