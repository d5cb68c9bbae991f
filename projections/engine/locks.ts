import type { Lock } from '../../platform/leader.ts'
import type { Projection } from '../port.ts'

/** What a projector of exactly these projections, in these versions, must hold before it feeds any of them. */
export function setLock(projections: readonly Projection[]): Lock {
  const set = projections.map(({ name, version }) => `${name}@${version}`).toSorted()
  return { name: 'projector', key: `projector of ${set.join(' ')}` }
}

/** SQL for the number of the lock under which one projection is fed, of a row with `name` and `version`. */
export const OWN_LOCK = `hashtextextended('projector of ' || name || '@' || version || ' alone', 0)`
