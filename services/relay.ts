import { idOf, type Position, type Recorded, START } from '../contracts/core.ts'
import { type RunEvent, runStream } from '../contracts/run.ts'
import { RUNS_TOPIC, type RunMessage } from '../contracts/topics.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Leases } from '../platform/leases.ts'
import type { Log } from '../platform/log.ts'
import type { Message, MessageLog } from '../platform/message-log/port.ts'
import type { Migration } from '../platform/migrations.ts'
import { pause } from '../platform/pause.ts'
import type { Database } from '../platform/sql.ts'
import type { ReadModels } from '../projections/port.ts'
import { unfinishedRuns } from '../projections/runs.ts'

/** How far the relay has published: of use only beside a message log that outlives the process. */
export const relayMigration: Migration = {
  name: 'relay',
  statements: [
    'create table relay (only_row boolean primary key default true check (only_row), position text not null)',
  ],
}

/** Milliseconds until a relay that failed goes on. */
const AGAIN = 500

/** Events that ask for work, and the last attempt at it that was made before. */
function asked({ type, data }: RunEvent): number | undefined {
  if (type === 'RunRequested') return 0
  return type === 'RunReleased' ? data.attempt : undefined
}

/**
 * Publishes what asks for work, at least once: it follows the log from its checkpoint and stores that only when the message log has
 * accepted everything before it. A message log that forgets on exit is given every run that has not ended anew at start: whoever had one
 * is gone with it.
 */
export function startRelay(deps: {
  store: EventStore
  messages: MessageLog
  db: Database
  models: ReadModels
  leases: Leases
  log: Log
}): { stop(): Promise<void> } {
  const { store, messages, db, models, leases, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping

  async function publishFrom(start: Position): Promise<void> {
    let position = start
    for await (const events of store.follow(position, signal)) {
      const asking = events.flatMap((event) => {
        const attempt = asked(event as RunEvent & Recorded)
        return attempt === undefined ? [] : [asMessage({ run: idOf(event.stream), attempt })]
      })
      if (asking.length > 0) await messages.publish(RUNS_TOPIC, asking)
      position = events.at(-1)?.position ?? position
      if (messages.durable && asking.length > 0) await keepCheckpoint(position)
    }
  }

  async function checkpoint(): Promise<Position> {
    const [row] = await db.query<{ position: string }>('select position from relay')
    return row?.position ?? START
  }

  async function keepCheckpoint(position: Position): Promise<void> {
    await db.query(
      'insert into relay (position) values ($1) on conflict (only_row) do update set position = excluded.position',
      [position],
    )
  }

  /** Answers where to follow from, with all that came before it published. */
  async function dispatchUnfinished(): Promise<Position> {
    const head = await store.head()
    while (!signal.aborted && !(await models.passed(head)));
    await leases.void()
    const runs = signal.aborted ? [] : await unfinishedRuns(models)
    await messages.publish(
      RUNS_TOPIC,
      runs.map(({ id, attempt }) => asMessage({ run: id, attempt })),
    )
    return head
  }

  const relaying = (async () => {
    while (!signal.aborted) {
      try {
        await publishFrom(messages.durable ? await checkpoint() : await dispatchUnfinished())
      } catch (error) {
        log.warn({ err: error }, 'the relay stumbled and goes on')
        await pause(AGAIN, signal)
      }
    }
  })()

  return {
    async stop() {
      stopping.abort()
      await relaying
    },
  }
}

/** A run as runners are asked for it. */
export function asMessage(message: RunMessage): Message {
  return { key: runStream(message.run), value: JSON.stringify(message) }
}
