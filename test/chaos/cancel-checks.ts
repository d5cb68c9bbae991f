import type { Check } from './checks.ts'
import { endOf, type Evidence, periodsOf, wordsOf } from './evidence.ts'

/** When in its life a run was cancelled. */
export type CancelStage = 'before' | 'during' | 'after'

export function stageOf({ ran, events }: Evidence): CancelStage | undefined {
  const { cancelled } = ran
  if (!cancelled) return undefined
  if (cancelled.status === 400) return 'after'
  return events.some(({ type }) => type === 'CaseFinished') ? 'during' : 'before'
}

/** What holds for runs that were cancelled, and for those that were not, by its name. */
export const CANCEL_CHECKS: Readonly<Record<string, Check>> = {
  'a cancellation that was acknowledged is in the log, once; nothing else is cancelled': ({ ran, events }) => {
    const told = events.filter(({ type }) => type === 'RunCancelRequested').length
    const wanted = ran.cancelled && ran.cancelled.status !== 400 ? 1 : 0
    return told === wanted ? [] : [`the log has ${told} cancellations instead of ${wanted}`]
  },

  'a cancellation is answered with how the run has ended, or that it will': (evidence) => {
    const { cancelled } = evidence.ran
    if (!cancelled) return []
    const { status, state } = cancelled
    const end = endOf(evidence)?.state
    const right = status === 200 ? state === end : state === null
    return right ? [] : [`answered ${status} ${state}, and it ended as ${end}`]
  },

  'only a cancelled run ends before its last case': (evidence) =>
    endOf(evidence)?.state !== 'cancelled' || evidence.ran.cancelled ? [] : ['it ended as cancelled'],
}

/** Of those, what holds where attempts followed each other: by when the service under test was asked. */
export const CANCELLED_REQUEST_CHECKS: Readonly<Record<string, Check>> = {
  'no step begins in a run that has ended as cancelled': ({ ran, asked }) => {
    const { cancelled } = ran
    if (cancelled?.status !== 200) return []
    return asked.filter(({ at }) => at > cancelled.at).map(({ seat, step }) => `step ${step} of seat ${seat}`)
  },

  'a cancelled run ends with the steps under way: at most one of each scene that runs is asked for afterwards': (
    evidence,
  ) => {
    const { ran } = evidence
    const { cancelled } = ran
    if (cancelled?.status !== 202) return []
    const after = periodsOf(evidence)
      .flat()
      .filter(({ asked: { at } }) => at > cancelled.at)
    const scenes = [...Map.groupBy(after, ({ flow }) => flow).values()]
    const most = Math.max(0, ...scenes.map((steps) => steps.length))
    return most <= 1 && scenes.length <= ran.width ? [] : [`${after.map(wordsOf).join()} after its cancellation`]
  },

  'whoever takes up a cancelled run begins none of its steps': (evidence) => {
    const { cancelled } = evidence.ran
    if (!cancelled || cancelled.status === 400) return []
    const next = evidence.endedAt.find((at) => at > cancelled.at) ?? Infinity
    return periodsOf(evidence)
      .flat()
      .filter(({ asked: { at } }) => at > next)
      .map((each) => `${wordsOf(each)} after its cancellation and a strike`)
  },
}
