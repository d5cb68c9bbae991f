import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createRawServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** What a target was asked. */
export type Asked = Readonly<{
  method: string
  url: string
  headers: readonly (readonly [string, string])[]
  body: string
}>

export type Target = Readonly<{
  origin: string
  port: number
  asked: Asked[]
  /** Connections that were made so far. */
  connections: () => number
  stop: () => Promise<void>
}>

/** A key for `localhost` that nobody trusts: it guards nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjFY9p4E/C8pMeMwu
xnoW0cNLm1NQTwRSV8mKtAC5NbahRANCAARuwHfXUy5Fu8CjBIKHbJrkpIPHlxSX
FJorW/wuZk5OhJssvCj22kaBMlh2mQf4YulYbKn+Z2eTWWZfkIJcofSq
-----END PRIVATE KEY-----`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUXcVzSx9OTWacd8t7nbEmb9foEm4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTEwMDUyM1oYDzIxMjYxMDI4
MTAwNTIzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARuwHfXUy5Fu8CjBIKHbJrkpIPHlxSXFJorW/wuZk5OhJssvCj22kaB
Mlh2mQf4YulYbKn+Z2eTWWZfkIJcofSqo2kwZzAdBgNVHQ4EFgQU1oPjUT9KzXcL
tppdWHyTYU3X498wHwYDVR0jBBgwFoAU1oPjUT9KzXcLtppdWHyTYU3X498wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgftmpekGqP7ukgZzG0EKs0Vg0QgdGLdDhrbv335mCUqUCIFKeggLom0vu
4FgeYVGz4RGyRgWFUCHU0Eh4EMvNtUJ9
-----END CERTIFICATE-----`

type Answer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void

/** An HTTP server on loopback that answers as told and remembers what it was asked. */
export function httpTarget(answer: Answer, { tls = false, host = '127.0.0.1' } = {}): Promise<Target> {
  const asked: Asked[] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const raw = request.rawHeaders
      const headers = raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []))
      const entry = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers,
        body: Buffer.concat(chunks).toString(),
      }
      asked.push(entry)
      answer(entry, response, request)
    })
  }
  const server = tls ? createTlsServer({ key: KEY, cert: CERTIFICATE }, listener) : createServer(listener)
  return listening(server, asked, tls ? 'https' : 'http', host)
}

/** A TLS server that would rather speak HTTP/2, and answers which version it was asked with. */
export function modernTarget(): Promise<Target> {
  const asked: Asked[] = []
  const server = createSecureServer({ key: KEY, cert: CERTIFICATE, allowHTTP1: true }, (request, response) =>
    response.end(request.httpVersion),
  )
  return listening(server, asked, 'https', '127.0.0.1')
}

/** A TCP server that is handed each connection when its first bytes have come. */
export function rawTarget(answer: (socket: Socket, first: string) => void): Promise<Target> {
  const asked: Asked[] = []
  const server = createRawServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (first) => answer(socket, first.toString('latin1')))
  })
  return listening(server, asked, 'http', '127.0.0.1')
}

async function listening(server: Server, asked: Asked[], scheme: string, host: string): Promise<Target> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${scheme}://${scheme === 'https' ? 'localhost' : host}:${port}`,
    port,
    asked,
    connections: () => connections,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
