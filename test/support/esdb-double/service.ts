/** The calls of EventStoreDB's protocol that the double (`../esdb-double.ts`) answers. */
import { setImmediate, setTimeout } from 'node:timers/promises'
import type gossip from '@eventstore/db-client/generated/gossip_pb.js'
import type features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import type shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import type { AppendFault } from './faults.ts'
import type { Entry, ExpectedRevision, Log, Proposed, Verdict } from './log.ts'
import {
  appendAnswer,
  batchAnswer,
  clusterOf,
  expectedOfAppend,
  expectedOfBatch,
  nameOf,
  proposed,
  readEvent,
  streamNotFound,
  supportedMethods,
} from './messages.ts'
import type { Node } from './node.ts'
import { type Reading, send } from './send.ts'
import { subscribe } from './subscription.ts'

function unimplemented(_call: unknown, respond: sendUnaryData<never>): void {
  respond({ code: status.UNIMPLEMENTED, details: 'the double does not delete' })
}

export function streamsService(node: Node) {
  const { log, faults, calls } = node

  function read(call: Reading): void {
    const subscribes = call.request.getOptions()?.hasSubscription() ?? false
    calls[subscribes ? 'subscribe' : 'read']++
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort())
    call.on('close', () => gone.abort())
    // What is left to write when the connection is gone is nobody's.
    call.on('error', () => gone.abort())
    const work = subscribes ? subscribe(node, call, gone) : answer(call, gone.signal)
    work.catch((error: unknown) => call.destroy(error as Error))
  }

  async function answer(call: Reading, gone: AbortSignal): Promise<void> {
    await faults.awake
    const options = call.request.getOptions()
    const stream = options?.getStream()
    const entries = stream ? log.stream(nameOf(stream.getStreamIdentifier())) : log.entries
    if (entries === undefined) {
      call.write(streamNotFound(nameOf(stream?.getStreamIdentifier())))
      call.end()
      return
    }
    const found = options === undefined ? [] : asked(log, options, entries)
    if (found === undefined) {
      call.emit('error', { code: status.UNKNOWN, details: 'Unexpected ReadAllResult: Error' })
      return
    }
    for (const entry of found) {
      if (gone.aborted) return
      await send(node, call, readEvent(entry, { positionless: faults.positionless && stream !== undefined }), gone)
    }
    call.end()
  }

  function append(
    call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
    respond: sendUnaryData<streams.AppendResp>,
  ): void {
    calls.append++
    let [stream, expected]: [string, ExpectedRevision] = ['', 'any']
    const events: Proposed[] = []
    let whole = true
    call.on('cancelled', () => {
      whole = false
    })
    call.on('data', (request: streams.AppendReq) => {
      const options = request.getOptions()
      const message = request.getProposedMessage()
      if (options) [stream, expected] = [nameOf(options.getStreamIdentifier()), expectedOfAppend(options)]
      if (message) events.push(proposed(message))
    })
    call.on('error', () => {
      whole = false
    })
    call.on('end', () => {
      void received().then((result) => {
        if (result === 'nothing') return
        if ('code' in result) respond(result)
        else respond(null, appendAnswer(expected, result))
      })
    })

    async function received(): ReturnType<typeof judge> {
      // A request ends too when its connection is lost, and is said to be cancelled right after: half of it must not be committed.
      await setImmediate()
      return whole && !call.cancelled ? judge(node, call.getPeer(), { stream, expected, events }) : 'nothing'
    }
  }

  function batchAppend(call: ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>): void {
    calls.batchAppend++
    type Pending = { stream: string; expected: ExpectedRevision; events: Proposed[] }
    const pending = new Map<string, Pending>()
    call.on('data', (request: streams.BatchAppendReq) => {
      const correlation = request.getCorrelationId()
      const key = correlation?.getString() ?? ''
      const options = request.getOptions()
      if (options) {
        const stream = nameOf(options.getStreamIdentifier())
        pending.set(key, { stream, expected: expectedOfBatch(options), events: [] })
      }
      const collected = pending.get(key)
      collected?.events.push(...request.getProposedMessagesList().map(proposed))
      if (!collected || !request.getIsFinal()) return
      pending.delete(key)
      void judge(node, call.getPeer(), collected).then((result) => {
        if (result === 'nothing') return
        if ('code' in result) call.emit('error', result)
        else call.write(batchAnswer(correlation, collected.stream, collected.expected, result))
      })
    })
    call.on('error', () => {})
    call.on('end', () => call.end())
  }

  return { read, append, batchAppend, delete: unimplemented, tombstone: unimplemented }
}

