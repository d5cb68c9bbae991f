import { readdir } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import { z } from 'zod'
import { renderJson } from '../../contracts/json.ts'
import { docsRoutes } from './docs.ts'
import { healthRoutes } from './health.ts'
import { PAGING } from './list.ts'
import { openApi } from './openapi.ts'
import { type Route, route } from './route.ts'
import { id, jsonObject, listOf, NO_MEMBERS, objectOf, optionalText, text } from './schema.ts'

const routes: readonly Route[] = [
  ...healthRoutes({}),
  route({
    method: 'GET',
    path: '/api/envs/',
    summary: '列表',
    tag: '环境',
    access: 'content.read',
    query: z.object({ ...PAGING, project: id('所属项目id').optional(), kind: text() }),
    answers: [{ status: 200, description: '列表', example: [{ id: 1 }] }],
    handle: async () => ({ status: 200 }),
  }),
  route({
    method: 'PATCH',
    path: '/api/envs/:id/files/:name/',
    summary: '修改',
    tag: '环境',
    source: 'seed 000 四.2.4',
    access: 'content.write',
    texts: ['name'],
    body: z.object({
      name: text('环境名称'),
      func: optionalText(),
      headers: jsonObject().default(NO_MEMBERS),
      steps: listOf(objectOf({ id: id() })).optional(),
    }),
    example: { name: 'ali' },
    answers: [{ status: 200, description: '修改后', schema: z.object({ id: z.int() }), example: { id: 2 } }],
    handle: async () => ({ status: 200 }),
  }),
  route({
    method: 'PATCH',
    path: '/api/order/',
    summary: '排序',
    tag: '环境',
    access: 'content.write',
    shape: 'array',
    body: listOf(id()),
    answers: [{ status: 204, description: '无内容' }],
    handle: async () => ({ status: 204 }),
  }),
]

const written = (): Record<string, never> => JSON.parse(renderJson(openApi(routes, '1.2.3'))) as Record<string, never>

