/** Placeholders of Python's database modules (`%s`, `%(name)s`) in the spelling of a database, outside of literals, names and comments. */
import { DatabaseFault, type Scalar, type Statement } from './port.ts'

export type Dialect = 'mysql' | 'postgres'
/** One value, or several for `in %s`. */
export type Parameter = Scalar | readonly ['list', readonly Scalar[]]
export type Parameters = readonly Parameter[] | Readonly<Record<string, Parameter>>

/** What hides a placeholder, as a database reads it. An end that is missing is the end of the text. */
const HIDING: Readonly<Record<Dialect, readonly RegExp[]>> = {
  mysql: [
    /'(?:[^'\\]+|\\(?:.|$)|'')*(?:'|$)/sy,
    /"(?:[^"\\]+|\\(?:.|$)|"")*(?:"|$)/sy,
    /`[^`]*(?:`|$)/sy,
    /#[^\n]*/y,
    /--(?=[\s\p{Cc}]|$)[^\n]*/uy,
    /\/\*.*?(?:\*\/|$)/sy,
  ],
  postgres: [
    /(?<![\p{L}\p{N}_$])[eE]'(?:[^'\\]+|\\(?:.|$)|'')*(?:'|$)/suy,
    /'[^']*(?:'|$)/sy,
    /"[^"]*(?:"|$)/sy,
    /--[^\n]*/y,
    /(?<![\p{L}\p{N}_$])\$(?<tag>(?:[\p{L}_][\p{L}\p{N}_]*)?)\$.*?(?:\$\k<tag>\$|$)/suy,
  ],
}
/** The next place where something could begin; all before it is plain. */
const PLAIN = /[^%'"`#\-/$eE]+/y
const PLACEHOLDER = /%(?:%|s|\((?<name>[^()]*)\)s|(?<other>\(|[A-Za-z]))/y

/**
 * The statement with a value for each placeholder: `?` for MySQL, `$1`, `$2`, … for Postgres. `%%` is `%`, inside of literals too, as
 * Python's formatting has it. A list becomes as many placeholders in parentheses. Throws `DatabaseFault` where the two do not fit.
 */
export function withPlaceholders(dialect: Dialect, sql: string, parameters: Parameters | null): Statement {
  if (parameters === null) return { sql, values: null }
  const values = new Values(dialect, parameters)
  let written = ''
  for (let at = 0; at < sql.length;) {
    const [text, end] = next(dialect, sql, at, values)
    written += text
    at = end
  }
  values.refuseUnused()
  return { sql: written, values: values.taken }
}

/** What stands at a place, as it is to be written, and where it ends. */
function next(dialect: Dialect, sql: string, at: number, values: Values): readonly [string, number] {
  const hidden = hiddenAt(dialect, sql, at)
  if (hidden !== undefined) return [hidden.replaceAll('%%', '%'), at + hidden.length]
  const placeholder = matchAt(PLACEHOLDER, sql, at)
  if (placeholder !== undefined) return [values.written(placeholder), at + placeholder[0].length]
  const plain = matchAt(PLAIN, sql, at)?.[0] ?? sql[at] ?? ''
  return [plain, at + plain.length]
}

function hiddenAt(dialect: Dialect, sql: string, at: number): string | undefined {
  if (dialect === 'postgres' && sql.startsWith('/*', at)) return nestedComment(sql, at)
  for (const pattern of HIDING[dialect]) {
    const match = matchAt(pattern, sql, at)
    if (match !== undefined) return match[0]
  }
  return undefined
}

/** Comments of Postgres hold comments, which no pattern can count. */
function nestedComment(sql: string, at: number): string {
  const mark = /\/\*|\*\//g
  mark.lastIndex = at
  let depth = 0
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return sql.slice(at, mark.lastIndex)
  }
  return sql.slice(at)
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

/** The values that placeholders have asked for so far, in the order in which the database counts them. */
class Values {
  readonly taken: Scalar[] = []
  readonly #dialect: Dialect
  readonly #parameters: Parameters
  /** A name that stands in several places is one value to Postgres. */
  readonly #named = new Map<string, string>()
  #next = 0

  constructor(dialect: Dialect, parameters: Parameters) {
    this.#dialect = dialect
    this.#parameters = parameters
  }

  /** What to write for a placeholder. */
  written({ 0: text, groups }: RegExpExecArray): string {
    if (text === '%%') return '%'
    if (groups?.['other'] !== undefined)
      throw fault(`SQL 中的占位符只能是 %s 或 %(名称)s，不能是 ${text}；百分号本身请写 %%`)
    const name = groups?.['name']
    return name === undefined ? this.#place(this.#positional()) : this.#byName(name)
  }

  refuseUnused(): void {
    if (!isList(this.#parameters) || this.#next === this.#parameters.length) return
    throw fault(`SQL 中有 ${this.#next} 个占位符，但给了 ${this.#parameters.length} 个参数`)
  }

  #positional(): Parameter {
    if (!isList(this.#parameters)) throw fault('SQL 中的占位符是 %s，参数应为列表或元组，而不是字典')
    const parameter = this.#parameters[this.#next]
    if (parameter === undefined) throw fault(`SQL 中的占位符多于给出的 ${this.#parameters.length} 个参数`)
    this.#next += 1
    return parameter
  }

  #byName(name: string): string {
    if (isList(this.#parameters)) throw fault(`SQL 中的占位符是 %(${name})s，参数应为字典`)
    const known = this.#dialect === 'postgres' ? this.#named.get(name) : undefined
    if (known !== undefined) return known
    if (!Object.hasOwn(this.#parameters, name)) throw fault(`SQL 中的占位符 %(${name})s 没有对应的参数`)
    const place = this.#place(this.#parameters[name] ?? null)
    this.#named.set(name, place)
    return place
  }

  #place(parameter: Parameter): string {
    if (parameter?.[0] !== 'list') return this.#one(parameter)
    if (parameter[1].length === 0) throw fault('SQL 的参数不能是空列表')
    return `(${parameter[1].map((each) => this.#one(each)).join(', ')})`
  }

  #one(value: Scalar): string {
    this.taken.push(value)
    return this.#dialect === 'mysql' ? '?' : `$${this.taken.length}`
  }
}

function isList(parameters: Parameters): parameters is readonly Parameter[] {
  return Array.isArray(parameters)
}

function fault(sentence: string): DatabaseFault {
  return new DatabaseFault([sentence])
}
