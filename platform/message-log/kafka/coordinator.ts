import type { Consumer } from 'kafkajs'

/** Milliseconds between two looks; and that the coordinator answers others, and not this member, until that is sure. */
const LOOK_MS = 1_000
const SURE_MS = 5_000

/** A group that waits for its members answers none of them until it has them all. */
const REBALANCING = ['PreparingRebalance', 'CompletingRebalance']

/**
 * Tells a member that its group's coordinator is another broker than the one that it takes for it. kafkajs sends heartbeats and offsets to the
 * one that it has joined at, though that has died and another has taken over, until it has used up all its tries: minutes, in which the
 * group has long forgotten the member.
 *
 * `unheardMs` is how long the member has heard nothing of its coordinator: less than a session is nothing.
 */
export function watchCoordinator(
  consumer: Pick<Consumer, 'describeGroup'>,
  { unheardMs, sessionMs, moved }: Readonly<{ unheardMs(): number; sessionMs: number; moved(): void }>,
): { stop(): void } {
  let answersSince: number | undefined
  let looking = false

  async function look(): Promise<void> {
    // Asks whoever is the coordinator now, and fails where nobody is.
    const { state } = await consumer.describeGroup()
    if (REBALANCING.includes(state) || unheardMs() < sessionMs) return void (answersSince = undefined)
    answersSince ??= performance.now()
    if (performance.now() - answersSince >= SURE_MS) moved()
  }

  const timer = setInterval(() => {
    if (unheardMs() < sessionMs) answersSince = undefined
    else if (!looking) {
      looking = true
      void look()
        .catch(() => (answersSince = undefined))
        .finally(() => (looking = false))
    }
  }, LOOK_MS)
  return { stop: () => clearInterval(timer) }
}
