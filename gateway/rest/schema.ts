import { z } from 'zod'
import { isArray, isObject, JsonNumber, JsonSyntaxError, parseJson } from '../../contracts/json.ts'
import type { Json, JsonObject, JsonText } from '../../contracts/json.ts'
import { isDay } from '../../contracts/time.ts'
import { fieldsOf, FormText, KeptJson, UploadedFile, wireOf } from './body.ts'
import { Refusal } from './dialects.ts'

/**
 * The building blocks of request schemas. Each takes a field as it came (`Wire`), coerces what the platform takes for the same
 * (`"1"` for 1, 1 for `"1"`, form text for anything), carries its JSON Schema for OpenAPI, and says in Chinese what is wrong; the
 * field's name is put before the words by `validate`. A field is required unless `.optional()` or `.default(…)` follows.
 */

/** The largest id plus one: ids are Postgres integers. */
const MAX_ID = 2 ** 31

type Read<T> = (value: unknown, refuse: (words: string) => never) => T

/** Thrown inside a block only, so that its reader can leave from any depth. */
class Unfit extends Error {}

function refuse(words: string): never {
  throw new Unfit(words)
}

function block<T>(read: Read<T>, jsonSchema: Record<string, unknown>, description?: string): z.ZodType<T> {
  return z
    .unknown()
    .transform((value, context): T => {
      try {
        return read(value, refuse)
      } catch (error) {
        if (!(error instanceof Unfit)) throw error
        context.issues.push({ code: 'custom', message: error.message, input: value })
        return z.NEVER
      }
    })
    .meta({ ...jsonSchema, ...(description !== undefined && { description }) })
}

const plainText: Read<string> = (value) => {
  if (typeof value === 'string') return value
  if (value instanceof FormText || value instanceof JsonNumber) return value.text
  if (value === undefined) return refuse('为必填项')
  return refuse('必须是文本')
}

/** Text of at least one character that is not white space, kept letter for letter. */
export function text(description?: string, { min, max }: { min?: number; max?: number } = {}): z.ZodType<string> {
  return block(
    (value) => {
      const read = plainText(value, refuse)
      if (read.trim() === '') refuse('不能为空')
      if (min !== undefined && charactersOf(read) < min) refuse(`不能少于 ${min} 个字符`)
      if (max !== undefined && charactersOf(read) > max) refuse(`不能超过 ${max} 个字符`)
      return read
    },
    { type: 'string', minLength: min ?? 1, ...(max !== undefined && { maxLength: max }) },
    description,
  )
}

/** Characters that a name may have which stands in an event beside long texts: fewer than what is kept apart. */
const MOST_OF_NAME = 4_000

/** A name that goes from event to event as it is. */
export function nameText(description?: string): z.ZodType<string> {
  return text(description, { max: MOST_OF_NAME })
}

/** Characters as people count them, surrogate pairs as one. */
function charactersOf(read: string): number {
  return Array.from(read).length
}

/** Text that may be blank or absent; `''` when absent. */
export function optionalText(description?: string, { max }: { max?: number } = {}): z.ZodDefault<z.ZodType<string>> {
  return block(
    (value) => {
      const read = plainText(value, refuse)
      if (max !== undefined && charactersOf(read) > max) refuse(`不能超过 ${max} 个字符`)
      return read
    },
    { type: 'string', ...(max !== undefined && { maxLength: max }) },
    description,
  ).default('')
}

/** One of the given texts; the refusal names them all. */
export function oneOf<const V extends readonly string[]>(values: V, description?: string): z.ZodType<V[number]> {
  return block(
    (value) => {
      const read = plainText(value, refuse)
      return values.find((one) => one === read) ?? refuse(`必须是 ${values.join('、')} 之一`)
    },
    { type: 'string', enum: values },
    description,
  )
}

/** A day of the calendar, as `2022-07-12`. */
export function day(description?: string): z.ZodType<string> {
  return block(
    (value) => {
      const read = plainText(value, refuse)
      return isDay(read) ? read : refuse('必须是 YYYY-MM-DD 格式的日期')
    },
    { type: 'string', format: 'date' },
    description,
  )
}

/** A file of a form; a path before its name is cut off. `maxName` counts characters. */
export function uploadedFile(
  baseName: (path: string) => string,
  maxName: number,
  description?: string,
): z.ZodType<UploadedFile> {
  return block(
    (value) => {
      if (value === undefined) refuse('为必填项')
      if (!(value instanceof UploadedFile)) return refuse('必须是上传的文件（带文件名）')
      const name = baseName(value.name)
      if (name.includes('\0')) refuse('的文件名不能含有空字符（U+0000）')
      // oxlint-disable-next-line no-control-regex
      if (/[\u0000-\u001f\u007f]/.test(name)) refuse('的文件名不能含有控制字符')
      if (name === '.' || name === '..') refuse('的文件名不能是 . 或 ..')
      if (name.trim() === '') refuse('的文件名不能为空')
      if (charactersOf(name) > maxName) refuse(`的文件名不能超过 ${maxName} 个字符`)
      // It is answered as a header when the file is read again.
      if (!/^[\x20-\x7e]{1,255}$/.test(value.type)) refuse('的 Content-Type 必须是 1 到 255 个 ASCII 字符')
      return new UploadedFile(name, value.type, value.bytes)
    },
    { type: 'string', format: 'binary' },
    description,
  )
}

