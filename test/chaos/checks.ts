import { isDeepStrictEqual } from 'node:util'
import type { CaseResult, RunEvent } from '../../contracts/run.ts'
import type { Made, Ran } from './client.ts'
import { carriedTo, verdictOf } from './plan.ts'
import type { Asked } from './target.ts'

/** A result as it is answered: its texts in full length. */
type ShownResult = Omit<CaseResult, 'log_data'> & Readonly<{ log_data: readonly (readonly [string, string])[] }>

/** A record's report, as it is answered. */
export type Report = Readonly<{
  status: string
  info: Readonly<{
    all: number
    success: number
    fail: number
    error: number
    results: readonly Readonly<{ state: string; cases: readonly ShownResult[] }>[]
  }>
}>

/** Everything that is known of a run when all is over. */
export type Evidence = Readonly<{
  ran: Ran
  report: Report
  /** Its stream. */
  events: readonly RunEvent[]
  /** What the service under test was asked for it, in order. */
  asked: readonly Asked[]
  /** The debug variables of the environment that it saves into, as they are now. */
  saved: Readonly<Record<string, unknown>>
  /** When the processes of the platform had ended, in milliseconds of the same clock. */
  endedAt: readonly number[]
}>

/** What is wrong with a run, in words; empty where nothing is. */
type Check = (evidence: Evidence) => readonly string[]

const casesOf = ({ report }: Evidence): readonly ShownResult[] => report.info.results.flatMap(({ cases }) => cases)

const textOf = ({ log_data }: ShownResult): string => log_data.map(([, text]) => text).join('')

/** Three attempts died at it: then it is skipped, and what depends on it is not as planned. */
const isDoomed = (result: ShownResult): boolean => textOf(result).includes('多次异常退出')

export const hasDoomed = (evidence: Evidence): boolean => casesOf(evidence).some(isDoomed)

/** What holds for every run, by its name. */
export const RUN_CHECKS: Readonly<Record<string, Check>> = {
  'every run that was acknowledged ends': ({ report }) =>
    report.status === '执行完毕' ? [] : [`it is ${report.status}, with ${report.info.all} of its cases`],

  'all = success + fail + error = the number of steps': ({ ran, report: { info } }) => {
    const sum = info.success + info.fail + info.error
    return info.all === sum && info.all === ran.kinds.length ? [] : [`${info.all}, ${sum} and ${ran.kinds.length}`]
  },

  'each step has one result, in order': (evidence) => {
    const { ran } = evidence
    const cases = casesOf(evidence)
    if (cases.length !== ran.kinds.length) return [`${cases.length} results of ${ran.kinds.length} steps`]
    if (ran.steps.length === 0) return []
    const ids = cases.map(({ id }) => id)
    return isDeepStrictEqual(ids, ran.steps) ? [] : [`results of ${ids.join()}, steps ${ran.steps.join()}`]
  },

  'each step has the verdict that its answer deserves': (evidence) =>
    hasDoomed(evidence)
      ? []
      : casesOf(evidence).flatMap((result, step) => {
          const wanted = verdictOf(evidence.ran.kinds[step] ?? 'plain')
          return result.state === wanted ? [] : [`step ${step} is ${result.state}: ${textOf(result)}`]
        }),

  'the log has one verdict for each place, and one end': (evidence) => {
    const { events, ran, report } = evidence
    const places = events.flatMap((event) =>
      event.type === 'CaseFinished' ? [[event.data.flow, event.data.index]] : [],
    )
    const wanted = ran.kinds.map((_, index) => [0, index])
    const ends = events.filter((event) => event.type === 'RunFinished')
    const problems = isDeepStrictEqual(places, wanted) ? [] : [`the log has ${JSON.stringify(places)}`]
    if (ends.length !== 1 || events.at(-1)?.type !== 'RunFinished') problems.push(`the log has ${ends.length} ends`)
    const { state } = ends[0]?.data ?? {}
    const told = report.info.results[0]?.state
    return state === told ? problems : [...problems, `the log says ${state}, the report ${told}`]
  },

  'who waited was told what the report says': ({ ran, report }) =>
    ran.answer === undefined || isDeepStrictEqual(answerOf(ran, report), ran.answer)
      ? []
      : [`answered: ${JSON.stringify(ran.answer).slice(0, 500)}`],

  'what a debug run saved is in its environment': (evidence) => {
    const { ran, saved } = evidence
    if (!ran.saves || hasDoomed(evidence) || saved[ran.saves.name] === 1) return []
    return [`environment ${ran.saves.environment} does not have ${ran.saves.name}`]
  },

  'a flow that has logged in stays logged in': (evidence) =>
    hasDoomed(evidence)
      ? []
      : evidence.asked.filter(({ status }) => status !== 200).map(({ step, status }) => `step ${step} got ${status}`),

  'variables and cookies of a step reach the next ones': (evidence) =>
    hasDoomed(evidence)
      ? []
      : evidence.asked.flatMap(({ step, n, after }) => {
          const sent = { ...(n !== undefined && { n }), ...(after !== undefined && { after }) }
          const wanted = carriedTo(evidence.ran.kinds, step)
          return isDeepStrictEqual(sent, wanted)
            ? []
            : [`step ${step} carried ${JSON.stringify(sent)} instead of ${JSON.stringify(wanted)}`]
        }),

  'no step runs again without a strike, and none twice for one': ({ asked, endedAt }) =>
    twiceIn(periodsOf(asked, endedAt)),

  'at most two steps run again for one strike': ({ asked, endedAt }) => {
    const periods = periodsOf(asked, endedAt)
    return periods.flatMap((period, nth) => {
      const later = new Set(periods.slice(nth + 1).flat())
      const again = new Set(period.filter((step) => later.has(step)))
      return again.size > 2 ? [`steps ${[...again].join()} after strike ${nth + 1}`] : []
    })
  },

  'a step that has run again says so': (evidence) => {
    const times = new Map<number, number>()
    for (const { step } of evidence.asked) times.set(step, (times.get(step) ?? 0) + 1)
    const cases = casesOf(evidence)
    return [...times].flatMap(([step, count]) => {
      const result = cases[step]
      return count > 1 && result && !isDoomed(result) && !isMarked(result) ? [`step ${step} ran ${count} times`] : []
    })
  },

  'no step says so that no earlier attempt can have begun': (evidence) => {
    const reach = reachOf(evidence.events)
    return casesOf(evidence).flatMap((result, step) => {
      const says = result.attempt !== undefined || textOf(result).includes('次尝试')
      if (isDoomed(result) || !says || reach[step]) return []
      return [`step ${step} says attempt ${result.attempt}`]
    })
  },

  'only what three attempts have died of is skipped': ({ report, events }) => {
    const claims = claimsBeforeResults(events)
    return report.info.results
      .flatMap(({ cases }) => cases)
      .flatMap((result, step) => (isDoomed(result) && (claims[step] ?? 0) < 4 ? [`step ${step}`] : []))
  },
}

