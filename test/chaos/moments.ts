import { setTimeout as pause } from 'node:timers/promises'
import { type ChaosTarget, wentBeside } from './target.ts'

/** A moment of the platform's work that can be seen from outside. */
export type Moment = 'steps are under way' | 'scenes are side by side' | 'a run is being cancelled'

/** What can be seen: what was asked of the service under test, and when runs were cancelled. */
export type Signs = Readonly<{ asked: ChaosTarget['asked']; cancelled: readonly number[] }>

/** How many steps far two scenes of a run must have come. */
const FAR = 3

/** Milliseconds that such a moment may take to come, before it is struck all the same. */
const WARM_MS = 20_000

/** Resolves when that happens next, or after a while all the same. */
export async function reached(moment: Moment, { asked, cancelled }: Signs): Promise<void> {
  const [askedBefore, cancelledBefore] = [asked.length, cancelled.length]
  const happens = (): boolean => {
    if (moment === 'steps are under way') return asked.length > askedBefore
    if (moment === 'a run is being cancelled') return cancelled.length > cancelledBefore
    return wentBeside(asked.slice(askedBefore), { far: FAR })
  }
  for (const deadline = performance.now() + WARM_MS; performance.now() < deadline && !happens();) await pause(10)
}
