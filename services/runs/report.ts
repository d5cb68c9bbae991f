import { type JsonText, parseJson, RawJson } from '../../contracts/json.ts'
import type { CaseResult, Counts } from '../../contracts/run.ts'
import type { Blobs, Unspilled } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { findRun, type ResultRow, resultsOf, type RunRow } from '../../projections/runs.ts'
import { countVerdicts, stateOf } from '../commands/run.ts'

/** What a script compared, and with what: values, or their Python text where JSON has none. */
export type ShownAssertion = Unspilled<Omit<CaseResult['assertions'][number], 'expected' | 'actual'>> &
  Readonly<{ expected: RawJson | string; actual: RawJson | string }>

/** A result as answers show it: what assertions compared are values, not their texts. */
export type ShownResult = Unspilled<Omit<CaseResult, 'assertions'>> &
  Readonly<{ assertions: readonly ShownAssertion[] }>

/** What one flow of a run came to (seed 000 六.2.2 `results`). */
export type FlowReport = Counts & Readonly<{ cases: readonly ShownResult[]; state: string; name: string }>
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
    const cases = rows.filter((row) => row.flow === flow).map(({ result }) => shown(whole(result)))
    const counts = countVerdicts(cases.map(({ state }) => state))
    // What has not ended has no verdict yet.
    const state = run.state === null ? 'running' : stateOf(counts)
    return { ...counts, cases, state, name }
  })
  // What has not ended has come to what its cases have come to so far.
  const sofar = countVerdicts(results.flatMap(({ cases }) => cases.map(({ state }) => state)))
  return { run: run.state === null ? { ...run, ...sofar } : run, results }
}

/** A result that was too long for its event stands there as its text. */
function whole(result: ResultRow['result']): Unspilled<CaseResult> {
  return (typeof result === 'string' ? JSON.parse(result) : result) as Unspilled<CaseResult>
}

function shown(result: Unspilled<CaseResult>): ShownResult {
  const assertions = result.assertions.map(({ expected, actual, ...rest }) => ({
    ...rest,
    expected: value(expected),
    actual: value(actual),
  }))
  return { ...result, assertions }
}

/** The value that a JSON text stands for; Python's NaN and infinities are no JSON, and stand as their text. */
function value(text: string): RawJson | string {
  try {
    parseJson(text)
    return new RawJson(text as JsonText)
  } catch {
    return text
  }
}
