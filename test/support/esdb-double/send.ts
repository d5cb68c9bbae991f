import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import type { Node } from './node.ts'

export type Reading = ServerWritableStream<streams.ReadReq, streams.ReadResp>

/**
 * Writes as fast as the client reads; `lagging`, asked meanwhile, ends the wait when it says so. A client that takes nothing for too long
 * loses its connection, with all that goes over it.
 */
export async function send(
  node: Node,
  call: Reading,
  response: streams.ReadResp,
  gone: AbortSignal,
  lagging: () => boolean = () => false,
): Promise<void> {
  if (call.write(response)) return
  const end = performance.now() + node.faults.longestStall
  while (!gone.aborted && call.writableNeedDrain && !lagging()) {
    const looked = new AbortController()
    const given = { signal: AbortSignal.any([gone, looked.signal]) }
    await Promise.race([once(call, 'drain', given), setTimeout(20, undefined, given)]).catch(() => {})
    looked.abort()
    if (performance.now() >= end) return node.disconnect(call.getPeer())
  }
}
