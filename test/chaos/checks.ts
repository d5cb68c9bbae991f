import { isDeepStrictEqual } from 'node:util'
import { attemptsOf } from './attempts.ts'
import type { Made } from './calls.ts'
import {
  endOf,
  type Evidence,
  hasDoomed,
  isDoomed,
  periodsOf,
  resultsOf,
  type ShownResult,
  textOf,
  wordsOf,
} from './evidence.ts'
import { broughtTo, verdictOf } from './plan.ts'
import type { Ran } from './runs.ts'

/** What is wrong with a run, in words; empty where nothing is. */
export type Check = (evidence: Evidence) => readonly string[]

/** Unless a step was skipped: what depends on it is not as planned. */
const unlessDoomed =
  (check: Check): Check =>
  (evidence) =>
    hasDoomed(evidence) ? [] : check(evidence)

/** What holds for every run, by its name. */
export const RUN_CHECKS: Readonly<Record<string, Check>> = {
  'every run that was acknowledged ends': ({ report, record }) =>
    report.status === '执行完毕' && record.status === '执行完毕' && record.state !== null
      ? []
      : [`it is ${report.status} and ${record.status}, with ${report.info.all} of its cases`],

  'all = success + fail + error = the number of results': ({ report: { info } }) =>
    [info, ...info.results].flatMap(({ all, success, fail, error, ...rest }) => {
      const shown = 'cases' in rest ? rest.cases.length : info.results.flatMap(({ cases }) => cases).length
      const sum = success + fail + error
      return all === sum && all === shown ? [] : [`${all}, ${sum} and ${shown}`]
    }),

  'each step of a scene has one result, in order; none is missing where the run was not cancelled': (evidence) => {
    const { ran, report } = evidence
    const { results } = report.info
    if (results.length !== ran.flows.length) return [`${results.length} scenes of ${ran.flows.length}`]
    const isCancelled = endOf(evidence)?.state === 'cancelled'
    return ran.flows.flatMap(({ kinds, steps }, flow) => {
      const { cases = [] } = results[flow] ?? {}
      if (!isCancelled && cases.length !== kinds.length) return [`scene ${flow}: ${cases.length} of ${kinds.length}`]
      const ids = cases.map(({ id }) => id)
      if (steps.length === 0 || isDeepStrictEqual(ids, steps.slice(0, ids.length))) return []
      return [`scene ${flow}: results of ${ids.join()}, steps ${steps.join()}`]
    })
  },

  'scenes stand in the order of their task': ({ ran, report }) => {
    const shown = report.info.results.map(({ scene }) => scene)
    const wanted = ran.flows.map(({ scene }) => scene)
    return isDeepStrictEqual(shown, wanted) ? [] : [`${shown.join()} instead of ${wanted.join()}`]
  },

  'each step has the verdict that its answer deserves': unlessDoomed((evidence) =>
    resultsOf(evidence).flatMap((each) => {
      const { flow, index, result } = each
      const wanted = verdictOf(evidence.ran.flows[flow]?.kinds[index] ?? 'plain')
      return result.state === wanted ? [] : [`${wordsOf(each)} is ${result.state}: ${textOf(result)}`]
    }),
  ),

  'the log has one verdict for each result, in order within its scene, and one end': ({ events, report, ran }) => {
    const places = events.flatMap((event) => (event.type === 'CaseFinished' ? [event.data] : []))
    const ends = events.filter(({ type }) => type === 'RunFinished')
    const problems = ran.flows.flatMap((_, flow) => {
      const told = places.filter((place) => place.flow === flow).map(({ index, state }) => [index, state])
      const shown = report.info.results[flow]?.cases.map(({ state }, index) => [index, state])
      return isDeepStrictEqual(told, shown) ? [] : [`the log has ${JSON.stringify(told)} of scene ${flow}`]
    })
    if (ends.length === 1 && events.at(-1)?.type === 'RunFinished') return problems
    return [...problems, `the log has ${ends.length} ends`]
  },

  'once an attempt has claimed a run, no earlier one says anything of it': ({ events }) => {
    let claimed = 0
    return events.flatMap(({ type, data }) => {
      if (!('attempt' in data)) return []
      const { attempt } = data
      const wanted = type === 'RunClaimed' ? claimed + 1 : claimed
      if (type === 'RunClaimed') claimed = attempt
      return attempt === wanted ? [] : [`${type} of attempt ${attempt} instead of ${wanted}`]
    })
  },

  'a run and its scenes are what their steps came to': (evidence) => {
    const { ran, report, record } = evidence
    const all = report.info.results.flatMap(({ cases }) => cases)
    // Cancelled is what somebody wanted to end, though its last step was under way by then and has its result.
    const wanted = evidence.events.some(({ type }) => type === 'RunCancelRequested') ? 'cancelled' : stateOf(all)
    const states = [endOf(evidence)?.state, record.state, ...report.info.results.map(({ state }) => state)]
    const right = [
      wanted,
      wanted,
      ...report.info.results.map(({ cases }, flow) =>
        cases.length < (ran.flows[flow]?.kinds.length ?? 0) ? wanted : stateOf(cases),
      ),
    ]
    return isDeepStrictEqual(states, right) ? [] : [`${states.join()} instead of ${right.join()}`]
  },

  'record, report and progress agree': ({ ran, report, record, progress }) => {
    const counts = ({ all, success, fail, error }: typeof report.info) => ({ all, success, fail, error })
    const total = ran.flows.reduce((sum, { kinds }) => sum + kinds.length, 0)
    const { status } = report
    const { state } = record
    const wanted = { ...counts(report.info), status, state, total }
    const recorded = { ...counts(record as never), status: record.status, state, total: record.total }
    const { results, ...followed } = progress
    const places = results.map(({ flow, index, state: verdict, name }) => ({ flow, index, verdict, name }))
    const shown = report.info.results.flatMap(({ cases }, flow) =>
      cases.map(({ state: verdict, name }, index) => ({ flow, index, verdict, name })),
    )
    const sorted = places.toSorted((one, other) => one.flow - other.flow || one.index - other.index)
    return [
      ...(isDeepStrictEqual(recorded, wanted) ? [] : [`the record says ${JSON.stringify(recorded)}`]),
      ...(isDeepStrictEqual(followed, wanted) ? [] : [`the progress says ${JSON.stringify(followed)}`]),
      ...(isDeepStrictEqual(sorted, shown) ? [] : [`the progress tells of ${JSON.stringify(sorted)}`]),
    ]
  },

  'who follows a run hears of each result once, whatever happens meanwhile': ({ ran, progress }) => {
    const { followed = [] } = ran
    return isDeepStrictEqual(followed, progress.results.slice(0, followed.length))
      ? []
      : [`followed: ${JSON.stringify(followed)}`]
  },

  'a record says of what it is, and who asked for it': ({ ran, record }) => {
    const { type, name, task, trigger, build } = record
    const shown = { type, name, task, trigger, build }
    const { kind } = ran
    const wanted = {
      type: kind,
      name: ran.name,
      task: kind === 'task' ? ran.name : null,
      trigger: ran.trigger,
      build: ran.mark,
    }
    return isDeepStrictEqual(shown, wanted) ? [] : [`${JSON.stringify(shown)} instead of ${JSON.stringify(wanted)}`]
  },

  'who waited was told what the report says': (evidence) =>
    evidence.ran.answer === undefined || isDeepStrictEqual(answerOf(evidence), evidence.ran.answer)
      ? []
      : [`answered: ${JSON.stringify(evidence.ran.answer).slice(0, 500)}`],

  'what a debug run saved is in its environment': unlessDoomed(({ ran, saved }) =>
    !ran.saves || saved[ran.saves.name] === 1
      ? []
      : [`environment ${ran.saves.environment} does not have ${ran.saves.name}`],
  ),

  'a flow that has logged in stays logged in': unlessDoomed(({ asked }) =>
    asked
      .filter(({ status }) => status !== 200)
      .map(({ seat, step, status }) => `step ${step} of seat ${seat} got ${status}`),
  ),

  'what the run has of its own reaches each step': ({ ran, asked }) =>
    asked.flatMap(({ seat, step, pass }) =>
      pass === ran.pass ? [] : [`step ${step} of seat ${seat} brought ${pass} instead of ${ran.pass}`],
    ),

  'temporary variables stay in their scene; global ones and cookies go on, or where scenes run side by side do not':
    unlessDoomed((evidence) =>
      periodsOf(evidence)
        .flat()
        .flatMap((each) => {
          const { n, total, after } = each.asked
          const brought = { n, total, ...(after !== undefined && { after }) }
          const wanted = broughtTo(evidence.ran, each.flow, each.index)
          return isDeepStrictEqual(brought, wanted)
            ? []
            : [`${wordsOf(each)} brought ${JSON.stringify(brought)} instead of ${JSON.stringify(wanted)}`]
        }),
    ),

  'a scene begins when no more than others may run beside it are left of those before it': ({ ran, events }) => {
    const done = ran.flows.map(() => 0)
    return events.flatMap((event) => {
      if (event.type !== 'CaseFinished') return []
      const { flow, index } = event.data
      const left = ran.flows.slice(0, flow).filter(({ kinds }, nth) => (done[nth] ?? 0) < kinds.length).length
      done[flow] = index + 1
      return left < ran.width ? [] : [`${wordsOf(event.data)} ended while ${left} scenes before it were left`]
    })
  },

  'what may have run before runs first, each told, one at a time': (evidence) => attemptsOf(evidence).problems,

  'only steps say so that an earlier attempt may have begun, and all of them': (evidence) => {
    const { mayHaveRun } = attemptsOf(evidence)
    return resultsOf(evidence).flatMap((each) => {
      const { result } = each
      const says = result.attempt !== undefined || textOf(result).includes('次尝试')
      if (isDoomed(result) || says === mayHaveRun(each)) return []
      return [`${wordsOf(each)} says attempt ${result.attempt}`]
    })
  },

  'only what three attempts have died of is skipped': (evidence) => {
    const { deathsAt } = attemptsOf(evidence)
    return resultsOf(evidence).flatMap((each) => {
      const deaths = deathsAt(each)
      return isDoomed(each.result) === deaths >= 3 ? [] : [`${wordsOf(each)} after ${deaths} deaths`]
    })
  },
}