/** A whole number between `min` and `max`, both taken. */
export function integer(
  description?: string,
  { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): z.ZodType<number> {
  return block(
    (value) => {
      if (value === undefined) refuse('为必填项')
      const read = integerOf(value) ?? refuse('必须是整数')
      if (read < min) refuse(`不能小于 ${min}`)
      if (read > max) refuse(`不能大于 ${max}`)
      return read
    },
    { type: 'integer', minimum: min, maximum: max },
    description,
  )
}

/** What may be nothing: `null` in JSON; blank or `null` in a form, which has no other way to say so. */
export function orNull<T>(schema: z.ZodType<T>): z.ZodType<T | null> {
  const nullable = z.nullable(schema)
  return z
    .unknown()
    .transform((value) => (value instanceof FormText && /^\s*(null)?\s*$/.test(value.text) ? null : value))
    .pipe(nullable)
    .meta(jsonSchemaOf(nullable))
}

/** A positive integer below 2^31. */
export function id(description?: string): z.ZodType<number> {
  return block(
    (value) => {
      if (value === undefined) refuse('为必填项')
      const read = integerOf(value)
      return read !== undefined && read >= 1 && read < MAX_ID ? read : refuse('必须是有效的正整数')
    },
    { type: 'integer', minimum: 1, maximum: MAX_ID - 1 },
    description,
  )
}

/** An id as a path has it; undefined for anything that can be none. */
export function pathId(written: string): number | undefined {
  const read = /^[1-9]\d{0,9}$/.test(written) ? Number(written) : MAX_ID
  return read < MAX_ID ? read : undefined
}

function integerOf(value: unknown): number | undefined {
  const written =
    typeof value === 'string' ? value : value instanceof JsonNumber || value instanceof FormText ? value.text : ''
  const read = /^-?\d{1,16}$/.test(written) ? Number(written) : Number.NaN
  return Number.isSafeInteger(read) ? read : undefined
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** Yes or no; 1, 0 and their texts are taken, as is Python's `True`. */
export function flag(description?: string): z.ZodType<boolean> {
  return block(
    (value) => {
      if (typeof value === 'boolean') return value
      if (value === undefined) refuse('为必填项')
      const read =
        typeof value === 'string' ? value : value instanceof JsonNumber || value instanceof FormText ? value.text : ''
      return FLAGS.get(read.toLowerCase()) ?? refuse('必须是布尔值')
    },
    { type: 'boolean' },
    description,
  )
}

function kept(value: unknown): KeptJson | undefined {
  if (value instanceof KeptJson) return value
  if (!(value instanceof FormText)) return undefined
  try {
    const json = parseJson(value.text)
    return isObject(json) || isArray(json) ? new KeptJson(json, value.text.trim() as JsonText) : undefined
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

const keptObject: Read<KeptJson<JsonObject>> = (value) => {
  if (value === undefined) refuse('为必填项')
  const read = kept(value)
  return read && isObject(read.value) ? (read as KeptJson<JsonObject>) : refuse('必须是 JSON 对象')
}

const keptArray: Read<KeptJson<readonly Json[]>> = (value) => {
  if (value === undefined) refuse('为必填项')
  const read = kept(value)
  return read && isArray(read.value) ? (read as KeptJson<readonly Json[]>) : refuse('必须是 JSON 数组')
}

/** A JSON object that is kept as it was written. */
export function jsonObject(description?: string): z.ZodType<KeptJson<JsonObject>> {
  return block(keptObject, { type: 'object', additionalProperties: true }, description)
}

/** A JSON array that is kept as it was written. */
export function jsonArray(description?: string): z.ZodType<KeptJson<readonly Json[]>> {
  return block(keptArray, { type: 'array', items: {} }, description)
}

/** Any JSON value, kept as it was written (scalars by their own text). */
export function jsonAny(description?: string): z.ZodType<KeptJson> {
  return block(
    (value) => {
      if (value === undefined) refuse('为必填项')
      if (value instanceof FormText) return kept(value) ?? scalarOf(value.text)
      if (value instanceof KeptJson) return value
      const scalar = value as Json
      return new KeptJson(scalar, (scalar instanceof JsonNumber ? scalar.text : JSON.stringify(scalar)) as JsonText)
    },
    {},
    description,
  )
}

/** A JSON object or array that is kept as it was written. */
export function jsonContainer(description?: string): z.ZodType<KeptJson> {
  return jsonAny()
    .refine(({ value }) => isObject(value) || isArray(value), '必须是 JSON 数组或对象')
    .meta({ type: ['array', 'object'], ...(description !== undefined && { description }) })
}

/** Form text that is a JSON scalar is that scalar; anything else is the text itself. */
function scalarOf(written: string): KeptJson {
  try {
    return new KeptJson(parseJson(written), written.trim() as JsonText)
  } catch {
    return new KeptJson(written, JSON.stringify(written) as JsonText)
  }
}

/** Defaults for kept JSON. */
export const NO_MEMBERS: KeptJson<JsonObject> = new KeptJson(new Map(), '{}' as JsonText)
export const NO_ITEMS: KeptJson<readonly Json[]> = new KeptJson([], '[]' as JsonText)

/** The items that a form has for a list: a JSON array as text, or the items themselves, each under the list's name. */
function itemsOfForm(value: FormText): readonly unknown[] {
  const { texts } = value
  if (texts.length > 1) return texts.map((one) => new FormText(one))
  const read = kept(value)?.value
  if (read && isArray(read)) return read.map((one) => wireOf(one))
  return value.text.trim() === '' ? refuse('不能为空，没有内容的列表写作 []') : [value]
}

/**
 * An array whose items the platform reads itself (ids, `{id, sort}`). Messages name the item: `scenes.0`. A form may name each item:
 * `scenes=1&scenes=3`.
 */
export function listOf<T>(item: z.ZodType<T>, description?: string, { max }: { max?: number } = {}): z.ZodType<T[]> {
  const read = (value: unknown): unknown => {
    const items =
      value instanceof FormText ? itemsOfForm(value) : keptArray(value, refuse).value.map((one) => wireOf(one))
    if (max !== undefined && items.length > max) refuse(`不能超过 ${max} 项`)
    return items
  }
  return block(read, {})
    .pipe(z.array(item))
    .meta({
      type: 'array',
      items: jsonSchemaOf(item),
      ...(max !== undefined && { maxItems: max }),
      ...(description !== undefined && { description }),
    })
}

/** An object inside a body whose members the platform reads itself. Other members are ignored. */
export function objectOf<S extends z.core.$ZodShape>(
  shape: S,
  description?: string,
): z.ZodType<z.output<z.ZodObject<S>>> {
  const members = z.object(shape)
  return block<unknown>((value) => fieldsOf(keptObject(value, refuse).value), {})
    .pipe(members)
    .meta({ ...jsonSchemaOf(members), ...(description !== undefined && { description }) })
}

/** Whether a JSON object was sent, in a form as its text. */
export function isJsonObject(value: unknown): boolean {
  if (value instanceof FormText) return value.text.trimStart().startsWith('{')
  return value instanceof KeptJson && isObject(value.value)
}

/** The one schema or the other, by what was sent; `words` for what fits neither. */
export function oneOrOther<A, B>(
  isFirst: (value: unknown) => boolean,
  first: z.ZodType<A>,
  second: z.ZodType<B>,
  words: string,
): z.ZodType<A | B> {
  return z
    .unknown()
    .transform((value, context): A | B => {
      const read = isFirst(value) ? first.safeParse(value) : second.safeParse(value)
      if (read.success) return read.data
      const missing = value === undefined ? '为必填项' : words
      const issues = isFirst(value) ? read.error.issues : [{ message: missing, path: [] }]
      for (const { message, path } of issues) context.issues.push({ code: 'custom', message, path, input: value })
      return z.NEVER
    })
    .meta({ anyOf: [jsonSchemaOf(first), jsonSchemaOf(second)] })
}

type Bare<F> = F extends z.ZodDefault<infer I> | z.ZodOptional<infer I> | z.ZodExactOptional<infer I> ? Bare<I> : F
type Changes<S extends z.core.$ZodShape> = z.ZodObject<{
  -readonly [K in keyof S]: Bare<S[K]> extends infer F extends z.core.$ZodType ? z.ZodExactOptional<F> : never
}>

/** The schema of a PATCH: every field may be left out, and what is left out has no default. */
export function changesOf<S extends z.core.$ZodShape>(schema: z.ZodObject<S>): Changes<S> {
  const shape = Object.entries(schema.shape).map(([name, field]) => [name, z.exactOptional(bare(field))] as const)
  return z.object(Object.fromEntries(shape)) as unknown as Changes<S>
}

function bare(field: z.core.$ZodType): z.core.$ZodType {
  const optional =
    field instanceof z.ZodDefault || field instanceof z.ZodOptional || field instanceof z.ZodExactOptional
  return optional ? bare(field.def.innerType) : field
}

/** JSON Schema (2020-12) of what a client may send or is answered. */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, '~standard': __, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

const { localeError: inChinese } = z.locales.zhCN()

/** What the schema makes of `value`. Throws `Refusal('invalid')` with every field that is wrong. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const issue of result.error.issues) {
    const name = issue.path.length === 0 ? '请求体' : issue.path.join('.')
    ;(fields[name] ??= []).push(wordsOf(issue))
  }
  const [[name, words] = ['请求体', ['无效']]] = Object.entries(fields)
  throw new Refusal('invalid', `${name} ${words[0]}`, { fields })
}

function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom') return issue.message
  if (issue.code === 'unrecognized_keys') return `含有未知的键：${issue.keys.join('、')}`
  const words = inChinese(issue as z.core.$ZodRawIssue)
  return typeof words === 'string' ? words : (words?.message ?? '无效')
}
