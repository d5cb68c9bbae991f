import type { Json } from '../../../contracts/json.ts'

/** A value that JSON has no word for, as a setup script left it in the case: its Python type and its `repr`. */
export type PythonValue = Readonly<{ type: string; repr: string }>

/** The sandbox writes it so (`case_data.py`); no text that a user can save begins with NUL. */
const MARKED = /^\0python:([^:]+):(.*)$/s

export function pythonValue(json: Json | undefined): PythonValue | undefined {
  const [, type, repr] = (typeof json === 'string' && MARKED.exec(json)) || []
  return type === undefined || repr === undefined ? undefined : { type, repr }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '\\': 92, "'": 39, '"': 34 }

/** The bytes of Python's `b'…'` and `bytearray(b'…')`; undefined for any other value. What variables brought into it is UTF-8. */
export function bytesOf(json: Json | undefined): Buffer | undefined {
  const value = pythonValue(json)
  if (value?.type !== 'bytes') return undefined
  const literal = value.repr.replace(/^bytearray\((.*)\)$/s, '$1')
  const parts = literal.slice(2, -1).matchAll(/\\x([0-9a-f]{2})|\\(.)|[^\\]+/gs)
  return Buffer.concat(
    [...parts].map(([text, hex, escape]) => {
      if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16))
      return escape === undefined ? Buffer.from(text) : Buffer.of(ESCAPES[escape] ?? escape.charCodeAt(0))
    }),
  )
}
