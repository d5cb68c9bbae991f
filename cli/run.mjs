import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Interrupted, Refused, wordsOf } from './failures.mjs'
import { plain } from './terminal.mjs'

/** What `testledger run` does on the platform: it starts the task, follows it to its end, and cancels it when it is interrupted. */

/** @typedef {'success' | 'fail' | 'error' | 'cancelled'} RunState */

/**
 * @typedef {Readonly<{ all: number, success: number, fail: number, error: number }>} Counts
 * @typedef {Counts & Readonly<{ record: number, total?: number, state: RunState }>} Ended `total` where it is told how many were planned
 * @typedef {Readonly<{ scene?: string, name?: string, state?: string, run_time?: string }>} CaseEnd
 * @typedef {Counts & Readonly<{ total: number, state: RunState | null, results: readonly CaseEnd[], next: number | string }>} Progress
 */

/**
 * @typedef {Readonly<{
 *   platform: import('./platform.mjs').Platform,
 *   terminal: import('./terminal.mjs').Terminal,
 *   interruption: import('./interruption.mjs').Interruption,
 * }>} Tools
 */

/** Milliseconds between two questions whose answer was: nothing new. */
const SHORTEST_POLL = 1_000

/** @type {Readonly<Record<string, import('./terminal.mjs').Colour>>} */
const COLOURS = { 成功: 'green', 失败: 'red', 错误: 'yellow' }

/**
 * @param {string} order the body of `tasks/run/`
 * @param {Tools} tools
 * @returns {Promise<Ended>}
 */
export async function runTask(order, tools) {
  const { platform, terminal } = tools
  const { record } = await platform.post('/api/testTask/tasks/run/?wait=false', order, `testledger-run-${randomUUID()}`)
  if (typeof record !== 'number') throw new Refused(202, 'the answer to tasks/run/ names no record')
  try {
    terminal.say(`record ${record} is started`)
    return await follow(record, tools)
  } catch (error) {
    if (error instanceof Interrupted) await cancel(record, tools)
    else terminal.say(`record ${record} may still be running`)
    throw error
  }
}

/**
 * Tells each case as it ends.
 *
 * @param {number} record
 * @param {Tools} tools
 * @returns {Promise<Ended>}
 */
async function follow(record, { platform, terminal, interruption }) {
  const path = `/api/testTask/records/${record}/progress/`
  /** @type {Progress['next']} */
  let after = 0
  for (;;) {
    const asked = performance.now()
    const progress = progressOf(await platform.poll(`${path}?after=${encodeURIComponent(after)}`))
    for (const result of progress.results) terminal.say(caseLine(result, terminal))
    after = progress.next
    if (progress.results.length > 0) continue
    // Only now: the answer that first knows the end may leave out what ended last, when it is full.
    if (progress.state !== null) return { record, ...progress, state: progress.state }
    const early = SHORTEST_POLL - (performance.now() - asked)
    if (early > 0) await sleep(early, undefined, { signal: interruption.asked }).catch(() => {})
  }
}

/**
 * @param {Readonly<Record<string, unknown>>} answer
 * @returns {Progress}
 */
function progressOf(answer) {
  const { results, next, state } = answer
  const known = Array.isArray(results) && (typeof next === 'number' || typeof next === 'string')
  if (known && (state === null || typeof state === 'string')) return /** @type {Progress} */ (answer)
  throw new Refused(200, 'what was answered about the progress of the run cannot be read')
}

/**
 * @param {CaseEnd} result
 * @param {import('./terminal.mjs').Terminal} terminal
 */
function caseLine({ scene = '', name = '', state = '', run_time: time = '' }, { paint }) {
  const colour = COLOURS[state]
  const verdict = colour ? paint(colour, state) : plain(state)
  return `${verdict}  ${plain(scene)} / ${plain(name)}  ${paint('dim', plain(time))}`
}

/**
 * @param {number} record
 * @param {Tools} tools
 */
async function cancel(record, { platform, terminal }) {
  terminal.say(`cancelling record ${record}; once more leaves at once`)
  try {
    const { state } = await platform.close(`/api/testTask/records/${record}/cancel/`)
    terminal.say(`record ${record} is cancelled${state === null ? '; its case under way still ends' : ''}`)
  } catch (error) {
    if (error instanceof Refused && error.code === 'conflict') terminal.say(`record ${record} had ended`)
    else terminal.warn(`record ${record} could not be cancelled and may still be running: ${reasonOf(error)}`)
  }
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Interrupted ? 'the platform has not answered' : wordsOf(error)
}