/** A result carries the number of its attempt, and its log begins with the warning. */
function isMarked({ attempt, log_data }: ShownResult): boolean {
  const [level, text = ''] = log_data[0] ?? []
  return attempt !== undefined && level === 'WARNING' && text.includes(`第${attempt}次尝试`)
}

/** Of a run that was asked for by itself the answer is its one result. */
function answerOf(ran: Ran, { info }: Report): unknown {
  const [flow] = info.results
  return ran.kinds.length === 1 ? flow?.cases[0] : flow
}

/** The steps that were asked for while each process was at work. */
function periodsOf(asked: readonly Asked[], endedAt: readonly number[]): readonly (readonly number[])[] {
  const starts = [0, ...endedAt]
  return starts.map((start, nth) => {
    const end = endedAt[nth] ?? Infinity
    return asked.filter(({ at }) => at >= start && at < end).map(({ step }) => step)
  })
}

function twiceIn(periods: readonly (readonly number[])[]): readonly string[] {
  return periods.flatMap((period) => {
    const twice = period.filter((step, nth) => period.indexOf(step) !== nth)
    return twice.map((step) => `step ${step} ran twice in one process`)
  })
}

/** Whether an earlier attempt may have begun a step: it is among the first two without a result after one that died, or the first after one that was interrupted. */
function reachOf(events: readonly RunEvent[]): readonly boolean[] {
  const reach: boolean[] = []
  let next = 0
  let held = false
  for (const event of events) {
    if (event.type === 'CaseFinished') next++
    if (event.type === 'RunClaimed' && held) reach[next] = reach[next + 1] = true
    if (event.type === 'RunReleased' && event.data.interrupted) reach[next] = true
    if (event.type === 'RunClaimed') held = true
    if (event.type === 'RunReleased') held = false
  }
  return reach
}

function claimsBeforeResults(events: readonly RunEvent[]): readonly number[] {
  const claims: number[] = []
  let since = 0
  for (const event of events) {
    if (event.type === 'RunClaimed') since++
    if (event.type !== 'CaseFinished') continue
    claims.push(since)
    since = 0
  }
  return claims
}

/** What of a created thing its details do not show. */
export function notShown({ path, id, shows }: Made, body: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(shows).flatMap(([name, value]) =>
    isDeepStrictEqual(body[name], value)
      ? []
      : [`${path}${id}/ shows ${name} ${JSON.stringify(body[name])} instead of ${JSON.stringify(value)}`],
  )
}
