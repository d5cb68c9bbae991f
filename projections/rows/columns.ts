/**
 * The types that a column of a read model can have, what stands for each in JavaScript, and how many values of one travel as one
 * parameter: an array in Postgres' own text form.
 */

/** What a value of each type is in JavaScript. json is its text, numeric too; a bigint is a number, as ids and revisions fit. */
interface Values {
  bigint: number
  integer: number
  'double precision': number
  boolean: boolean
  text: string
  uuid: string
  numeric: string
  json: string
  timestamptz: string
}

type TypeName = keyof Values

/** A type's name; with a question mark behind it the column may be null. */
export type ColumnType = TypeName | `${TypeName}?`

export type ValueOf<T extends ColumnType> = T extends `${infer N extends TypeName}?`
  ? Values[N] | null
  : T extends TypeName
    ? Values[T]
    : never

export type Value = ValueOf<ColumnType>

/** How one column is written and read. `read` makes of the column's text what `ValueOf` says. */
export type Column = Readonly<{
  name: string
  type: string
  nullable: boolean
  read(text: string | null): Value
}>

/** A column as its table declares it. */
export function columnOf(name: string, declared: ColumnType): Column {
  const nullable = declared.endsWith('?')
  const type = nullable ? declared.slice(0, -1) : declared
  const convert = readers[type] ?? String
  return { name, type, nullable, read: (text) => (text === null ? null : convert(text)) }
}

const readers: Readonly<Record<string, (text: string) => Value>> = {
  bigint: Number,
  integer: Number,
  'double precision': Number,
  boolean: (text) => text === 'true',
}

/** `{1,"a b",NULL}`: an array for a parameter that is cast to `type[]`. The driver's own way takes several times as long. */
export function arrayText(values: Iterable<Value>): string {
  let text = ''
  for (const value of values) text += `${text === '' ? '' : ','}${element(value)}`
  return `{${text}}`
}

function element(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  return `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, String.raw`\$&`) : value}"`
}
