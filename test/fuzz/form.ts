/** Bodies of `multipart/form-data` with a file among their parts, and some that are nearly so. */
import type { Chance } from '../chaos/chance.ts'
import { type Draft, plainText, written } from './draft.ts'

const BOUNDARY = 'fuzz-boundary'

const FILE_NAMES = [
  'fuzz.sql',
  'D:\\\\a\\\\b.sql',
  '../../etc/passwd',
  '..',
  '',
  ' ',
  '名称😀.txt',
  'a\u0000b',
  'a\u0001b',
  '\\"quoted\\".txt',
  'x'.repeat(300),
  '__proto__',
]

const TYPES = ['text/plain', '', 'x', 'text/html; charset=utf-16', 'é', 'x'.repeat(300)]

const SIZES = [0, 1, 100, 65_537, 307_200, 307_201]

export function formOf(
  draft: Draft,
  chance: Chance,
): Readonly<{ bytes: Buffer; type: string; names: readonly string[] }> {
  const members = 'members' in draft ? draft.members : []
  const parts = members.map(([name, value]) => {
    const field = plainText(name)
    const head = `Content-Disposition: form-data; name="${field.replaceAll(/["\r\n]/g, '')}"`
    if (field !== 'file' || chance.happens(0.05)) return Buffer.from(`${head}\r\n\r\n${plainText(written(value))}`)
    const file = `; filename="${chance.pick(FILE_NAMES)}"\r\nContent-Type: ${chance.pick(TYPES)}\r\n\r\n`
    return Buffer.concat([Buffer.from(head + file), Buffer.alloc(chance.pick(SIZES), chance.between(0, 255))])
  })
  if (chance.happens(0.05))
    parts.push(Buffer.from(chance.pick(['', 'X: y\r\n\r\n', 'Content-Disposition: form-data\r\n\r\nx'])))
  const whole = Buffer.concat([
    ...parts.flatMap((part) => [Buffer.from(`--${BOUNDARY}\r\n`), part, Buffer.from('\r\n')]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ])
  const bytes = chance.happens(0.05) ? whole.subarray(0, chance.between(0, whole.length)) : whole
  return {
    bytes,
    type: `multipart/form-data; boundary=${BOUNDARY}`,
    names: [...members.map(([name]) => plainText(name)), 'file'],
  }
}
