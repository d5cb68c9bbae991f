/** Sends requests as they are drawn: `fetch` would put paths, methods and headers right. */
import { Agent, type IncomingHttpHeaders, request as open } from 'node:http'
import type { FuzzRequest } from './request.ts'

/** Milliseconds after which an answer is taken for one that never comes. */
const PATIENCE = 20_000

/** What came back, or how the connection failed. */
export type FuzzReply = Readonly<{ ms: number }> &
  (
    | Readonly<{ failure: string }>
    | Readonly<{ failure?: undefined; status: number; headers: IncomingHttpHeaders; text: string }>
  )

export type Wire = Readonly<{
  /** Undefined when the request itself was to be cut. */
  send(request: FuzzRequest): Promise<FuzzReply | undefined>
  close(): void
}>

export function openWire(url: string): Wire {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(url)

  async function send({ method, target, headers, body, chunked, cut }: FuzzRequest): Promise<FuzzReply | undefined> {
    const started = performance.now()
    const ms = (): number => Math.round(performance.now() - started)
    try {
      return await new Promise<FuzzReply | undefined>((resolve, reject) => {
        // Told in full: of methods that have no body as a rule the client would say nothing of its length.
        const length = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body?.length ?? 0) }
        const framing = body === undefined ? {} : length
        const timeout = AbortSignal.timeout(PATIENCE)
        const sent = open(
          { agent, hostname, port, method, path: target, headers: { ...headers, ...framing }, signal: timeout },
          (response) => {
            const chunks: Buffer[] = []
            response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
            response.on('end', () => {
              const { statusCode: status = 0, headers: answered } = response
              resolve({ ms: ms(), status, headers: answered, text: Buffer.concat(chunks).toString() })
            })
          },
        )
        sent.on('error', reject)
        if (cut) {
          sent.removeListener('error', reject).on('error', () => resolve(undefined))
          sent.write(body?.subarray(0, body.length / 2) ?? '', () => sent.destroy())
        } else if (body !== undefined && chunked) {
          sent.write(body.subarray(0, body.length / 2))
          sent.end(body.subarray(body.length / 2))
        } else sent.end(body)
      })
    } catch (error) {
      return { ms: ms(), failure: String(error) }
    }
  }

  return { send, close: () => agent.destroy() }
}
