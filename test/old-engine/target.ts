import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'

/** What came over the wire: names of headers spelled and ordered as they were sent, a body that is no UTF-8 as `latin-1:…`. */
export type Sent = Readonly<{
  method: string
  path: string
  headers: readonly (readonly [string, string])[]
  body: string
}>

/**
 * What the target answers. A body is one of `body` (text, sent in UTF-8), `base64` and `repeat` (a text and how often). `encode`
 * compresses it; `headers` says `Content-Encoding` by itself. `raw` is everything, written as latin-1, after which the
 * connection is closed; `close` closes it without a word; `delay` is in milliseconds.
 */
export type Answer = Readonly<{
  status?: number
  reason?: string
  headers?: readonly (readonly [string, string])[]
  body?: string
  base64?: string
  repeat?: readonly [string, number]
  encode?: readonly Encoding[]
  chunked?: boolean
  raw?: string
  close?: boolean
  delay?: number
}>

export type Encoding = keyof typeof ENCODERS

const ENCODERS = {
  gzip: gzipSync,
  deflate: deflateSync,
  'raw-deflate': deflateRawSync,
  br: brotliCompressSync,
}

/** Asked by whoever runs a scene when a case has ended: what comes later was sent by the next one. */
export const NEXT_CASE = '/.next-case'

export type Target = Readonly<{
  /** `host:port`, and the same service under another name. */
  address: string
  otherAddress: string
  /** What each case sent, the one under way last. */
  sent: () => readonly (readonly Sent[])[]
  nextCase: () => void
  stop: () => Promise<void>
}>

/**
 * The service that both engines ask. A path has the answers of `answers`, one after the other and the last one again and again;
 * any other path tells what it was asked, as JSON.
 */
export async function startTarget(answers: ReadonlyMap<string, readonly Answer[]> = new Map()): Promise<Target> {
  const cases: Sent[][] = [[]]
  const given = new Map<string, number>()
  const sockets = new Set<Socket>()

  function answerFor(sent: Sent): Answer {
    const [path = ''] = sent.path.split('?')
    const known = answers.get(path)
    if (known === undefined) return echo(sent)
    const nth = given.get(path) ?? 0
    given.set(path, nth + 1)
    return known[Math.min(nth, known.length - 1)] ?? {}
  }

  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      const sent = sentBy(request, body)
      if (sent.path === NEXT_CASE) {
        cases.push([])
        return response.end()
      }
      cases.at(-1)?.push(sent)
      const answer = answerFor(sent)
      if (answer.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.delay).unref())
      return give(answer, response)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    otherAddress: `localhost:${port}`,
    sent: () => cases,
    nextCase: () => cases.push([]),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    // The client gave up; what came so far is what it sent.
  }
  return Buffer.concat(chunks)
}

function sentBy({ method = '', url = '', rawHeaders }: IncomingMessage, body: Buffer): Sent {
  const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ''] as const] : []))
  return { method, path: url, headers, body: isUtf8(body) ? body.toString() : `latin-1:${body.toString('latin1')}` }
}

function echo({ method, path, headers, body }: Sent): Answer {
  const cookie = headers.find(([name]) => name.toLowerCase() === 'cookie')?.[1] ?? null
  return {
    headers: [['Content-Type', 'application/json']],
    body: JSON.stringify({ method, path, cookie, body }),
  }
}

function give(answer: Answer, response: ServerResponse): void {
  if (answer.close === true) response.socket?.destroy()
  else if (answer.raw !== undefined) response.socket?.end(Buffer.from(answer.raw, 'latin1'))
  else giveWhole(answer, response)
}

function giveWhole(answer: Answer, response: ServerResponse): void {
  const { status = 200, reason, headers = [], encode = [], chunked = false } = answer
  const bytes = encode.reduce<Buffer>((body, encoding) => ENCODERS[encoding](body), bodyOf(answer))
  const framed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))
  const bodiless = status === 204 || status === 304
  const length = framed || chunked || bodiless ? [] : [['Content-Length', String(bytes.length)] as const]
  const flat = [...headers, ...length].flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')])
  // Nothing comes but what the answer says: no Date, no Connection.
  response.sendDate = false
  response.removeHeader('Connection')
  if (reason === undefined) response.writeHead(status, flat)
  else response.writeHead(status, reason, flat)
  const half = chunked ? Math.ceil(bytes.length / 2) : 0
  if (half > 0) response.write(bytes.subarray(0, half))
  response.end(bytes.subarray(half))
}

function bodyOf({ body, base64, repeat }: Answer): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, 'base64')
  return Buffer.from(repeat === undefined ? (body ?? '') : repeat[0].repeat(repeat[1]))
}
