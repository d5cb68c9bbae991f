import type { CaseResult } from '../../contracts/run.ts'
import { type Blobs, isBlobRef } from '../../platform/blobs.ts'
import type { ResultRow } from '../../projections/runs.ts'

/** The results themselves: those that were too long for their events are read. Texts in them may still be references. */
export async function wholeResults(
  blobs: Pick<Blobs, 'unspill'>,
  results: readonly ResultRow['result'][],
): Promise<readonly CaseResult[]> {
  const texts = await blobs.unspill(results.map((result) => (isWhole(result) ? undefined : result)))
  return results.map((result, nth) => (isWhole(result) ? result : (JSON.parse(texts[nth] ?? '') as CaseResult)))
}

function isWhole(result: ResultRow['result']): result is CaseResult {
  return typeof result !== 'string' && !isBlobRef(result)
}
