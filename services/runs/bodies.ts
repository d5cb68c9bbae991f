import type { LongText } from '../../contracts/blob.ts'
import type { CaseResult } from '../../contracts/run.ts'
import { type Blobs, isBlobRef, MAX_INLINE_BYTES, type Unspilled } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { resultsOf } from '../../projections/runs.ts'
import { wholeResults } from './results.ts'

/** Bytes of UTF-8 of a body that a report shows at most. */
export const MOST_SHOWN = 64 * 1024

/** Bytes that all bodies of a report come to at most, as long as none is cut below what events hold themselves. */
const MOST_IN_ALL = 128 * 1024 * 1024

/** Bytes of each body that a report of so many cases shows, whole KiB: thousands of cases with long ones would be no answer any more. */
export function mostShown(cases: number): number {
  const share = Math.floor(MOST_IN_ALL / (2 * Math.max(1, cases)) / 1024) * 1024
  return Math.min(MOST_SHOWN, Math.max(MAX_INLINE_BYTES, share))
}

/** The bodies of a result alone, for those that it has. */
export function bodiesOf({
  response_body,
  requests_body,
}: CaseResult): Pick<CaseResult, 'response_body' | 'requests_body'> {
  return {
    ...(response_body !== undefined && { response_body }),
    ...(requests_body !== undefined && { requests_body }),
  }
}

/** Which of a case's two bodies; each goes by the name that the address of the whole has for it. */
export const BODIES = { response: 'response_body', request: 'requests_body' } as const
export type BodyName = keyof typeof BODIES

/** A case of a run. */
export type CasePlace = Readonly<{ run: number; flow: number; index: number }>

/** Says of each body that was cut how long it is, and where the whole stands; the other fields stay as they are, in their order. */
export function withBodiesCut(
  texts: Unspilled<CaseResult>,
  stored: CaseResult,
  { run, flow, index }: CasePlace,
  most: number,
): typeof texts {
  const long = (Object.keys(BODIES) as BodyName[]).filter((name) => lengthOf(stored[BODIES[name]]) > most)
  if (long.length === 0) return texts
  const told = Object.entries(texts).flatMap(([key, text]): (readonly [string, unknown])[] => {
    const name = long.find((each) => BODIES[each] === key)
    if (!name) return [[key, text]]
    const words = `【以上是前 ${most / 1024} KiB，全文共 ${lengthOf(stored[BODIES[name]])} 字节，见 ${key}_url】`
    const url = `/api/testTask/report/${run}/bodies/${flow}/${index}/${name}/`
    return [
      [key, `${texts[BODIES[name]]}\n${words}`],
      [`${key}_url`, url],
    ]
  })
  return Object.fromEntries(told) as typeof texts
}

function lengthOf(text: LongText = ''): number {
  return isBlobRef(text) ? text.bytes : Buffer.byteLength(text)
}

/** A whole body of a case; undefined where there is none. */
export async function bodyOf(
  { models, blobs }: Readonly<{ models: ReadModels; blobs: Pick<Blobs, 'unspill'> }>,
  { run, flow, index }: CasePlace,
  name: BodyName,
): Promise<string | undefined> {
  const rows = await resultsOf(models, run, { flow, index })
  const [result] = await wholeResults(
    blobs,
    rows.map((row) => row.result),
  )
  const body = result?.[BODIES[name]]
  if (body === undefined) return undefined
  const { text } = await blobs.unspill<{ text: LongText }>({ text: body })
  return text
}
