import { type JsonText, parseJson, RawJson } from '../../contracts/json.ts'
import type { CaseResult, Counts } from '../../contracts/run.ts'
import type { Blobs, Unspilled } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { findRun, flowsOf, type ResultRow, resultsOf, type RunFlow, type RunRow } from '../../projections/runs.ts'
import { countVerdicts, stateOf } from '../commands/run.ts'
import { bodiesOf, mostShown, withBodiesCut } from './bodies.ts'
import { wholeResults } from './results.ts'

/** What a script compared, and with what: values, or their Python text where JSON has none. */
export type ShownAssertion = Unspilled<Omit<CaseResult['assertions'][number], 'expected' | 'actual'>> &
  Readonly<{ expected: RawJson | string; actual: RawJson | string }>

/**
 * A result as answers show it: what assertions compared are values, not their texts, and beside a body that is cut stands the address of
 * the whole.
 */
export type ShownResult = Unspilled<Omit<CaseResult, 'assertions'>> &
  Readonly<{
    response_body_url?: string
    requests_body_url?: string
    assertions: readonly ShownAssertion[]
  }>

/** What one flow of a run came to (seed 000 六.2.2 `results`). `scene`: the one that it was of, null for a case that ran alone. */
export type FlowReport = Counts &
  Readonly<{ cases: readonly ShownResult[]; state: string; name: string; scene: number | null }>
export type RunReport = Readonly<{ run: RunRow; results: readonly FlowReport[] }>

type Sources = Readonly<{ models: ReadModels; blobs: Pick<Blobs, 'unspill'> }>

/**
 * The report of a run, with what there is of one that has not ended; undefined when there is no such run. Bodies are cut unless they
 * are wanted `whole`.
 */
export async function reportDocument(
  { models, blobs }: Sources,
  id: number,
  { whole = false }: { whole?: boolean } = {},
): Promise<RunReport | undefined> {
  const run = await findRun(models, id)
  if (!run) return undefined
  const [flows, rows] = await Promise.all([flowsOf(models, id), resultsOf(models, id)])
  const shown = await shownResults(blobs, id, rows, whole)
  const byFlow = Map.groupBy(shown.entries(), ([nth]) => rows[nth]?.flow)
  const results = flows.map((flow, nth): FlowReport => {
    const cases = (byFlow.get(nth) ?? []).map(([, result]) => result)
    const counts = countVerdicts(cases.map(({ state }) => state))
    return { ...counts, cases, state: flowState(run, flow, counts), name: flow.name, scene: flow.scene }
  })
  // The run was read before its cases: counts of one that goes on are those of the cases that are shown.
  const sofar = countVerdicts(shown.map(({ state }) => state))
  return { run: run.state === null ? { ...run, ...sofar } : run, results }
}

/** What has not ended has no verdict yet, and what did not come to its end is what became of its run. */
function flowState({ state }: RunRow, { size }: RunFlow, counts: Counts): string {
  if (state === null) return 'running'
  return counts.all < size ? state : stateOf(counts)
}

async function shownResults(
  blobs: Sources['blobs'],
  run: number,
  rows: readonly ResultRow[],
  whole: boolean,
): Promise<readonly ShownResult[]> {
  const results = await wholeResults(
    blobs,
    rows.map(({ result }) => result),
  )
  // Of bodies no more is read than is shown.
  const most = mostShown(results.length)
  const bodies = await blobs.unspill(results.map(bodiesOf), whole ? undefined : most)
  const texts = await blobs.unspill(results.map((result, nth) => ({ ...result, ...bodies[nth] })))
  return texts.map((read, nth) => {
    const { flow, index } = rows[nth] as ResultRow
    const text = whole ? read : withBodiesCut(read, results[nth] as CaseResult, { run, flow, index }, most)
    const assertions = read.assertions.map(({ expected, actual, ...rest }) => ({
      ...rest,
      expected: value(expected),
      actual: value(actual),
    }))
    return { ...text, assertions }
  })
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
