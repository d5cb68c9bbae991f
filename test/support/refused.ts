import { expect } from '@jest/globals'
import type { Reply, TestPlatform } from './platform.ts'

/** Sends a call that is refused, in Chinese words that name the fields and without an event; answers `[status, code, ...fields]`. */
export type Refused = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<readonly unknown[]>

export function refusedBy(platform: () => TestPlatform): Refused {
  return async (method, path, body, headers = {}) => {
    let answer!: Reply
    const events = await platform().eventsOf(async () => {
      answer = await platform().call(method, path, body, { headers })
    })
    expect(events).toEqual([])
    expect(answer.body).toMatchObject({ error: expect.stringMatching(/\p{Script=Han}/u), code: expect.any(String) })
    const fields = Object.keys(answer.body.fields ?? {})
    for (const field of fields) expect(answer.body.error).toContain(field)
    return [answer.status, answer.body.code, ...fields]
  }
}
