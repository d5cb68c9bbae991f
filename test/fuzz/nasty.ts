/** What clients should not send and do. All as JSON text, drawn from a chance that can be had again. */
import type { Chance } from '../chaos/chance.ts'

const quoted = (text: string): string => JSON.stringify(text)

/** Texts, as they are between the quotes of JSON: some hold escapes that no JavaScript text survives. */
const TEXTS = [
  '',
  ' ',
  '\\t\\n\\r',
  '\\u0000',
  'a\\u0000b',
  '\\ud800',
  '\\udfff\\ud800',
  '\\ud83d\\ude00',
  '😀👩‍👩‍👧‍👦',
  '\\u202eabc\\u2066',
  'שלום العربية',
  '\\ufeff',
  '\\uffff\\ufffe',
  'e\\u0301é',
  'İıſﬀ',
  '__proto__',
  'constructor',
  'toString',
  '******',
  '***',
  'null',
  'true',
  'NaN',
  '-1',
  '0',
  '1e3',
  '１２',
  '2147483647',
  '2147483648',
  '9007199254740993',
  '%',
  '%00%ff',
  "'; drop table events; --",
  '\\\\',
  '%_\\\\%',
  '$1 $& $$ {} {{}}',
  '${{x}}',
  '${{ __proto__ }}${{',
  '../../etc/passwd',
  'D:\\\\a\\\\b.sql',
  '<script>alert(1)</script>',
  ']]>&#0;\\u0001\\u001b[31m',
  '\\u0085\\u2028\\u2029\\u00a0',
  'tl_1_x',
  'a.b.c',
  '.',
  'headers.',
  'headers.__proto__',
]

const NUMBERS = [
  '0',
  '-0',
  '-0.0',
  '1',
  '-1',
  '1.0',
  '1e0',
  '0.1e1',
  '1.5',
  '1e400',
  '-1e400',
  '1e-400',
  '1e308',
  '2147483647',
  '2147483648',
  '4294967297',
  '9007199254740991',
  '9007199254740993',
  '-9007199254740992',
  '9223372036854775808',
  '123456789012345678901234567890',
]

const CONTAINERS = [
  '{}',
  '[]',
  '[[]]',
  '[{}]',
  '[null]',
  '{"":null}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"$blob":"0000000000000000000000000000000000000000000000000000000000000000","bytes":1}',
  '{"$blob":1}',
  '{"$sealed":"v1.x.y"}',
  '{"$$sealed":{"$sealed":null}}',
  '{"\\u0024sealed":"x"}',
  '{"a":"\\u0000"}',
  '{"\\ud800":1}',
  '{"\\u0000":1}',
  '{"a":{"password":"******"}}',
  '{"then":1,"toJSON":1,"valueOf":1,"length":-1}',
  '[1,"1",null,true,{"a":[]}]',
]

const NAMES = [
  '',
  ' ',
  'id',
  'unknown',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toJSON',
  'then',
  'length',
  '0',
  '-1',
  '$blob',
  '$sealed',
  '$$sealed',
  'a.b',
  '名称',
  '😀',
  'fields',
]

/** A value that is JSON, whatever the field wants. */
export function nastyValue(chance: Chance): string {
  const way = chance.next()
  if (way < 0.12) return chance.pick(['null', 'true', 'false'])
  if (way < 0.35) return chance.pick(NUMBERS)
  if (way < 0.7) return `"${nastyText(chance)}"`
  if (way < 0.93) return chance.pick(CONTAINERS)
  return chance.pick([nested, wide, longText])(chance)
}

/** Text as it is between the quotes of JSON. */
export function nastyText(chance: Chance): string {
  return chance.pick(TEXTS) + (chance.happens(0.1) ? chance.pick(TEXTS) : '')
}

/** A name in quotes. */
export function nastyName(chance: Chance): string {
  return chance.happens(0.2) ? `"${nastyText(chance)}"` : quoted(chance.pick(NAMES))
}

/** Within the depth that is read, at it, and beyond. */
function nested(chance: Chance): string {
  const depth = chance.pick([20, 100, 490, 499, 501, 5_000])
  return chance.happens(0.5) ? '['.repeat(depth) + ']'.repeat(depth) : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
}

function wide(chance: Chance): string {
  const count = chance.pick([100, 3_000])
  const items = Array.from({ length: count }, (_, nth) => nth)
  return chance.happens(0.5) ? `[${items.join(',')}]` : `{${items.map((nth) => `"k${nth}":${nth}`).join(',')}}`
}

function longText(chance: Chance): string {
  const length = chance.pick([151, 1_001, 17_000, 90_000])
  if (chance.happens(0.5)) return quoted(chance.pick(['x', '长', '😀', '"', '${{x}}', '\\']).repeat(length))
  return quoted(noise(chance, Math.min(length, 17_000)))
}

/** Text that no compression makes shorter: what is kept in an index is no longer than a page allows. */
export function noise(chance: Chance, length: number): string {
  return Array.from({ length }, () => String.fromCodePoint(chance.between(0x4e_00, 0x9f_ff))).join('')
}

/** What is no JSON, or no JSON object, in place of a whole body. */
export function nastyBody(chance: Chance, written: string): string | Buffer {
  return chance.pick<() => string | Buffer>([
    () => written.slice(0, chance.between(0, written.length)),
    () => `\ufeff${written}`,
    () => `\ufeff\ufeff${written}`,
    () => `${written}${written}`,
    () => `${written},`,
    () => `//\n${written}`,
    () => written.replaceAll('"', "'"),
    () => nastyValue(chance),
    () => '['.repeat(200_000),
    () => '{"a":'.repeat(100_000),
    () => Buffer.from(written, 'utf16le'),
    () => Buffer.concat([Buffer.from(written), Buffer.from([0xff, 0xc0, 0x80])]),
    () => Buffer.from(Array.from({ length: 64 }, () => chance.between(0, 255))),
    () => '',
    () => ' \n\t',
    () => '\0',
    () => 'NaN',
    () => `{"name":"${'x'.repeat(chance.pick([1, 9, 11]) * 1024 * 1024)}"}`,
  ])()
}