/** What holds for runs whose attempts followed each other: by when the service under test was asked, and how often. */
export const REQUEST_CHECKS: Readonly<Record<string, Check>> = {
  'steps of a scene run one after the other, and no more scenes side by side than the run wants': (evidence) =>
    periodsOf(evidence).flatMap((period) =>
      period.flatMap((each, nth) => {
        const beside = period.slice(0, nth).filter(({ asked }) => asked.until > each.asked.at)
        if (beside.length >= evidence.ran.width) return [`${wordsOf(each)} ran beside ${beside.length} others`]
        return beside.some(({ flow }) => flow === each.flow) ? [`${wordsOf(each)} ran beside one of its scene`] : []
      }),
    ),

  'no step runs again without a strike, and none twice for one': (evidence) =>
    periodsOf(evidence).flatMap((period) => {
      const words = period.map(wordsOf)
      return words.filter((each, nth) => words.indexOf(each) !== nth).map((each) => `${each} ran twice in one process`)
    }),

  'at most two steps of a scene run again for one strike, and of no more scenes than run side by side': (evidence) => {
    const periods = periodsOf(evidence)
    return periods.flatMap((period, nth) => {
      const later = new Set(
        periods
          .slice(nth + 1)
          .flat()
          .map(wordsOf),
      )
      const again = period.filter((each) => later.has(wordsOf(each)))
      const scenes = Map.groupBy(again, ({ flow }) => flow)
      const problems = [...scenes.values()].filter((steps) => steps.length > 2)
      const told = problems.map((steps) => `${steps.map(wordsOf).join()} after strike ${nth + 1}`)
      return scenes.size > evidence.ran.width ? [...told, `${scenes.size} scenes after strike ${nth + 1}`] : told
    })
  },

  'a step that runs again runs alone': (evidence) => {
    const periods = periodsOf(evidence)
    return periods.flatMap((period, nth) => {
      const before = new Set(periods.slice(0, nth).flat().map(wordsOf))
      return period
        .filter((each) => before.has(wordsOf(each)))
        .flatMap((again) => {
          const beside = period.filter(
            ({ asked: one }) => one !== again.asked && one.at < again.asked.until && one.until > again.asked.at,
          )
          return beside.map((other) => `${wordsOf(again)} ran again beside ${wordsOf(other)}`)
        })
    })
  },

  'a step that has run again says so': (evidence) => {
    const times = Map.groupBy(periodsOf(evidence).flat(), wordsOf)
    return resultsOf(evidence).flatMap((each) => {
      const count = times.get(wordsOf(each))?.length ?? 0
      const { result } = each
      return count > 1 && !isDoomed(result) && !isMarked(result) ? [`${wordsOf(each)} ran ${count} times`] : []
    })
  },
}

