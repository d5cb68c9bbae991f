import { createServer, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

/** What is used of json-server, which ships no types. */
type JsonServer = Readonly<{
  create(): RequestListener & { use(middleware: unknown): void }
  defaults(options: { logger: boolean; noCors: boolean }): unknown
  rewriter(rules: Readonly<Record<string, string>>): unknown
  router(data: object): unknown
}>

/** A shop that is open. */
export type Shop = Readonly<{ url: string; name: string; stop(): Promise<void> }>

/**
 * Opens a shop on a free port of this machine: json-server, a REST service that nobody here wrote, over a few rows in memory. It keeps
 * what it is sent and knows nothing of shops. Throws when the development dependencies are not installed.
 */
export async function openShop(): Promise<Shop> {
  const { jsonServer, version } = load()
  const service = jsonServer.create()
  service.use(jsonServer.defaults({ logger: false, noCors: true }))
  service.use(jsonServer.rewriter({ '/api/users/register/': '/users' }))
  service.use(jsonServer.router(stock()))
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

function stock(): object {
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
