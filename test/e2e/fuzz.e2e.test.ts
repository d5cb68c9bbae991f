import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createLogger } from '../../platform/logger.ts'
import { type Findings, fuzz } from '../fuzz/fuzz.ts'
import { unreadable } from '../fuzz/reading.ts'
import { runsEnd, tellStory } from '../fuzz/story.ts'
import { startOddTarget } from '../fuzz/target.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/**
 * Whatever is sent to any call of the document, the answer is one that is documented, and the platform works afterwards. `FUZZ_SEED`
 * draws the same again, `FUZZ_ROUNDS` says how much. `FUZZ_TABLE=1` prints which call gave which answers.
 */
const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const { FUZZ_ROUNDS } = process.env
const until = FUZZ_ROUNDS === undefined ? { milliseconds: 12_000 } : { rounds: Number(FUZZ_ROUNDS) }

/** Milliseconds at most. A round is some 180 requests. */
const TIME = 180_000 + Number(FUZZ_ROUNDS ?? 0) * 15_000

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startOddTarget>>
const logged: string[] = []

beforeAll(async () => {
  target = await startOddTarget()
  const log = createLogger('error', { write: (line) => void logged.push(line) })
  const settings = { RATE_LIMIT: '0', REGISTRATION: 'open', RUN_WAIT_SECONDS: '1', TRUSTED_PROXIES: '127.0.0.1' }
  platform = await startTestPlatform(settings, log)
}, 60_000)
// Stopping builds the read models anew: what was sent has the same rows twice, and none has stopped a projection.
afterAll(async () => {
  try {
    await platform.stop()
  } finally {
    await target.stop()
  }
}, TIME)

test(
  `every answer is one that is documented, and everything works afterwards (FUZZ_SEED=${seed})`,
  async () => {
    const { statuses, wrong, asked } = await fuzz({
      platform,
      target: target.url,
      seed,
      until,
      logged: () => logged.splice(0).join('').slice(0, 4_000),
    })
    if (process.env.FUZZ_TABLE !== undefined) console.log(tableOf(statuses))
    await runsEnd(platform)
    if (wrong.length > 0) {
      throw new Error(
        `FUZZ_SEED=${seed}: ${wrong.length} of ${asked} answers are wrong\n\n${wrong.slice(0, 10).join('\n\n')}`,
      )
    }
    expect(await unreadable(platform)).toEqual([])
    await tellStory(platform, target.url)
    expect((await platform.call('GET', '/readyz/')).status).toBe(200)
  },
  TIME,
)

function tableOf(statuses: Findings['statuses']): string {
  const lines = [...statuses].map(
    ([name, counts]) => `${name}: ${[...counts].map((count) => count.join('×')).join(' ')}`,
  )
  return lines.toSorted().join('\n')
}
