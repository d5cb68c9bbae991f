/** What every answer has to be, whatever was asked. */
import type { z } from 'zod'
import { STATUS } from '../../gateway/rest/dialects.ts'
import type { Route } from '../../gateway/rest/route.ts'
import type { Schema } from './document.ts'
import type { FuzzRequest } from './request.ts'
import type { FuzzReply } from './send.ts'

/** Milliseconds, on a machine that does other things as well. A run is waited for a second. */
const LONGEST = 15_000

type Answered = Extract<FuzzReply, { status: number }>

/** What is wrong with an answer, a sentence each. */
export function problemsOf(request: FuzzRequest, reply: FuzzReply, routes: readonly Route[]): readonly string[] {
  if (reply.failure !== undefined) return [`no answer: ${reply.failure}`]
  return [
    ...(reply.ms > LONGEST ? [`took ${reply.ms} ms`] : []),
    ...(reply.status >= 500 ? ['is no refusal but a failure'] : []),
    ...(reply.headers['x-request-id'] === undefined && reply.status !== 431 && reply.status !== 400
      ? ['has no X-Request-Id']
      : []),
    ...(request.method === 'HEAD' ? [] : contentProblems(request, reply, routes)),
  ]
}

function contentProblems(request: FuzzRequest, reply: Answered, routes: readonly Route[]): readonly string[] {
  if (reply.status >= 400) return refusalProblems(request, reply)
  const { operation } = request
  if (reply.status === 204) return reply.text === '' ? [] : ['204 has a body']
  if (!isAsked(request) || reply.text === '') return []
  const type = reply.headers['content-type'] ?? ''
  const route = routes.find(({ method, path }) => method === operation.method && pathOf(path) === operation.path)
  if (!type.startsWith('application/json') || reply.headers['content-disposition'] !== undefined) {
    return operation.answers.length > 0 || operation.path.includes('/report/') ? [] : [`answers ${type}`]
  }
  const body = parsed(reply.text)
  if (body === undefined) return ['is no JSON']
  const schema = route?.answers.find(({ status }) => status === reply.status)?.schema
  return [
    ...(operation.statuses.has(reply.status) ? [] : [`the document does not know ${reply.status} here`]),
    ...(schema ? shapeProblems(schema, body.value) : []),
  ]
}

/** Whether the request still asks for the operation that it was drawn for. */
function isAsked({ operation, method, target }: FuzzRequest): boolean {
  const pattern = operation.path.replaceAll(/\{\w+\}/g, '[^/]+')
  return method === operation.method && new RegExp(`^${pattern}(\\?|$)`).test(target)
}

/** `/projects/:id/` as the document has it. */
function pathOf(path: string): string {
  return path.replaceAll(/:(\w+)/g, '{$1}')
}

function shapeProblems(schema: z.ZodType, body: unknown): readonly string[] {
  const { error } = schema.safeParse(body)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')} is not as documented: ${message}`)
}

function refusalProblems(request: FuzzRequest, { status, headers, text }: Answered): readonly string[] {
  const body = parsed(text)?.value as Readonly<Record<string, unknown>> | undefined
  if (body === undefined) return ['is no JSON']
  const { error, code, fields = {} } = body
  const asked = isAsked(request)
  const wrong: readonly (readonly [isSo: boolean, words: string])[] = [
    [headers['content-type']?.startsWith('application/json') !== true, 'is not called JSON'],
    [!/\p{Script=Han}/u.test(String(error)), 'has no error in Chinese'],
    [statusOf(code) !== status && status !== 431, `${status} is no status of ${String(code)}`],
    [asked && !request.operation.statuses.has(status) && !ANYWHERE.has(status), `the document knows no ${status} here`],
  ]
  return [
    ...wrong.flatMap(([isSo, words]) => (isSo ? [words] : [])),
    ...(asked && status === 422 ? fieldProblems(request, String(error), String(code), fields as object) : []),
  ]
}

/** The status that a documented code stands for. */
function statusOf(code: unknown): number | undefined {
  return Object.entries(STATUS).find(([known]) => known === code)?.[1]
}

/** Refusals of what cannot be read as the request that it should be. */
const ANYWHERE: ReadonlySet<number> = new Set([400, 404, 405, 408, 431])

function fieldProblems(request: FuzzRequest, error: string, code: string, fields: object): readonly string[] {
  const names = Object.keys(fields)
  const nameless = code === 'idempotency_key_reused' || error.startsWith('请求体必须是 JSON')
  if (names.length === 0) return nameless ? [] : ['names no field']
  const declared = new Set([...request.names, ...HEADERS, ...requiredOf(request.operation.body)])
  return [
    ...names.filter((name) => !isKnown(name, declared)).map((name) => `names ${name}, which was not sent`),
    ...(names.some((name) => error.includes(name)) ? [] : ['tells of a field that it does not name']),
  ]
}

const HEADERS = ['Idempotency-Key', 'If-Match', 'X-Read-After']

function requiredOf({ required = [], anyOf = [], type }: Schema = {}): readonly string[] {
  // Of an array the places are named, and what is missing of an empty one.
  return [...required, ...anyOf.flatMap(requiredOf), ...(type === 'array' ? ['id', '请求体'] : [])]
}

function isKnown(name: string, declared: ReadonlySet<string>): boolean {
  return [...declared].some((each) => {
    // A refusal writes a name without what would break a line.
    const shown = JSON.stringify(each).slice(1, -1)
    return name === each || name === shown || name.startsWith(`${each}.`) || name.startsWith(`${shown}.`)
  })
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
