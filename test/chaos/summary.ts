import { attemptsOf } from './attempts.ts'
import { stageOf } from './cancel-checks.ts'
import { type Evidence, hasDoomed, periodsOf, resultsOf, wordsOf } from './evidence.ts'
import { wentBeside } from './target.ts'

/** How much there was of what can go wrong. */
type Happened = Readonly<{
  tasks: readonly Evidence[]
  /** Runs that more than one attempt was made at. */
  again: readonly Evidence[]
  /** Runs that had scenes under way at the same time. */
  besides: readonly Evidence[]
  cancelled: readonly Evidence[]
}>

function happenedIn(evidence: readonly Evidence[]): Happened {
  return {
    tasks: evidence.filter(({ ran }) => ran.kind === 'task'),
    again: evidence.filter(({ events }) => events.filter(({ type }) => type === 'RunClaimed').length > 1),
    besides: evidence.filter((each) => periodsOf(each).some((period) => wentBeside(period.map(({ asked }) => asked)))),
    cancelled: evidence.filter(({ ran }) => ran.cancelled),
  }
}

/** What there was, in words. */
export function summaryOf(evidence: readonly Evidence[]): readonly string[] {
  const { tasks, again, besides, cancelled } = happenedIn(evidence)
  const steps = evidence.flatMap(({ ran }) => ran.flows.flatMap(({ kinds }) => kinds)).length
  const repeated = evidence.map(
    ({ asked }) => asked.length - new Set(asked.map(({ seat, step }) => `${seat}.${step}`)).size,
  )
  const stages = Map.groupBy(cancelled, stageOf)
  const [before, during, after] = (['before', 'during', 'after'] as const).map(
    (stage) => stages.get(stage)?.length ?? 0,
  )
  const suspected = evidence.flatMap((each) => {
    const { mayHaveRun } = attemptsOf(each)
    return resultsOf(each).filter(mayHaveRun).map(wordsOf)
  })
  return [
    `${evidence.length} runs of ${steps} steps, ${tasks.length} of tasks, ${besides.length} with scenes side by side`,
    `${again.length} runs were taken up again (${again.filter(({ ran }) => ran.width > 1).length} with scenes side by side); ` +
      `${suspected.length} steps may have run before, ${repeated.reduce((sum, each) => sum + each, 0)} ran again, ` +
      `${evidence.filter(hasDoomed).length} runs had a step that was skipped`,
    `${cancelled.length} runs were cancelled: ${before} before their first result, ` +
      `${during} during, ${after} after their end; ${cancelled.filter(wasTakenUp).length} were taken up after it`,
  ]
}

/** Whether the process died between a run's cancellation and its end. */
function wasTakenUp({ events }: Evidence): boolean {
  const from = events.findIndex(({ type }) => type === 'RunCancelRequested')
  return from >= 0 && events.slice(from).some(({ type }) => type === 'RunClaimed')
}

/** What has come of it tells nothing of what did not happen at all. */
export function missingOf(evidence: readonly Evidence[]): readonly string[] {
  const { tasks, again, besides, cancelled } = happenedIn(evidence)
  return [
    ...(again.length > 0 ? [] : ['no run was taken up again']),
    ...(tasks.length > 0 ? [] : ['no task was run']),
    ...(besides.length > 0 ? [] : ['no scenes ran side by side']),
    ...(cancelled.length > 0 ? [] : ['no run was cancelled']),
  ]
}
