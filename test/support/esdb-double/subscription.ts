import { randomUUID } from 'node:crypto'
import type streams from '@eventstore/db-client/generated/streams_pb.js'
import { status } from '@grpc/grpc-js'
import type { Entry, Log } from './log.ts'
import { caughtUp, checkpoint, confirmation, readEvent } from './messages.ts'
import type { Node } from './node.ts'
import { type Reading, send } from './send.ts'

/** Events that are looked at between two checkpoints, times the client's multiplier, where it names no window. */
const DEFAULT_WINDOW = 32

const TOO_SLOW = 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.'

/** Hands out `$all` from behind a position on, for ever: what the filter lets through, and a checkpoint now and then. */
export async function subscribe(node: Node, call: Reading, gone: AbortController): Promise<void> {
  const { log, faults, subscriptions } = node
  const options = call.request.getOptions()
  const filter = options?.getFilter()
  const wanted = filterOf(filter)
  const interval = intervalOf(filter)
  const end = (error: { code: number; details: string }): void => {
    gone.abort()
    call.emit('error', error)
  }
  subscriptions.add(end)
  gone.signal.addEventListener('abort', () => subscriptions.delete(end))

  const first = firstIndex(log, options?.getAll())
  if (first === undefined) {
    end({ code: status.UNKNOWN, details: 'Exception was thrown by handler.' })
    return
  }
  let index = Math.max(0, first - faults.repeated)
  faults.repeated = 0
  let live = false
  const lagging = (): boolean => live && log.entries.length - index > faults.mostLag
  call.write(confirmation(randomUUID()))
  for (let considered = 1; !gone.signal.aborted;) {
    await faults.awake
    const entry = log.entries[index]
    if (entry === undefined) {
      if (!live) call.write(caughtUp())
      live = true
      await log.grown(gone.signal)
      continue
    }
    index++
    if (wanted(entry)) await send(node, call, readEvent(entry), gone.signal, lagging)
    if (considered++ % interval === 0) await send(node, call, checkpoint(entry.position), gone.signal, lagging)
    if (call.writableNeedDrain && lagging()) {
      end({ code: status.ABORTED, details: TOO_SLOW })
    }
  }
}

/** Undefined for a position at which no event begins: a server reads there, and takes what it finds for a record that is broken. */
function firstIndex(log: Log, place: streams.ReadReq.Options.AllOptions | undefined): number | undefined {
  const position = place?.getPosition()?.getCommitPosition()
  if (position === undefined) return place?.hasEnd() ? log.entries.length : 0
  const index = log.indexAt(BigInt(position))
  return index === undefined ? undefined : Math.min(index + 1, log.entries.length)
}

type Filter = streams.ReadReq.Options.FilterOptions | undefined

/** Only what is filtered has checkpoints. */
function intervalOf(filter: Filter): number {
  if (filter === undefined) return Infinity
  return (filter.getMax() || DEFAULT_WINDOW) * (filter.getCheckpointintervalmultiplier() || 1)
}

function filterOf(filter: Filter): (entry: Entry) => boolean {
  const expression = filter?.getEventType() ?? filter?.getStreamIdentifier()
  if (!filter || !expression) return () => true
  const text = (entry: Entry): string => (filter.hasEventType() ? entry.type : entry.stream)
  const prefixes = expression.getPrefixList()
  if (expression.getRegex() === '') return (entry) => prefixes.some((prefix) => text(entry).startsWith(prefix))
  const pattern = new RegExp(expression.getRegex())
  return (entry) => pattern.test(text(entry))
}