/** A result carries the number of its attempt, and its log begins with the warning. */
function isMarked({ attempt, log_data }: ShownResult): boolean {
  const [level, text = ''] = log_data[0] ?? []
  return attempt !== undefined && level === 'WARNING' && text.includes(`第${attempt}次尝试`)
}

function stateOf(results: readonly ShownResult[]): string {
  const states = new Set(results.map(({ state }) => state))
  if (states.has('错误')) return 'error'
  return states.has('失败') ? 'fail' : 'success'
}

/** What of the report the call answered that asked for the run. */
function answerOf({ ran, report: { info }, record }: Evidence): unknown {
  const [flow] = info.results
  const { results, all, success, fail, error } = info
  const counts = { all, success, fail, error }
  const answers: Readonly<Record<Ran['kind'], unknown>> = {
    case: flow?.cases[0],
    scene: flow,
    task: {
      ...counts,
      results,
      cases: results.flatMap(({ cases }) => cases),
      state: record.state,
      name: ran.name,
    },
  }
  return answers[ran.kind]
}

/** What of a created thing its details do not show. */
export function notShown({ path, id, shows }: Made, body: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(shows).flatMap(([name, value]) => {
    const shown = name === 'handle' ? (body.handle as { handle: string }[]).map(({ handle }) => handle) : body[name]
    return isDeepStrictEqual(shown, value)
      ? []
      : [`${path}${id}/ shows ${name} ${JSON.stringify(shown)} instead of ${JSON.stringify(value)}`]
  })
}
