import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { renderJson } from '../contracts/json.ts'
import { errorCode } from '../platform/error-code.ts'
import { dialectOf, Refusal, type RefusalCode } from './rest/dialects.ts'

/** Milliseconds. A run's answer may take minutes, so that only what the client itself does is limited. */
const TIMEOUTS = {
  /** Until the head of a request is there. */
  headersTimeout: 15_000,
  /** Until all of a request is there. */
  requestTimeout: 120_000,
  /** Between two requests: longer than the 60 s of common proxies, which must be the ones to close. */
  keepAliveTimeout: 65_000,
  /** How often the first two are looked at. */
  connectionsCheckingInterval: 5_000,
}

/** A server that listens. */
export interface HttpServer {
  /** Where a browser finds it. */
  readonly url: string
  readonly port: number
  /** For upgrades to other protocols. */
  readonly server: Server
  /** Accepts nothing more, lets requests under way end, and cuts what has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

/** The address cannot be listened on; the message says which and why. */
export class ListenFailed extends Error {
  constructor(host: string, port: number, cause: unknown) {
    const taken = errorCode(cause) === 'EADDRINUSE' ? 'another process uses it' : String(cause)
    super(`HOST ${host}, PORT ${port} cannot be listened on: ${taken}`, { cause })
    this.name = 'ListenFailed'
  }
}

/** Serves `handler` on `host` and `port` (0 takes any that is free). Throws `ListenFailed`. */
export async function serveHttp({
  handler,
  host,
  port,
}: {
  handler: RequestListener
  host: string
  port: number
}): Promise<HttpServer> {
  // A request without Host is answered like any other: what it asks for is in its path.
  const server = createServer({ ...TIMEOUTS, requireHostHeader: false })
  const answering = new Set<ServerResponse>()
  let stopping: Promise<void> | undefined

  const answer: RequestListener = (request, response) => {
    answering.add(response)
    response.once('close', () => answering.delete(response))
    if (stopping) response.shouldKeepAlive = false
    handler(request, response)
  }
  server.on('request', answer)
  // Whoever reads the body says `100 Continue`: a request that is refused before it need not be sent.
  server.on('checkContinue', answer)
  // An expectation that nobody knows is no reason for an answer without a body.
  server.on('checkExpectation', answer)
  server.on('clientError', (error, socket) => {
    const begun = [...answering].some((response) => response.socket === socket && response.headersSent)
    if (begun || !socket.writable || errorCode(error) === 'ECONNRESET') socket.destroy()
    else refuse(socket, error)
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenFailed(host, port, error)))
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo

  async function drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const response of answering) if (!response.headersSent) response.shouldKeepAlive = false
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(cut)
  }

  return {
    url: `http://${reachable(host)}:${bound}`,
    port: bound,
    server,
    stop: (graceMs) => (stopping ??= drain(graceMs)),
  }
}

/** The address as a URL has it; one that means every interface is reached by the loopback's name. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [line: string, code: RefusalCode, words: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout', '请求超时'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'bad_request', '请求头过大'],
}

/** Letters that were not percent-encoded: clients send them in good faith, so that they are told. */
const UNENCODED_URL = ['400 Bad Request', 'bad_request', '网址中的非 ASCII 字符必须编码（percent-encoding）'] as const

/** Whether the byte at which Node's parser gave up on the URL is part of a letter that ASCII does not have. */
function isUnencodedUrl(error: Error & { bytesParsed?: number; rawPacket?: Buffer }): boolean {
  const { bytesParsed = 0, rawPacket } = error
  return errorCode(error) === 'HPE_INVALID_URL' && (rawPacket?.[bytesParsed] ?? 0) > 0x7f
}

/** What cannot be read as HTTP never reaches a route: its answer is written by hand. */
function refuse(socket: Duplex, error: Error): void {
  const known = isUnencodedUrl(error) ? UNENCODED_URL : CLIENT_ERRORS[errorCode(error) ?? '']
  const [line, refusalCode, words] = known ?? ['400 Bad Request', 'bad_request', '请求格式错误']
  const body = renderJson(dialectOf('/').render(new Refusal(refusalCode, words)).body)
  const head = [
    `HTTP/1.1 ${line}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${asksForHead(error) ? '' : body}`, () => socket.destroy())
}

/** Whoever sent a HEAD takes a body for the next answer. */
function asksForHead({ rawPacket }: Error & { rawPacket?: Buffer }): boolean {
  return rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD '
}
