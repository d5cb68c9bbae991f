import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a case sent. */
export type Seen = Readonly<{ method: string; url: string; headers: Readonly<Record<string, unknown>>; body: string }>

/** An HTTP service for cases to ask: it answers with what it was sent, unless `answer` says otherwise, and remembers it. */
export async function startTarget(
  answer: (seen: Seen, response: ServerResponse) => void = (seen, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(seen))
  },
): Promise<{ url: string; seen: Seen[]; stop(): Promise<void> }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
      seen.push(one)
      answer(one, response)
    })
  })
  // Whoever asks closes: a busy process may not notice in time that it was done here, and ask once more.
  server.keepAliveTimeout = 120_000
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
