import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { renderJson } from '../../contracts/json.ts'
import { openApi } from './openapi.ts'
import { type Answer, type Route, route } from './route.ts'

/** Everything comes from here, and nothing but this page may hold it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const PAGE = `<!doctype html>
<html lang="zh-CN">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Testledger 接口文档</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: 'none', docExpansion: 'list' })
`

/** Files of swagger-ui-dist that the page asks for. */
const TYPES: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
}

const fromPackage = createRequire(import.meta.url)

/** `/openapi.json`, which describes `routes`, and `/docs`, a page that shows it and asks nobody else for anything. */
export function docsRoutes(routes: readonly Route[], version: string): readonly Route[] {
  // Most processes are never asked for it, and it takes a good part of their start.
  let description: string | undefined
  return [
    page('/openapi.json', 'OpenAPI 3.1 描述', async () => {
      description ??= renderJson(openApi(routes, version))
      return { status: 200, content: { type: 'application/json; charset=utf-8', bytes: description } }
    }),
    page('/docs/', '接口文档页面', async () => ({
      status: 200,
      content: { type: 'text/html; charset=utf-8', bytes: PAGE },
      headers: { 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'no-referrer' },
    })),
    page('/docs/start.js', '接口文档页面', async () => asset('text/javascript; charset=utf-8', START)),
    ...Object.entries(TYPES).map(([file, type]) => {
      let bytes: Promise<Buffer> | undefined
      return page(`/docs/${file}`, '接口文档页面', async () => {
        bytes ??= readFile(fromPackage.resolve(`swagger-ui-dist/${file}`))
        return asset(type, await bytes)
      })
    }),
  ]
}

function page(path: string, summary: string, handle: () => Promise<Answer>): Route {
  return route({ method: 'GET', path, summary, tag: '平台', access: 'public', answers: [], handle })
}

function asset(type: string, bytes: string | Buffer): Answer {
  return { status: 200, content: { type, bytes }, headers: { 'Cache-Control': 'public, max-age=86400' } }
}
