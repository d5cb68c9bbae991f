import { runStream, type Verdict } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { flowsOf, type NewResult, resultsAfter, type RunRow } from '../../projections/runs.ts'
import type { Folds } from '../commands/folds.ts'
import { run } from '../commands/run.ts'
import type { News } from './news.ts'
import { wholeResults } from './results.ts'

/** A case that has its verdict; `scene` is the name of its flow. */
export type FinishedCase = Readonly<{
  scene: string
  flow: number
  index: number
  name: string
  state: Verdict
  run_time: string
}>

/** A run, and those of its cases that have finished after a cursor, in the order in which they did. `next` is the cursor behind them. */
export type RunProgress = Readonly<{ run: RunRow; results: readonly FinishedCase[]; next: number }>

export type RunProgresses = Readonly<{
  /**
   * What there is after the cursor (0 for all), at once when that is something or the run has ended; else as soon as it is, or after
   * `milliseconds`. Undefined when there is no such run.
   */
  after(
    id: number,
    cursor: number,
    patience: Readonly<{ milliseconds: number; signal: AbortSignal }>,
  ): Promise<RunProgress | undefined>
}>

/** Finished cases that are told of at a time. */
const MOST = 1000

export function createRunProgresses(deps: {
  models: ReadModels
  blobs: Pick<Blobs, 'unspill'>
  folds: Pick<Folds, 'refresh'>
  news: News
}): RunProgresses {
  const { models, blobs, folds, news } = deps

  async function read(id: number, cursor: number): Promise<RunProgress | undefined> {
    const found = await resultsAfter(models, id, cursor, MOST)
    if (!found) return undefined
    const { run: row, results } = found
    return { run: row, results: await finished(id, results), next: results.at(-1)?.revision ?? cursor }
  }

  async function finished(id: number, rows: readonly NewResult[]): Promise<readonly FinishedCase[]> {
    if (rows.length === 0) return []
    const elsewhere = rows.filter(({ whole }) => whole !== null)
    const [flows, results] = await Promise.all([
      flowsOf(models, id),
      wholeResults(
        blobs,
        elsewhere.map(({ whole }) => whole ?? ''),
      ),
    ])
    return rows.map((row) => {
      const { flow, index, state } = row
      const { name, run_time } = results[elsewhere.indexOf(row)] ?? row
      return { scene: flows[flow]?.name ?? '', flow, index, name: name ?? '', state, run_time: run_time ?? '' }
    })
  }

  return {
    async after(id, cursor, { milliseconds, signal }) {
      const stream = runStream(id)
      const deadline = performance.now() + milliseconds
      let seen = -1n
      for (;;) {
        const progress = await read(id, cursor)
        const left = deadline - performance.now()
        if (!progress || progress.results.length > 0 || progress.run.state !== null || left <= 0) return progress
        const shown = BigInt(progress.run.revision)
        // What the read models do not show although they have passed it is no news for them.
        seen = shown > seen ? shown : seen
        const told = await news.until(
          stream,
          {
            matters: ({ type, revision }) => revision > seen && (type === 'CaseFinished' || type === 'RunFinished'),
            async already() {
              const fold = await folds.refresh(run, stream)
              return fold.revision > seen ? fold : undefined
            },
          },
          { milliseconds: left, signal },
        )
        if (told === undefined) return progress
        seen = told.revision
        await models.passed(told.position)
      }
    },
  }
}
