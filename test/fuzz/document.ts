/** `/openapi.json` as far as a fuzz reads it. */
import { kindOfPath, type Kind } from './world.ts'

export type Schema = Readonly<{
  type?: string | readonly string[]
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  items?: Schema
  anyOf?: readonly Schema[]
  enum?: readonly string[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  format?: string
}>

export type Parameter = Readonly<{ name: string; in: 'path' | 'query' | 'header'; schema: Schema; required?: boolean }>

type Described = Readonly<{
  parameters?: readonly Parameter[]
  requestBody?: Readonly<{ content: Readonly<Record<string, Readonly<{ schema: Schema; example?: unknown }>>> }>
  responses: Readonly<Record<string, Readonly<{ content?: Readonly<Record<string, unknown>> }>>>
}>

/** A call that the document describes. */
export type Operation = Readonly<{
  method: string
  /** With `{id}` in it. */
  path: string
  /** What the path names, if the platform says by its place. */
  kind: Kind | undefined
  parameters: readonly Parameter[]
  body: Schema | undefined
  example: unknown
  /** Content types of the body. */
  takes: readonly string[]
  /** Statuses that are documented. */
  statuses: ReadonlySet<number>
  /** Content types of answers that are not JSON. */
  answers: readonly string[]
}>

export function operationsOf(document: unknown): readonly Operation[] {
  const { paths } = document as { paths: Readonly<Record<string, Readonly<Record<string, Described>>>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => {
      const takes = Object.keys(requestBody?.content ?? {})
      const content = requestBody?.content[takes[0] ?? '']
      const answers = Object.values(responses).flatMap(({ content = {} }) => Object.keys(content))
      return {
        method: method.toUpperCase(),
        path,
        kind: kindOfPath(path),
        parameters,
        body: content?.schema,
        example: content?.example,
        takes,
        statuses: new Set(Object.keys(responses).map(Number)),
        answers: answers.filter((type) => type !== 'application/json'),
      }
    }),
  )
}
