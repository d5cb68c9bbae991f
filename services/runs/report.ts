import type { CaseResult, Counts } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { findRun, type ResultRow, resultsOf, type RunRow } from '../../projections/runs.ts'
import { countVerdicts, stateOf } from '../commands/run.ts'

/** What one flow of a run came to (seed 000 六.2.2 `results`). */
export type FlowReport = Counts & Readonly<{ cases: readonly CaseResult[]; state: string; name: string }>
export type RunReport = Readonly<{ run: RunRow; results: readonly FlowReport[] }>

/** The report of a run, with what there is of one that has not ended; undefined when there is no such run. */
export async function reportOf(
  { models, blobs }: { models: ReadModels; blobs: Pick<Blobs, 'unspill'> },
  id: number,
): Promise<RunReport | undefined> {
  const run = await findRun(models, id)
  if (!run) return undefined
  const rows = (await blobs.unspill(await resultsOf(models, id))) as readonly ResultRow[]
  const results = run.flows.map((name, flow): FlowReport => {
    const cases = rows.filter((row) => row.flow === flow).map(({ result }) => result)
    const counts = countVerdicts(cases.map(({ state }) => state))
    return { ...counts, cases, state: stateOf(counts), name }
  })
  return { run, results }
}
