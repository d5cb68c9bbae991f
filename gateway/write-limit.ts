import type { Middleware } from 'koa'
import { RateLimited } from '../contracts/core.ts'
import type { User } from './rest/route.ts'

/** What a user may write at once before being held to the rate: as much as in this many seconds. */
const BURST_SECONDS = 1

type Bucket = { drops: number; at: number }

/**
 * Refuses writes of a user over `perSecond` (0 refuses none) before anything of them is read. A bucket for each user, in this process,
 * fills at that rate; what an API token writes is its owner's. `now` is a clock of milliseconds that never runs backwards.
 */
export function writeLimit(perSecond: number, now: () => number = () => performance.now()): Middleware {
  const most = perSecond * BURST_SECONDS
  const buckets = new Map<number, Bucket>()

  /** Seconds until there is a drop to take; 0 when one was taken. */
  function take(user: number): number {
    const at = now()
    let bucket = buckets.get(user)
    if (bucket === undefined) buckets.set(user, (bucket = { drops: most, at }))
    bucket.drops = Math.min(most, bucket.drops + ((at - bucket.at) / 1000) * perSecond)
    bucket.at = at
    if (bucket.drops < 1) return (1 - bucket.drops) / perSecond
    bucket.drops--
    return 0
  }

  return (context, next) => {
    const { user } = context.state as { user?: User }
    const seconds = perSecond === 0 || user === undefined ? 0 : take(user.id)
    if (seconds > 0) {
      throw new RateLimited(`写入过于频繁：每个用户每秒最多 ${perSecond} 次`, Math.ceil(seconds))
    }
    return next()
  }
}
