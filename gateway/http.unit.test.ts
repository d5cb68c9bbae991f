import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type HttpServer, serveHttp } from './http.ts'

let server: HttpServer
let entered: PromiseWithResolvers<ServerResponse>

/** Answers at once, but for `/slow`, which the test answers. */
const handler: RequestListener = (request, response) => {
  if (request.url === '/slow') entered.resolve(response)
  else response.end('done')
}

beforeEach(async () => {
  entered = Promise.withResolvers()
  server = await serveHttp({ handler, host: '127.0.0.1', port: 0 })
})
afterEach(() => server.stop(0))

/** A connection on which bytes are written as they are; `answers` is all that came until the server closed it. */
function open(bytes: string): { socket: Socket; answers: Promise<string> } {
  const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes))
  return { socket, answers: text(socket) }
}

const raw = (bytes: string): Promise<string> => open(bytes).answers

describe('stopping', () => {
  test('lets requests under way end, closes their connections and accepts no more', async () => {
    const answer = fetch(`${server.url}/slow`)
    const response = await entered.promise
    const stopped = server.stop(60_000)
    await expect(fetch(`${server.url}/`)).rejects.toThrow()
    response.end('ended')
    const { headers, ...received } = await answer.then(async (got) => ({
      headers: got.headers,
      text: await got.text(),
    }))
    expect([received.text, headers.get('connection')]).toEqual(['ended', 'close'])
    await stopped
  })

  test('answers what comes on a connection that is still open, and closes it', async () => {
    const { socket, answers } = open('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    const response = await entered.promise
    // Its head is out, and says that the connection stays.
    response.writeHead(200, { 'Content-Length': 2 }).write('o')
    const stopped = server.stop(60_000)
    socket.write('GET /late HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(server.server, 'request')
    response.end('k')
    await stopped
    expect(await answers).toMatch(
      /Connection: keep-alive\r\n[^]*\r\n\r\nokHTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n[^]*done$/,
    )
  })

  test('cuts what does not end within the grace', async () => {
    const refused = expect(fetch(`${server.url}/slow`)).rejects.toThrow()
    await entered.promise
    await server.stop(1)
    await refused
  })

  test('is one stop, however often it is asked for', async () => {
    await Promise.all([server.stop(0), server.stop(60_000)])
  })

  test('closes connections that are idle at once', async () => {
    await (await fetch(server.url)).text()
    await server.stop(2 ** 30)
  })
})

describe('what is no HTTP', () => {
  test('is answered in JSON and closed', async () => {
    const answer = await raw('rubbish\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
    expect(answer).toMatch(/\{"error":"请求格式错误","code":"bad_request"\}$/)
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
    // Who asks for the head alone gets no body.
    expect(await raw(`HEAD /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 [^]*\r\n\r\n$/)
  })

  test.each(['/projects/?search=登录', '/登录/', '/?n=é'])(
    'a URL with letters that are not encoded is told so: %s',
    async (url) => {
      const answer = await raw(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
      expect(answer).toMatch(/\{"error":"网址中的非 ASCII 字符必须编码（percent-encoding）","code":"bad_request"\}$/)
    },
  )

  test('a URL with letters that are not encoded is told so after another request on its connection', async () => {
    const { socket, answers } = open('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.write('GET /?search=登录 HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await answers).toContain('必须编码')
  })

  test.each(['/\u0001', '/\u007f'])('of a URL with another byte that none has %j nothing more is said', async (url) => {
    const answer = await raw(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(answer).toMatch(/\{"error":"请求格式错误","code":"bad_request"\}$/)
  })

  test('is not written into an answer that has begun', async () => {
    const { socket, answers } = open('POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const response = await entered.promise
    response.write('begun')
    socket.write('this is no chunk\r\n')
    expect(await answers).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*begun\r\n$/)
  })
})

test('a port in use is named', async () => {
  const taken = serveHttp({ handler, host: '127.0.0.1', port: server.port })
  await expect(taken).rejects.toThrow(`PORT ${server.port} cannot be listened on: another process uses it`)
})

test('the URL is one that a browser can open', async () => {
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
  const every = await serveHttp({ handler, host: '0.0.0.0', port: 0 })
  expect(every.url).toBe(`http://localhost:${every.port}`)
  await every.stop(0)
})
