import { idOf, type Recorded } from '../contracts/core.ts'
import { type RunEvent, runStream } from '../contracts/run.ts'
import { MESSAGE_VERSION, RUNS_TOPIC, type RunMessage } from '../contracts/topics.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Leases } from '../platform/leases.ts'
import { headersOf } from '../platform/message-log/headers.ts'
import type { Message, MessageLog } from '../platform/message-log/port.ts'
import type { ReadModels } from '../projections/port.ts'
import { type UnfinishedRun, unfinishedRuns } from '../projections/runs.ts'
import type { Lane, Outgoing } from './relay.ts'

/** A run as runners are asked for it. */
export function asMessage(message: RunMessage, from: Parameters<typeof headersOf>[0]): Message {
  return {
    key: runStream(message.run),
    value: JSON.stringify({ version: MESSAGE_VERSION, ...message }),
    headers: headersOf(from),
  }
}

/** Events that ask for work, and the last attempt at it that was made before. */
function asked({ type, data }: RunEvent): number | undefined {
  if (type === 'RunRequested') return 0
  return type === 'RunReleased' ? data.attempt : undefined
}

/**
 * Asks runners for what asks for work. It begins with every run that has not ended: beside a message log that forgets on exit whoever had
 * one is gone with it, and beside one that does not nobody was asked yet.
 */
export function dispatchLane(deps: {
  store: Pick<EventStore, 'head' | 'loadMany'>
  messages: MessageLog
  models: ReadModels
  leases: Pick<Leases, 'void'>
}): Lane {
  const { store, messages, models, leases } = deps
  return {
    name: 'work',

    async messagesOf(events) {
      return events.flatMap((event): Outgoing[] => {
        const attempt = asked(event as RunEvent & Recorded)
        if (attempt === undefined) return []
        return [{ topic: RUNS_TOPIC, message: asMessage({ run: idOf(event.stream), attempt }, event.meta) }]
      })
    },

    async begin(signal) {
      const head = await store.head()
      while (!signal.aborted && !(await models.passed(head)));
      if (!messages.durable) await leases.void()
      const runs = signal.aborted ? [] : await unfinishedRuns(models)
      for (let nth = 0; nth < runs.length; nth += AT_ONCE) await ask(runs.slice(nth, nth + AT_ONCE))
      return head
    },
  }

  /** Each carries on what the call that asked for the run has begun. */
  async function ask(runs: readonly UnfinishedRun[]): Promise<void> {
    const requests = await store.loadMany(runs.map(({ id }) => ({ stream: runStream(id), upTo: 0n })))
    const asking = runs.flatMap(({ id, attempt }, nth) => {
      const [requested] = requests[nth] ?? []
      return requested ? [asMessage({ run: id, attempt }, requested.meta)] : []
    })
    await messages.publish(RUNS_TOPIC, asking)
  }
}

/** Runs that are asked for together at the start: the first event of each is read. */
const AT_ONCE = 100
