import { MAX_BODY_BYTES } from './body.ts'
import { STATUS } from './dialects.ts'
import type { Documented, Route } from './route.ts'
import { jsonSchemaOf } from './schema.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 description of `routes`, from the schemas that validate their requests. */
export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    ;(paths[path] ??= {})[route.method.toLowerCase()] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Testledger',
      version,
      description:
        '测试平台接口。除标明公开的接口外，都需要请求头 `Authorization: Bearer <token>`：登录得到的 token，或 API 令牌（`tl_…`）。每个地址末尾的斜杠可以省略。',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT 或 API 令牌' } },
      schemas: { Error: ERROR },
    },
  }
}

function operation(route: Route): Json {
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.source !== undefined && { description: route.source }),
    security: route.access === 'public' ? [] : [{ bearer: [] }],
    parameters: [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)],
    ...(route.body && { requestBody: requestBody(route, route.body) }),
    responses: responses(route),
  }
}

/** `get_api_testPro_projects_id` */
function operationId({ method, path }: Route): string {
  return [method.toLowerCase(), ...path.split('/')]
    .map((part) => part.replace(/\W/g, ''))
    .filter(Boolean)
    .join('_')
}

function pathParameters({ path, texts = [] }: Route): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: texts.includes(name) ? { type: 'string' } : { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1 },
  }))
}

function queryParameters({ query }: Route): Json[] {
  if (!query) return []
  const { properties = {}, required = [] } = jsonSchemaOf(query) as {
    properties?: Record<string, Json>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }))
}

const IDEMPOTENCY_KEY = header('Idempotency-Key', '同一个键的重复请求只生效一次，并得到同样的响应')

function headerParameters({ method, access, repeatable = false }: Route): Json[] {
  if (access === 'public') return repeatable ? [IDEMPOTENCY_KEY] : []
  if (method === 'GET') return [header('X-Read-After', '先等到此位置（X-Position）的写入可见')]
  return [
    IDEMPOTENCY_KEY,
    ...(method === 'POST' ? [] : [header('If-Match', '上次读到的 ETag；已有更新的版本时响应 412')]),
  ]
}

function header(name: string, description: string): Json {
  return { name, in: 'header', description, schema: { type: 'string' } }
}

function requestBody({ example, shape, upload }: Route, body: NonNullable<Route['body']>): Json {
  if (upload) return { required: true, content: { 'multipart/form-data': { schema: jsonSchemaOf(body) } } }
  const content = { schema: jsonSchemaOf(body), ...(example !== undefined && { example }) }
  return {
    required: true,
    content: {
      'application/json': content,
      ...(shape !== 'array' && { 'application/x-www-form-urlencoded': { schema: content.schema } }),
    },
  }
}

function responses(route: Route): Record<string, Json> {
  const byStatus: Record<string, Json> = {}
  for (const answer of route.answers) byStatus[answer.status] = response(route, answer)
  for (const [status, description] of refusals(route)) byStatus[status] ??= refusal(description)
  return byStatus
}

function response({ method }: Route, answer: Documented): Json {
  const { description, schema, example, type = 'application/json', instead = {} } = answer
  const described = schema !== undefined || example !== undefined
  const others = Object.entries(instead).map(([name, other]) => [name, { schema: jsonSchemaOf(other) }] as const)
  return {
    description,
    headers: method === 'GET' ? { ETag: ETAG, 'X-Total-Count': TOTAL } : { ETag: ETAG, 'X-Position': POSITION },
    ...(described && {
      content: {
        [type]: { schema: schema ? jsonSchemaOf(schema) : {}, ...(example !== undefined && { example }) },
        ...Object.fromEntries(others),
      },
    }),
  }
}

const ETAG = { description: '资源的版本，可用于 If-Match', schema: { type: 'string' } }
const TOTAL = { description: '列表的总条数，仅列表', schema: { type: 'integer' } }
const POSITION = { description: '本次写入在日志中的位置', schema: { type: 'string' } }

function refusals({ access, path, body, query, method }: Route): [status: number, description: string][] {
  const found: [number, string][] = [
    [500, '服务器内部错误'],
    [503, '服务暂时不可用'],
  ]
  if (access !== 'public') found.push([401, '未登录，或令牌无效、已过期'], [403, '没有权限'])
  if (path.includes(':')) found.push([404, '路径中的 id 不存在'])
  const write = method !== 'GET' && access !== 'public'
  if (body || query || write) found.push([422, '参数或请求头未通过验证'])
  if (method !== 'GET') found.push([400, '请求体无法读取，或当前状态下不能执行'])
  if (write) found.push([429, '写入过于频繁，Retry-After 秒后可重试'])
  if (body) found.push([413, `请求体超过 ${MAX_BODY_BYTES / 1024 / 1024} MiB`], [415, '不支持的 Content-Type'])
  if (write) found.push([412, 'If-Match 不是当前版本'])
  return found
}

function refusal(description: string): Json {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } }
}

/** seed 000 一.3 prints `error`; the other members came with the platform. */
const ERROR = {
  type: 'object',
  required: ['error', 'code'],
  properties: {
    error: { type: 'string', description: '错误信息，指出有问题的字段' },
    code: { type: 'string', enum: Object.keys(STATUS), description: '稳定的错误码' },
    detail: { type: 'string', description: '仅 401' },
    fields: {
      type: 'object',
      additionalProperties: { type: 'array', items: { type: 'string' } },
      description: '仅 422：每个字段的错误',
    },
  },
  example: { error: 'name 不能为空', code: 'invalid', fields: { name: ['不能为空'] } },
}
