/** What is there after a fuzz can be read, each thing in each of its forms. */
import { isDeepStrictEqual } from 'node:util'
import type { TestPlatform } from '../support/platform.ts'
import { junitFaults } from '../support/xml.ts'
import { COLLECTIONS } from './world.ts'

/** Runs whose JUnit files are held against the schema, which takes a thread each. */
const CHECKED = 4

/** Of each kind so many are read one by one, the newest. */
const READ = 25

/** What cannot be read as it should be, a line each. */
export async function unreadable(platform: TestPlatform): Promise<readonly string[]> {
  const wrong: string[] = []

  async function read(path: string): Promise<{ body: unknown; text: string }> {
    const { status, body, text } = await platform.call('GET', path)
    if (status !== 200) wrong.push(`GET ${path} answered ${status}: ${text.slice(0, 500)}`)
    return { body, text }
  }

  async function newest(path: string): Promise<readonly { id: number }[]> {
    const things = (await read(path)).body as readonly { id: number }[]
    const page = await read(`${path}${path.includes('?') ? '&' : '?'}page=1&page_size=3`)
    const { count, results } = page.body as { count: number; results: readonly unknown[] }
    if (count !== things.length || !isDeepStrictEqual(results, things.slice(0, 3)))
      wrong.push(`pages of ${path} differ`)
    return things.toSorted((one, other) => other.id - one.id).slice(0, READ)
  }

  for (const path of Object.values(COLLECTIONS)) {
    if (path === COLLECTIONS.record) continue
    const things = await newest(path)
    // Users and tokens have no page of their own.
    if (!path.startsWith('/api/users/')) for (const { id } of things) await read(`${path}${id}/`)
  }
  for (const [nth, { id }] of (await newest(`${COLLECTIONS.record}?type=all`)).entries()) {
    await read(`${COLLECTIONS.record}${id}/progress/`)
    const report = await read(`/api/testTask/report/${id}/`)
    const [junit, html, json] = await Promise.all(
      ['junit', 'html', 'json'].map((form) => read(`/api/testTask/report/${id}/?export=${form}`)),
    )
    if (!isDeepStrictEqual(report.body, json?.body)) wrong.push(`report ${id} differs from its export`)
    if (html?.text.endsWith('</html>\n') !== true) wrong.push(`the HTML of report ${id} has no end`)
    if (nth < CHECKED) wrong.push(...(await junitFaults(junit?.text ?? '')).map((fault) => `JUnit of ${id}: ${fault}`))
  }
  return wrong
}
