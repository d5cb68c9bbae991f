import type { Config, Role } from '../../platform/config.ts'
import { esdbAddress } from '../../platform/event-store/esdb/address.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { kafkaServer } from '../../platform/message-log/kafka/address.ts'
import type { MessageLog } from '../../platform/message-log/port.ts'
import type { Database } from '../../platform/sql.ts'
import { Unavailable } from '../../platform/unavailable.ts'
import { Late, within } from '../../platform/within.ts'
import type { EngineStatus } from '../../projections/engine.ts'
import { type Health, PROBE_MS, type Probes } from './health.ts'

/** Before the probe is given up, which would not know the address. */
const ANSWER_MS = PROBE_MS - 200

/**
 * What must be well for a process to be ready: in every role its database and its event store; for whoever answers from read models or
 * feeds them every projection; for whoever publishes or consumes work the message log.
 */
export function probesOf(deps: {
  config: Pick<Config, 'eventStoreUrl' | 'kafka'>
  db: Database
  store: EventStore
  messages: MessageLog
  models: { status(): Promise<EngineStatus> }
  has(role: Role): boolean
}): Probes {
  const { config, db, store, messages, models, has } = deps
  const servers = serversOf(config)
  return {
    async database() {
      await db.reach(ANSWER_MS)
      return { ok: true }
    },
    async event_store() {
      return { ok: true, head: await answerOf(servers.eventStore, store.head()) }
    },
    ...((has('gateway') || has('projector')) && {
      async projections() {
        return projectionsHealth(await models.status())
      },
    }),
    ...((has('relay') || has('runner')) && {
      async message_log() {
        await answerOf(servers.messageLog, messages.reach())
        return { ok: true }
      },
    }),
  }
}

/** Where what is silent would answer. Who keeps events in Postgres is told of it by the probe of the database. */
function serversOf({ eventStoreUrl, kafka }: Pick<Config, 'eventStoreUrl' | 'kafka'>) {
  return {
    eventStore: eventStoreUrl === undefined ? undefined : esdbAddress(eventStoreUrl).server,
    messageLog: kafka && kafkaServer(kafka),
  }
}

async function answerOf<T>(server: string | undefined, answer: Promise<T>): Promise<T> {
  if (server === undefined) return answer
  return within(ANSWER_MS, answer).catch((error: unknown) => {
    throw error instanceof Late ? new Unavailable(server, error) : error
  })
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
