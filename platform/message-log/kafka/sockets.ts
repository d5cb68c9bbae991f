import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** Milliseconds after which an idle connection is asked whether it still is one. */
const KEEP_ALIVE_MS = 60_000

/**
 * Brokers as kafkajs can be told of them: it takes what stands before the first colon for the host, and so IPv6 addresses get names. Behind
 * `hostOf` a name is the address again; any other host is itself.
 */
export function namedBrokers(brokers: readonly string[]): Readonly<{ names: string[]; hostOf(name: string): string }> {
  const hosts = new Map<string, string>()
  const names = brokers.map((broker) => {
    const [, host, port] = /^\[(.+)\]:(\d+)$/.exec(broker) ?? []
    if (host === undefined) return broker
    const name = `ipv6-${host.replaceAll(':', '-')}`
    hosts.set(name, host)
    return `${name}:${port}`
  })
  return { names, hostOf: (name) => hosts.get(name) ?? name }
}

/** The connections of one client of Kafka, which can be cut. */
export type Sockets = Readonly<{
  open: ISocketFactory
  /**
   * Ends all, and lets none be opened any more. kafkajs tries again what it was asked for even after it was told to disconnect: whom
   * we have given up must not come back with an old message.
   */
  cut(): void
}>

/** `hostOf` tells the address behind a name that only the client knows. */
export function createSockets(hostOf: (name: string) => string = (name) => name): Sockets {
  const sockets = new Set<Socket>()
  let isCut = false
  return {
    open({ host: name, port, ssl, onConnect }) {
      if (isCut) throw new Error('this client was given up')
      const host = hostOf(name)
      const socket = ssl
        ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
        : connect({ host, port }, onConnect)
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      return socket
    },
    cut() {
      isCut = true
      // With an error, for kafkajs listens to that, and not to `close`.
      for (const socket of sockets) socket.destroy(new Error('this client was given up'))
    },
  }
}
