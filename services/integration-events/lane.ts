import type { Recorded } from '../../contracts/core.ts'
import { type DomainEvent, upcast } from '../../contracts/events.ts'
import {
  CLOUD_EVENT_CONTENT_TYPE,
  type CloudEvent,
  dataSchemaOf,
  EVENT_SOURCE,
  EVENT_TYPE_PREFIX,
} from '../../contracts/integration.ts'
import { EVENTS_TOPIC, REPLIES_TOPIC } from '../../contracts/topics.ts'
import { headersOf } from '../../platform/message-log/headers.ts'
import type { Lane, Outgoing } from '../relay.ts'
import { finishedReply, replyMessageOf, runEndOf } from '../trigger-commands/replies.ts'
import type { TriggerCommands } from '../trigger-commands/trigger-commands.ts'
import { toldOf } from './told.ts'

/**
 * Tells outsiders of every event, from the log's start on, and those who asked for a run over the message log that it has ended, whichever
 * gateway took the command and whatever has become of it. Only for a message log that keeps what nobody reads.
 */
export function eventsLane({ commands }: { commands: Pick<TriggerCommands, 'accepted'> }): Lane {
  /** A command that is accepted only after its run's end was passed here is told of it by its gateway. */
  async function finished(events: readonly Recorded[]): Promise<readonly Outgoing[]> {
    const ends = new Map(events.flatMap((event) => runEndOf(event) ?? []).map((end) => [end.record, end]))
    if (ends.size === 0) return []
    const waiting = await commands.accepted([...ends.keys()])
    return waiting.flatMap(({ id, record }) => {
      const end = ends.get(record)
      if (end === undefined) return []
      return [{ topic: REPLIES_TOPIC, message: replyMessageOf(finishedReply(id, end), end.meta) }]
    })
  }

  return {
    name: 'events',
    async messagesOf(events) {
      return [...events.flatMap(told), ...(await finished(events))]
    },
  }
}

/** Nothing for a type that this version does not know. */
function told(stored: Recorded): Outgoing[] {
  const event = cloudEventOf(upcast(stored))
  if (event === undefined) return []
  const headers = { 'content-type': CLOUD_EVENT_CONTENT_TYPE, ...headersOf(stored.meta) }
  return [{ topic: EVENTS_TOPIC, message: { key: event.subject, value: JSON.stringify(event), headers } }]
}

/** An event as outsiders are told of it; undefined for a type that this version does not know. */
export function cloudEventOf(event: Recorded): CloudEvent | undefined {
  const data = toldOf(event)
  if (data === undefined) return undefined
  return {
    specversion: '1.0',
    id: event.id,
    source: EVENT_SOURCE,
    type: `${EVENT_TYPE_PREFIX}${event.type}`,
    subject: event.stream,
    time: event.at,
    datacontenttype: 'application/json',
    dataschema: dataSchemaOf(event.type as DomainEvent['type']),
    revision: String(event.revision),
    position: event.position,
    actor: event.meta.actor,
    correlationid: event.meta.correlationId,
    data: data as CloudEvent['data'],
  }
}
