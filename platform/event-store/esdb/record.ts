import type { RecordedEvent } from '@eventstore/db-client'
import type { Meta, Position, Recorded } from '../../../contracts/core.ts'
import { START } from '../../../contracts/core.ts'

/** Stands for a position that the server does not give. */
const NOT_GIVEN = 2n ** 64n - 1n

/** What stands beside the data of an event of ours, for EventStoreDB has no place of its own for it. */
export type Beside = Readonly<{ at: string; meta: Meta }>

/**
 * An event as the client hands it over; undefined when it is not of this platform. The client has parsed data and metadata as they are
 * stored, and answers bytes or text where they are no JSON.
 */
export function recorded(event: RecordedEvent): Recorded | undefined {
  const { data, metadata } = event
  if (!isObject(data) || data instanceof Uint8Array || !isBeside(metadata)) return undefined
  return {
    type: event.type,
    data,
    id: event.id,
    stream: event.streamId,
    revision: event.revision,
    position: positionText(commitPosition(event)),
    at: metadata.at,
    meta: metadata.meta,
  }
}

/** Where an event stands in the log. Commit and prepare position are the same outside explicit transactions, which gRPC does not have. */
export function commitPosition({ position, streamId, revision }: RecordedEvent): bigint {
  if (position === undefined || position.commit === NOT_GIVEN) {
    throw new Error(
      `EventStoreDB gives no position of event ${revision} of ${streamId}: version 22.6 or later is needed, 23.10 is tested`,
    )
  }
  return position.commit
}

/** As wide as `START`, so that it sorts as the log does. */
export function positionText(position: bigint): Position {
  return String(position).padStart(START.length, '0')
}

function isBeside(metadata: unknown): metadata is Beside {
  return (
    isObject(metadata) &&
    'at' in metadata &&
    typeof metadata.at === 'string' &&
    'meta' in metadata &&
    isObject(metadata.meta) &&
    'commandId' in metadata.meta
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
