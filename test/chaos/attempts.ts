import type { RunEvent } from '../../contracts/run.ts'
import { type Evidence, type Place, wordsOf } from './evidence.ts'

/** What the log of a run tells of its attempts, as the rules want it (docs/adr/0012), told anew here. */
export type Attempts = Readonly<{
  /** Whether an earlier attempt may have begun a case. */
  mayHaveRun(place: Place): boolean
  /** Attempts that died with the case begun, or with none before it that could have been it. */
  deathsAt(place: Place): number
  /** Where cases that may have run were not begun first, each told, and one at a time. */
  problems: readonly string[]
}>

/**
 * Reads a run's events. An attempt that falls silent may have begun two cases of each scene under way, one that is given back in the middle
 * of them one, one that is given back after them none. Those are suspects: the next attempt begins them alone.
 */
export function attemptsOf({ ran, events }: Pick<Evidence, 'ran' | 'events'>): Attempts {
  const done = ran.flows.map(() => 0)
  const suspects = new Set<string>()
  const deaths = new Map<string, number>()
  const problems: string[] = []
  let held = false
  let begun: Place | undefined

  const isDone = ({ flow, index }: Place): boolean => index < (done[flow] ?? 0)
  const pending = (): boolean => [...suspects].some((key) => !isDone(placeOf(key)))

  /** The next case of each scene that is under way. */
  function underWay(): readonly Place[] {
    if (pending()) return begun ? [begun] : []
    return ran.flows
      .flatMap(({ kinds }, flow) => ((done[flow] ?? 0) < kinds.length ? [{ flow, index: done[flow] ?? 0 }] : []))
      .slice(0, ran.width)
  }

  function leave(most: number, died: boolean): void {
    const alone = pending()
    for (const { flow, index } of underWay()) {
      const last = Math.min(index + (alone ? 1 : most), ran.flows[flow]?.kinds.length ?? 0)
      for (let each = index; each < last; each++) suspects.add(keyOf({ flow, index: each }))
      const key = keyOf({ flow, index })
      if (died) deaths.set(key, (deaths.get(key) ?? 0) + 1)
    }
    held = false
    begun = undefined
  }

  function begin(place: Place): void {
    if (!suspects.has(keyOf(place))) problems.push(`${wordsOf(place)} is no suspect, and was begun as one`)
    if (begun) problems.push(`${wordsOf(place)} was begun beside ${wordsOf(begun)}`)
    begun = place
  }

  function finish(place: Place): void {
    const key = keyOf(place)
    const isSkipped = (deaths.get(key) ?? 0) >= 3
    const isTold = begun !== undefined && keyOf(begun) === key
    if (!suspects.has(key)) {
      if (pending()) problems.push(`${wordsOf(place)} ended before those that may have run`)
    } else if (!isSkipped && !isTold) {
      problems.push(`${wordsOf(place)} may have run, and ended without being begun alone`)
    }
    done[place.flow] = place.index + 1
    begun = undefined
  }

  function take(event: RunEvent): void {
    if (event.type === 'RunClaimed') {
      if (held) leave(2, true)
      held = true
    }
    if (event.type === 'RunReleased') leave(event.data.failed ? 2 : event.data.interrupted ? 1 : 0, false)
    if (event.type === 'CaseBegun') begin(event.data)
    if (event.type === 'CaseFinished') finish(event.data)
  }

  for (const event of events) take(event)
  return {
    mayHaveRun: (place) => suspects.has(keyOf(place)),
    deathsAt: (place) => deaths.get(keyOf(place)) ?? 0,
    problems,
  }
}

const keyOf = ({ flow, index }: Place): string => `${flow}.${index}`

function placeOf(key: string): Place {
  const [flow = 0, index = 0] = key.split('.').map(Number)
  return { flow, index }
}
