import { type Recorded, Rejected } from '../../contracts/core.ts'
import type { Metrics } from '../metrics.ts'
import type { Tracing } from '../tracing.ts'
import { type EventStore, WrongExpectedRevision } from './port.ts'

/** Bounds in seconds: an append is one commit, and waits for those before it. */
const APPEND_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]

/** The event store, with its appends counted, measured and traced; `appended` is told of what they hold. */
export function observedEventStore(
  store: EventStore,
  {
    metrics,
    tracing,
    appended: tell = () => {},
  }: { metrics: Metrics; tracing: Tracing; appended?: (recorded: readonly Recorded[]) => void },
): EventStore {
  const stored = metrics.count('testledger_appends_total', 'Appends that the event store has accepted')
  const events = metrics.count('testledger_events_appended_total', 'Events in them')
  const conflicts = metrics.count('testledger_append_conflicts_total', 'Appends that another writer was ahead of')
  const failures = metrics.count('testledger_append_failures_total', 'Appends whose outcome is not known')
  const durations = metrics.durations(
    'testledger_append_seconds',
    'How long an append took, accepted or refused',
    APPEND_SECONDS,
  )

  return {
    load: (stream, range) => store.load(stream, range),
    loadMany: (refs) => store.loadMany(refs),
    head: () => store.head(),
    follow: (after, signal) => store.follow(after, signal),

    append(stream, expected, drafts) {
      const attributes = { 'testledger.stream': stream, 'testledger.events': drafts.length }
      return tracing.span('append', { attributes }, async (span) => {
        const began = performance.now()
        try {
          const appended = await store.append(stream, expected, drafts)
          stored.add(1, {})
          events.add(drafts.length, {})
          tell(appended.recorded)
          return appended
        } catch (error) {
          if (error instanceof WrongExpectedRevision) {
            conflicts.add(1, {})
            span.set({ 'testledger.conflict': true })
          } else if (!(error instanceof Rejected)) failures.add(1, {})
          throw error
        } finally {
          durations.observe((performance.now() - began) / 1000, {})
        }
      })
    },
  }
}
