import type { EventStore } from '../../platform/event-store/port.ts'
import type { Database } from '../../platform/sql.ts'
import type { EngineStatus } from '../../projections/engine.ts'
import type { Health, Probes } from './health.ts'

/** What must be well for the platform to be ready: its database, its event store, and every projection. */
export function probesOf(deps: {
  db: Database
  store: EventStore
  models: { status(): Promise<EngineStatus> }
}): Probes {
  const { db, store, models } = deps
  return {
    async database() {
      await db.query('select 1')
      return { ok: true }
    },
    async event_store() {
      return { ok: true, head: await store.head() }
    },
    async projections() {
      return projectionsHealth(await models.status())
    },
  }
}

function projectionsHealth({ caughtUp, projections }: EngineStatus): Health {
  const stopped = projections.filter(({ state }) => state === 'stopped')
  const shown = projections.map(({ name, generation, state, position, lag, stoppedAt, error }) => ({
    name,
    generation,
    state,
    position,
    lag,
    ...(stoppedAt !== undefined && { stopped_at: stoppedAt, error }),
  }))
  if (stopped.length > 0) {
    const reason = stopped.map(({ name, stoppedAt, error }) => `${name} stopped at ${stoppedAt}: ${error}`).join('; ')
    return { ok: false, reason, projections: shown }
  }
  if (!caughtUp) return { ok: false, reason: 'read models are catching up', projections: shown }
  return { ok: true, projections: shown }
}
