import { runStream } from '../../contracts/run.ts'
import type { ReadModels } from '../../projections/port.ts'
import { run } from '../commands/run.ts'
import type { Folds } from '../commands/folds.ts'
import type { News, Place } from './news.ts'

/** Waits for runs to end, whoever runs them: the end is read from the log. */
export type RunEnds = Readonly<{
  /** True when the run has ended and every read model shows it; false after `milliseconds`, or when `signal` is aborted. */
  ended(id: number, milliseconds: number, signal: AbortSignal): Promise<boolean>
}>

export function createRunEnds(deps: {
  news: News
  folds: Pick<Folds, 'refresh'>
  readModels: Pick<ReadModels, 'passed'>
}): RunEnds {
  const { news, folds, readModels } = deps

  return {
    async ended(id, milliseconds, signal) {
      const stream = runStream(id)
      const already = async (): Promise<Place | undefined> => {
        const fold = await folds.refresh(run, stream)
        return fold.state.status === 'finished' ? fold : undefined
      }
      const end = await news.until(
        stream,
        { matters: ({ type }) => type === 'RunFinished', already },
        { milliseconds, signal },
      )
      return end !== undefined && readModels.passed(end.position)
    },
  }
}
