import type { RunCase, RunEventOf } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import { shortened } from './names.ts'

type Request = RunEventOf<'RunRequested'>['data']

/** Bytes of cases as JSON that an event holds itself; more stand in a blob. */
const MOST_INLINE = 16 * 1024

/** Bytes that the names of a run's flows come to at most: they stand in its event. */
const MOST_OF_NAMES = 96 * 1024

/** The flows of a request as its event holds them: with their cases, or where these are many with a plan beside. */
export function planned(
  flows: readonly Readonly<{ name: string; scene?: number; cases: readonly RunCase[] }>[],
): Pick<Request, 'flows' | 'plan'> {
  const plan = JSON.stringify(flows.map(({ cases }) => cases))
  if (Buffer.byteLength(plan) <= MOST_INLINE) return { flows }
  const names = fitting(flows.map(({ name }) => name))
  return {
    flows: flows.map(({ cases, ...flow }, nth) => ({ ...flow, name: names[nth] ?? '', size: cases.length })),
    plan,
  }
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

/** The names, cut to their share where they are too many and too long. */
function fitting(names: readonly string[]): readonly string[] {
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name), 0)
  if (bytes <= MOST_OF_NAMES) return names
  // A character is at most four bytes.
  const share = Math.max(8, Math.floor(MOST_OF_NAMES / names.length / 4))
  return names.map((name) => shortened(name, share))
}
