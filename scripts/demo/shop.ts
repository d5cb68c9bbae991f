import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

/** What is used of json-server, which ships no types. */
type JsonServer = Readonly<{
  create(): RequestListener & { use(middleware: unknown): void }
  defaults(options: { logger: boolean; noCors: boolean }): unknown
  rewriter(rules: Readonly<Record<string, string>>): unknown
  router(data: object): { readonly db: { getState(): Stock } }
}>

type Stock = Readonly<{
  users: readonly Readonly<Record<string, unknown>>[]
  orders: object[]
  goods: readonly object[]
}>

type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** A shop that is open. */
export type Shop = Readonly<{ url: string; name: string; stop(): Promise<void> }>

/**
 * Opens a shop on a free port of this machine: json-server, a REST service that nobody here wrote, over a few rows in memory, behind a
 * login. It keeps what it is sent and knows nothing of shops. Throws when the development dependencies are not installed.
 */
export async function openShop(): Promise<Shop> {
  const { jsonServer, version } = load()
  const service = jsonServer.create()
  service.use(jsonServer.defaults({ logger: false, noCors: true }))
  service.use(jsonServer.rewriter({ '/api/users/register/': '/users' }))
  const router = jsonServer.router(stock())
  service.use(door(() => router.db.getState().users))
  service.use(router)
  const server = createServer(service)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    name: `json-server ${version}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Who logs in gets a token and a cookie; orders and receipts are for those who send both. */
function door(users: () => Stock['users']): Handler {
  const tokens = new Map<string, string>()
  return (request, response, next) => {
    const path = request.url?.split('?')[0]
    if (request.method === 'POST' && path === '/api/users/login/') {
      void bodyOf(request).then((body) => login(JSON.parse(body.toString() || '{}') as Credentials, response))
    } else if (request.method === 'POST' && (path === '/orders' || path === '/receipts')) {
      const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
      const cookie = tokens.get(token)
      if (cookie === undefined || request.headers.cookie !== `sid=${cookie}`)
        answer(response, 401, { detail: '请先登录' })
      else if (path === '/orders') next()
      else
        void bodyOf(request).then((body) =>
          answer(response, 201, { type: request.headers['content-type'], bytes: body.length }),
        )
    } else next()
  }

  function login({ username, password }: Credentials, response: ServerResponse): void {
    const known = users().some((user) => user.username === username && user.password === password)
    if (!known) return answer(response, 401, { detail: '用户名密码错误！' })
    const [token, sid] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')]
    tokens.set(token, sid)
    response.setHeader('Set-Cookie', `sid=${sid}; Path=/; HttpOnly`)
    return answer(response, 200, { token })
  }
}

type Credentials = Readonly<{ username?: unknown; password?: unknown }>

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

function stock(): Stock {
  return {
    users: [],
    orders: [],
    goods: [
      { id: 1, name: '保温杯', price: 59.9, stock: 10 },
      { id: 2, name: '蓝牙耳机', price: 299, stock: 5 },
      { id: 3, name: '笔记本', price: 12.5, stock: 200 },
    ],
  }
}

function load(): { jsonServer: JsonServer; version: string } {
  const require = createRequire(import.meta.url)
  try {
    const { version } = require('json-server/package.json') as { version: string }
    return { jsonServer: require('json-server') as JsonServer, version }
  } catch (error) {
    throw new Error('The demo needs json-server, a development dependency: run npm install.', { cause: error })
  }
}
