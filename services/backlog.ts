import type { Position, Recorded } from '../contracts/core.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Metrics, Shown } from '../platform/metrics.ts'
import type { EngineStatus } from '../projections/engine.ts'
import type { ReadModels } from '../projections/port.ts'
import { countUnfinished } from '../projections/runs.ts'

/** Milliseconds that the event log is read for at most, to see how old what was not read yet is. */
const LOOK_MS = 2_000

/** Somebody who follows the log, and how far he has come. */
type Follower = Readonly<{ name: string; position: Position }>

/**
 * Shows what is left to do: events that read models and the relay's lanes have not passed, and runs that have not ended. It is the
 * platform's, not this process's: every process that shows it shows the same.
 */
export function showBacklog(deps: {
  metrics: Metrics
  store: Pick<EventStore, 'head' | 'follow'>
  models: ReadModels & { status(): Promise<EngineStatus> }
  /** How far the lanes of the relay are. */
  relayed(): Promise<readonly Follower[]>
}): void {
  const { metrics, store, models, relayed } = deps

  metrics.gauges(
    {
      testledger_projection_lag:
        'How far a read model is behind the log: events, or bytes where EventStoreDB keeps the log',
      testledger_projection_lag_seconds: 'How long ago the first event was recorded that a read model has not applied',
      testledger_projection_stopped: '1 for a read model that has met an event that it cannot apply',
      testledger_projection_rebuild_lag:
        'How far a read model that is built anew is behind the log; not shown when none is',
    },
    async () => {
      const { head, projections } = await models.status()
      const live = projections.filter(({ state }) => state !== 'building')
      const behind = await lags(live, head)
      return {
        testledger_projection_lag: behind.map(of('projection', ({ events }) => events)),
        testledger_projection_lag_seconds: behind.map(of('projection', ({ seconds }) => seconds)),
        testledger_projection_stopped: live.map(of('projection', ({ state }) => Number(state === 'stopped'))),
        testledger_projection_rebuild_lag: projections
          .filter(({ state }) => state === 'building')
          .map(of('projection', ({ lag }) => lag)),
      }
    },
  )

  metrics.gauges(
    {
      testledger_relay_lag:
        'How far a lane of the relay is behind the log: events, or bytes where EventStoreDB keeps the log',
      testledger_relay_lag_seconds: 'How long ago the first event was recorded that a lane of the relay has not passed',
    },
    async () => {
      const lanes = await relayed()
      const behind = await lags(lanes, await store.head())
      return {
        testledger_relay_lag: behind.map(of('lane', ({ events }) => events)),
        testledger_relay_lag_seconds: behind.map(of('lane', ({ seconds }) => seconds)),
      }
    },
  )

  metrics.gauges(
    {
      testledger_runs: 'Runs that have not ended: accepted, or running',
      testledger_runs_waiting_seconds: 'How long the run has waited that no runner has for longest',
    },
    async () => {
      const { accepted, running, waitingSince } = await countUnfinished(models)
      const waiting = waitingSince === null ? 0 : Math.max(0, Date.now() - waitingSince) / 1000
      return {
        testledger_runs: [
          { value: accepted, labels: { state: 'accepted' } },
          { value: running, labels: { state: 'running' } },
        ],
        testledger_runs_waiting_seconds: [{ value: waiting }],
      }
    },
  )

  /** How far each is behind `head`. Most are at the same place: what comes after it is read once. */
  async function lags(
    followers: readonly Follower[],
    head: Position,
  ): Promise<readonly Readonly<{ name: string; events: number; seconds: number }>[]> {
    const places = [...new Set(followers.map(({ position }) => position))]
    const ages = new Map(
      await Promise.all(
        places.map(async (place) => [place, place < head ? await secondsSinceAfter(place) : 0] as const),
      ),
    )
    return followers.map(({ name, position }) => ({
      name,
      events: position < head ? Number(BigInt(head) - BigInt(position)) : 0,
      seconds: ages.get(position) ?? 0,
    }))
  }

  /** Seconds since the first event after `position` was recorded. */
  async function secondsSinceAfter(position: Position): Promise<number> {
    const first = await firstAfter(position)
    return first ? Math.max(0, Date.now() - Date.parse(first.at)) / 1000 : 0
  }

  async function firstAfter(position: Position): Promise<Recorded | undefined> {
    const looked = new AbortController()
    const timer = setTimeout(() => looked.abort(), LOOK_MS)
    try {
      for await (const [first] of store.follow(position, looked.signal)) return first
      return undefined
    } finally {
      clearTimeout(timer)
      looked.abort()
    }
  }
}

function of<T extends { name: string }>(label: string, value: (each: T) => number): (each: T) => Shown {
  return (each) => ({ value: value(each), labels: { [label]: each.name } })
}
