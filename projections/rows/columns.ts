/**
 * The types that a column of a read model can have, what stands for each in JavaScript, and how many values of one travel as one
 * parameter: an array in Postgres' own text form, or JSON texts behind one another.
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

// JSON holds no bare control character, and no empty text is JSON. Quoted in an array it would be escaped here and read once more there.
const SEPARATOR = '\u001E'
const NULL_JSON = ''

/** The parameter that `arrayText` makes, as SQL: an array of the column's type. */
export function arrayParameter({ type }: Column, nth: number): string {
  return type === 'json' ? `string_to_array($${nth}, e'\\x1e', '')::json[]` : `$${nth}::${type}[]`
}

/** The values of one column as one parameter, which `arrayParameter` reads. The driver's own way takes several times as long. */
export function arrayText({ type }: Column, values: readonly Value[]): string {
  if (type === 'json') return values.map((value) => value ?? NULL_JSON).join(SEPARATOR)
  return `{${values.map(element).join(',')}}`
}

/** `1`, `"a b"` or `NULL`. */
function element(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  const plain = !value.includes('"') && !value.includes('\\')
  return `"${plain ? value : value.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