export function featuresService() {
  return {
    getSupportedMethods(
      _: ServerUnaryCall<shared.Empty, features.SupportedMethods>,
      respond: sendUnaryData<features.SupportedMethods>,
    ): void {
      respond(null, supportedMethods())
    },
  }
}

export function gossipService(node: Node) {
  return {
    read(_: ServerUnaryCall<shared.Empty, gossip.ClusterInfo>, respond: sendUnaryData<gossip.ClusterInfo>): void {
      const { host, port } = node.address()
      respond(null, clusterOf(host, port))
    },
  }
}

type Failure = { code: number; details: string; metadata?: Metadata }
type Appending = Readonly<{ stream: string; expected: ExpectedRevision; events: readonly Proposed[] }>

/** `MaxAppendSize` and `CommitTimeoutMs` as a server has them that was told nothing else. */
const [MAX_APPEND_SIZE, COMMIT_TIMEOUT] = [1024 * 1024, 2_000]
const COMMIT_TIMED_OUT: Failure = { code: status.ABORTED, details: 'Operation timed out: Commit phase timeout.' }
const TOO_LARGE: Failure = {
  code: status.INVALID_ARGUMENT,
  details: `Maximum Append Size of ${MAX_APPEND_SIZE} Exceeded.`,
  metadata: Metadata.fromHttp2Headers({
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(MAX_APPEND_SIZE),
  }),
}

/** The verdict on an append, or what goes wrong with it instead. */
async function judge(node: Node, peer: string, appending: Appending): Promise<Verdict | Failure | 'nothing'> {
  const { log, faults } = node
  await faults.awake
  const fault = faults.append()
  if (fault === undefined) return commit(log, appending)
  return withFault(node, peer, fault, () => commit(log, appending))
}

/** Accepted at once, and told when it can be read. */
async function commit(log: Log, { stream, expected, events }: Appending): Promise<Verdict | Failure> {
  if (bytesOf(events) > MAX_APPEND_SIZE) return TOO_LARGE
  const verdict = log.append(stream, expected, events)
  if (verdict.outcome === 'unready') {
    await setTimeout(COMMIT_TIMEOUT)
    return COMMIT_TIMED_OUT
  }
  if (verdict.outcome !== 'wrong') await log.readable(verdict.position)
  return verdict
}

/** What a server counts, and its metadata, which it means to count. */
function bytesOf(events: readonly Proposed[]): number {
  return events.reduce((sum, { type, data, metadata }) => sum + 2 * type.length + data.length + metadata.length, 0)
}

async function withFault(
  node: Node,
  peer: string,
  fault: AppendFault,
  commits: () => Promise<Verdict | Failure>,
): Promise<Verdict | Failure | 'nothing'> {
  switch (fault.fault) {
    case 'dropped':
      if (fault.committed) void commits()
      node.disconnect(peer)
      return 'nothing'
    case 'late': {
      const early = fault.committed === 'at once' ? commits() : undefined
      await setTimeout(fault.milliseconds)
      return early ?? commits()
    }
    case 'denied':
      void commits()
      return { outcome: 'wrong', revision: -1n }
    case 'refused':
      return { outcome: 'wrong', revision: -1n }
    case 'not leader': {
      const { host, port } = node.address()
      const metadata = new Metadata()
      metadata.set('exception', 'not-leader')
      metadata.set('leader-endpoint-host', host)
      metadata.set('leader-endpoint-port', String(port))
      return { code: status.NOT_FOUND, details: 'Leader info available', metadata }
    }
    case 'status':
      if (fault.committed) void commits()
      return { code: fault.code, details: fault.details }
  }
}

/** Which events a read asks for, in its order; undefined for a position of `$all` at which no event begins. */
function asked(log: Log, options: streams.ReadReq.Options, entries: readonly Entry[]): readonly Entry[] | undefined {
  const count = Number(options.getCount())
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS
  const from = start(log, options, entries.length, backwards)
  if (from === undefined) return undefined
  if (!backwards) return entries.slice(from, from + count)
  return entries.slice(Math.max(0, from + 1 - count), from + 1).toReversed()
}

/** Where a read begins: positions of `$all` count forwards from themselves on, backwards from what lies before them. */
function start(log: Log, options: streams.ReadReq.Options, length: number, backwards: boolean): number | undefined {
  const place = options.getStream() ?? options.getAll()
  if (place?.hasStart()) return 0
  if (place?.hasEnd()) return backwards ? length - 1 : length
  const revision = options.getStream()?.getRevision()
  if (revision !== undefined) return Number(revision)
  const index = log.indexAt(BigInt(options.getAll()?.getPosition()?.getCommitPosition() ?? 0))
  if (index === undefined) return undefined
  return backwards ? index - 1 : index
}
