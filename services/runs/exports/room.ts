import type { RunReport, ShownResult } from '../report.ts'
import { valueText } from './words.ts'

/** UTF-16 units of texts that a whole export aims at: what a browser opens, and what CI servers take. */
const MOST = 8 * 1024 * 1024
/** How much of one text is shown, where the next smaller is not needed: a body as reports cut it, with the line that says so. */
const LIMITS = [65 * 1024, 16 * 1024, 4 * 1024, 1024] as const
const SMALLEST = 256

/** UTF-16 units that an export has for each text of a case: what went wrong is served first. */
export type Room = Readonly<{ wrong: number; passed: number }>

/** The same for the same report. */
export function roomIn({ results }: RunReport): Room {
  const cases = results.flatMap((flow) => flow.cases)
  const lengths = (passed: boolean): readonly number[] =>
    cases.filter(({ state }) => (state === '成功') === passed).flatMap(lengthsOf)
  const [ofWrong, ofPassed] = [lengths(false), lengths(true)]
  const wrong = largest(ofWrong, MOST)
  return { wrong, passed: largest(ofPassed, MOST - sum(ofWrong, wrong)) }
}

/** What of the room a case has. */
export function roomOf(room: Room, { state }: ShownResult): number {
  return state === '成功' ? room.passed : room.wrong
}

function largest(lengths: readonly number[], most: number): number {
  return LIMITS.find((limit) => sum(lengths, limit) <= most) ?? SMALLEST
}

function sum(lengths: readonly number[], limit: number): number {
  return lengths.reduce((all, length) => all + Math.min(length, limit), 0)
}

function lengthsOf({ log_data, requests_body, response_body, assertions }: ShownResult): readonly number[] {
  return [
    log_data.reduce((all, [, text]) => all + text.length + 1, 0),
    requests_body?.length ?? 0,
    response_body?.length ?? 0,
    ...assertions.flatMap(({ expected, actual }) => [valueText(expected).length, valueText(actual).length]),
  ]
}

/** A text of at most `limit` units, and words in the middle about what was left out: what was amiss is told at the end. */
export function excerpt(text: string, limit: number): string {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  const head = whole(text.slice(0, half))
  const tail = whole(text.slice(-half))
  return `${head}\n…（中间省略 ${text.length - head.length - tail.length} 个字符）…\n${tail}`
}

/** Without the half of a character that a cut left at an end. */
function whole(text: string): string {
  return text.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '')
}

type LogLine = ShownResult['log_data'][number]

/** The lines of a log, without the empty ones at their ends, and without those in the middle that there is no room for. */
export function excerptLines(log: ShownResult['log_data'], limit: number): readonly LogLine[] {
  const lines = log.map(([level, text]): LogLine => [level, text.trimEnd()])
  if (taken(lines, limit) === lines.length) return lines
  // No line takes all the room of its half.
  const short = lines.map(([level, text]): LogLine => [level, excerpt(text, Math.floor(limit / 4))])
  const from = taken(short, limit / 2)
  const to = short.length - taken(short.toReversed(), limit / 2)
  if (to <= from) return short
  return [...short.slice(0, from), ['', `…（中间省略 ${to - from} 行）…`], ...short.slice(to)]
}

/** How many lines from the first there is room for. */
function taken(lines: readonly LogLine[], room: number): number {
  let left = room
  const beyond = lines.findIndex(([, text]) => (left -= text.length + 1) < 0)
  return beyond < 0 ? lines.length : beyond
}
