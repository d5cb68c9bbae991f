/**
 * A test double of an EventStoreDB node: a gRPC server, in this process and in memory, made from the services that
 * `@eventstore/db-client` carries, so that the adapter is driven through its real client. It follows the rules of a 23.10 server as far
 * as the adapter meets them, and does wrong what a test asks of it. It is no event store, and never a default.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { type AppendFault, Faults } from './esdb-double/faults.ts'
import { Log } from './esdb-double/log.ts'
import type { Calls, Node } from './esdb-double/node.ts'
import { featuresService, gossipService, streamsService } from './esdb-double/service.ts'

export interface EsdbDouble {
  /** Connection string. */
  readonly url: string
  readonly log: Log
  readonly calls: Calls
  readonly openSubscriptions: number
  /** Connections that the double has cut. */
  readonly cut: number
  /** What happens to the next appends, one fault each. */
  nextAppend(...faults: readonly AppendFault[]): void
  /** The next subscription begins with so many events that its client has seen already. */
  repeatEvents(count: number): void
  /** Ends the subscriptions that are open, as a server does that shuts one down. */
  dropSubscriptions(): void
  /** How long a client may take nothing of a response until its connection is cut. */
  stallFor(milliseconds: number): void
  /** What is appended from now on can be read, and is answered, so many milliseconds after it was accepted. */
  indexAfter(milliseconds: number): void
  /** From now on reads of streams give no positions. */
  forgetPositions(): void
  /** Calls are taken, and answered when it resumes. */
  hang(): void
  resume(): void
  /** Drops the connections that are open. */
  disconnect(): void
  /** The node goes away, and comes back at the same address with the same log. */
  down(): Promise<void>
  up(): Promise<void>
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
/** Calls that one connection may carry at once, as a real server has it. */
const MOST_CALLS = 100

export async function startEsdbDouble(): Promise<EsdbDouble> {
  const log = new Log()
  const faults = new Faults()
  const calls: Calls = { read: 0, subscribe: 0, append: 0, batchAppend: 0 }
  const sockets = new Set<Socket>()
  let [port, cut] = [0, 0]
  const node: Node = {
    log,
    faults,
    calls,
    subscriptions: new Set(),
    address: () => ({ host: HOST, port }),
    disconnect(peer) {
      for (const socket of sockets) {
        if (`${socket.remoteAddress}:${socket.remotePort}` !== peer || socket.destroyed) continue
        socket.destroy()
        cut++
      }
    },
  }
  const server = new Server({
    'grpc.max_receive_message_length': 17 * 1024 * 1024,
    'grpc.max_concurrent_streams': MOST_CALLS,
  })
  server.addService(streams.StreamsService, streamsService(node))
  server.addService(features.ServerFeaturesService, featuresService())
  server.addService(gossip.GossipService, gossipService(node))
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())

  // The sockets are the double's own, so that it can drop one.
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    injector.injectConnection(socket)
  })
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(port, HOST, () => {
        listener.removeListener('error', reject)
        port = (listener.address() as AddressInfo).port
        resolve()
      })
    })
  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const down = async (): Promise<void> => {
    if (!listener.listening) return
    const closed = new Promise((resolve) => listener.close(resolve))
    disconnect()
    await closed
  }
  await listen()

  return {
    url: `esdb://${HOST}:${port}?tls=false`,
    log,
    calls,
    get openSubscriptions() {
      return node.subscriptions.size
    },
    get cut() {
      return cut
    },
    nextAppend: (...next) => faults.nextAppend(...next),
    repeatEvents(count) {
      faults.repeated = count
    },
    dropSubscriptions() {
      for (const end of node.subscriptions) end({ code: status.CANCELLED, details: 'shutting down' })
    },
    stallFor(milliseconds) {
      faults.longestStall = milliseconds
    },
    indexAfter(milliseconds) {
      log.indexAfter = milliseconds
    },
    forgetPositions() {
      faults.positionless = true
    },
    hang: () => faults.hang(),
    resume: () => faults.resume(),
    disconnect,
    down,
    up: listen,
    async stop() {
      faults.resume()
      await down()
      server.forceShutdown()
    },
  }
}