describe('the description', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const result = await validator.validate(written())
    expect(result.errors ?? []).toEqual([])
    expect([result.valid, validator.version]).toEqual([true, '3.1'])
  })

  test('would not be valid with a mistake in it', async () => {
    const result = await new Validator().validate({ ...written(), paths: { '/x': { get: { responses: 'none' } } } })
    expect(result.valid).toBe(false)
  })

  test('has every route, its printed request and its printed answer', () => {
    const paths: Record<string, Record<string, object>> = written().paths!
    expect(
      Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`)),
    ).toEqual([
      'get /healthz/',
      'get /readyz/',
      'get /api/envs/',
      'patch /api/envs/{id}/files/{name}/',
      'patch /api/order/',
    ])
    const patch = paths['/api/envs/{id}/files/{name}/']?.patch
    expect(patch).toMatchObject({
      description: 'seed 000 四.2.4',
      security: [{ bearer: [] }],
      parameters: [
        { name: 'id', in: 'path', required: true, schema: { type: 'integer' } },
        { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'Idempotency-Key', in: 'header' },
        { name: 'If-Match', in: 'header' },
      ],
      requestBody: {
        content: {
          'application/json': {
            example: { name: 'ali' },
            schema: {
              required: ['name'],
              properties: { steps: { items: { properties: { id: { type: 'integer' } } } } },
            },
          },
          'application/x-www-form-urlencoded': {},
        },
      },
      responses: { 200: { content: { 'application/json': { example: { id: 2 } } } } },
    })
    expect(Object.keys((patch as { responses: object }).responses)).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '412',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
    ])
    expect(paths['/api/envs/']?.get).toMatchObject({
      parameters: [
        { name: 'page', required: false },
        { name: 'page_size', required: false },
        { name: 'search', required: false },
        { name: 'project', required: false, description: '所属项目id', schema: { minimum: 1 } },
        { name: 'kind', required: true },
        { name: 'X-Read-After', in: 'header' },
      ],
    })
  })

  test('says what else an answer may be, by its content type', async () => {
    const { paths } = openApi(await servedRoutes(), '1.2.3') as { paths: Record<string, Record<string, Operation>> }
    const { content } = paths['/api/testTask/report/{id}/']!.get!.responses['200']!
    expect(content).toMatchObject({
      'application/json': { schema: { type: 'object' }, example: { record: 1, status: '执行完毕' } },
      'text/html': { schema: { type: 'string', description: expect.stringContaining('export=html') } },
      'application/xml': { schema: { type: 'string', description: expect.stringContaining('export=junit') } },
    })
  })

  test('says that a write may be repeated with its key, and when it is refused for being one of too many', async () => {
    const { paths } = openApi(await servedRoutes(), '1.2.3') as { paths: Record<string, Record<string, unknown>> }
    const key = expect.objectContaining({ name: 'Idempotency-Key', in: 'header' })
    expect(paths['/api/users/register/']?.post).toMatchObject({ parameters: [key], responses: { 429: {} } })
    expect(paths['/api/users/login/']?.post).toMatchObject({ parameters: [], responses: { 429: {} } })
    for (const methods of Object.values(paths))
      for (const [method, operation] of Object.entries(methods)) {
        const { security, parameters } = operation as { security: readonly object[]; parameters: readonly object[] }
        if (method === 'get' || security.length === 0) continue
        expect(parameters).toContainEqual(key)
        expect(operation).toMatchObject({ responses: { 429: {} } })
      }
  })

  test('says which calls need no token', () => {
    const paths: Record<string, Record<string, { security: unknown }>> = written().paths!
    expect(paths['/healthz/']?.get?.security).toEqual([])
  })
})

/** Stands for all that routes need to answer: here they are only described. */
const anything: unknown = new Proxy(() => anything, { get: () => anything })

/** Not a module's own: what it makes is another's, or what describes the rest. */
const NO_MODULES: ReadonlySet<string> = new Set(['resourceRoutes', 'docsRoutes'])

/** The routes of every module here, a new one's too. */
async function servedRoutes(): Promise<readonly Route[]> {
  const files = (await readdir(import.meta.dirname)).filter((name) => /^[\w-]+\.ts$/.test(name))
  const exported = await Promise.all(files.map(async (name) => (await import(`./${name}`)) as Record<string, unknown>))
  return exported
    .flatMap((names) => Object.entries(names))
    .filter(([name, made]) => name.endsWith('Routes') && typeof made === 'function' && !NO_MODULES.has(name))
    .flatMap(([, made]) => (made as (modules: unknown) => readonly Route[])(anything))
}

type Media = Readonly<Record<string, { schema?: object; example?: unknown }>>
type Operation = Readonly<{
  requestBody?: { content: Media }
  responses: Readonly<Record<string, { content?: Media }>>
}>

/** Where JSON is sent or answered and there is no example of it. */
function withoutExample(described: readonly Route[]): readonly string[] {
  const { paths } = openApi(described, '1.2.3') as { paths: Record<string, Record<string, Operation>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody, responses }]) => {
      const contents: (readonly [part: string, content: Media | undefined])[] = [
        ['body', requestBody?.content],
        ...Object.entries(responses).map(([status, { content }]) => [status, content] as const),
      ]
      const lacking = contents.filter(([part, content]) => {
        const json = content?.['application/json']
        if (json) return json.example === undefined && !('$ref' in (json.schema ?? {}))
        return content === undefined && part.startsWith('2') && part !== '204'
      })
      return lacking.map(([part]) => `${method} ${path} ${part}`)
    }),
  )
}

describe('examples', () => {
  test('are there wherever JSON is sent or answered', async () => {
    const served = await servedRoutes()
    expect(served.length).toBeGreaterThan(80)
    // It answers nothing, as it is printed (seed 000 二.3).
    expect(withoutExample(served)).toEqual(['post /api/users/token/verify/ 200'])
  })

  test('that are missing are named', () => {
    const [, , list, patch, order] = routes as [Route, Route, Route, Route, Route]
    const { example: _, ...unprinted } = patch
    const bare = { ...list, answers: [{ status: 200, description: '列表', schema: z.array(z.int()) }] }
    const empty = { ...list, path: '/api/empty/', answers: [{ status: 200, description: '列表' }] }
    expect(withoutExample([bare, empty, unprinted, order])).toEqual([
      'get /api/envs/ 200',
      'get /api/empty/ 200',
      'patch /api/envs/{id}/files/{name}/ body',
      'patch /api/order/ body',
    ])
  })

  test('have all that is always answered, of the right kind', async () => {
    const wrong = (await servedRoutes()).flatMap(({ method, path, answers }) =>
      answers.flatMap(({ status, schema, example }) => {
        const { error } = (schema ?? z.unknown()).safeParse(example)
        return error && example !== undefined ? [`${method} ${path} ${status}: ${error.message}`] : []
      }),
    )
    expect(wrong).toEqual([])
  })
})

describe('the page', () => {
  const served = new Map(docsRoutes(routes, '1.2.3').map((one) => [one.path, one]))
  const answer = (path: string) => served.get(path)!.handle(undefined as never)

  test('names only files that are served, and no other host', async () => {
    const page = await answer('/docs/')
    const html = String(page.content?.bytes)
    const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path = '']) => path)
    expect(named.length).toBeGreaterThan(3)
    for (const path of named) expect((await answer(path)).content?.bytes.length).toBeGreaterThan(100)
    expect(html).not.toMatch(/https?:/)
    expect(page.headers?.['Content-Security-Policy']).toMatch(/^default-src 'none'; script-src 'self';/)
  })

  test('shows what is served beside it', async () => {
    const { content } = await answer('/openapi.json')
    expect(JSON.parse(String(content?.bytes))).toEqual(written())
    expect(String((await answer('/docs/start.js')).content?.bytes)).toContain("'/openapi.json'")
  })
})
