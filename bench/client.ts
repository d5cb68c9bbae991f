import { Pool } from 'undici'
import type { Bench } from './measurement.ts'

/** What a server answered; another status than the one awaited is an error. */
export type Send = (
  method: 'GET' | 'POST',
  path: string,
  awaited: number,
  body?: object,
) => Promise<Readonly<Record<string, unknown>>>

/** So many kept connections to a server, one request at a time on each. */
export function connect(bench: Bench, url: string, connections: number, token?: string): Send {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  bench.defer(() => pool.close())
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  return async (method, path, awaited, body) => {
    const answer = await pool.request({ method, path, headers, ...(body && { body: JSON.stringify(body) }) })
    const text = await answer.body.text()
    if (answer.statusCode !== awaited) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`)
    return JSON.parse(text) as Record<string, unknown>
  }
}
