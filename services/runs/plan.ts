import type { RunCase, RunEventOf } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'

type Request = RunEventOf<'RunRequested'>['data']

/** Bytes of cases as JSON that an event holds itself; more stand in a blob. */
const MOST_INLINE = 16 * 1024

/** The flows of a request as its event holds them: with their cases, or where these are many with a plan beside. */
export function planned(
  flows: readonly Readonly<{ name: string; scene?: number; cases: readonly RunCase[] }>[],
): Pick<Request, 'flows' | 'plan'> {
  const plan = JSON.stringify(flows.map(({ cases }) => cases))
  if (Buffer.byteLength(plan) <= MOST_INLINE) return { flows }
  return { flows: flows.map(({ cases, ...flow }) => ({ ...flow, size: cases.length })), plan }
}

/** The cases of each flow of a run, in order. */
export async function casesOf(
  { flows, plan }: Request,
  blobs: Pick<Blobs, 'unspill'>,
): Promise<readonly (readonly RunCase[])[]> {
  if (plan === undefined) return flows.map((flow) => ('cases' in flow ? flow.cases : []))
  const { text } = await blobs.unspill({ text: plan })
  return JSON.parse(text) as RunCase[][]
}
