import { connect, createServer, type Socket } from 'node:net'

/** A way to a server of IPv4 over the loopback address of IPv6; undefined where this machine has none. */
export async function ipv6Door(to: Readonly<{ host: string; port: number }>): Promise<
  | Readonly<{
      address: string
      close(): void
    }>
  | undefined
> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const behind = connect(to)
    for (const [socket, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.pipe(other)
    }
  })
  const listening = Promise.withResolvers<boolean>()
  server.once('error', () => listening.resolve(false))
  server.listen(0, '::1', () => listening.resolve(true))
  if (!(await listening.promise)) return undefined
  const place = server.address()
  if (place === null || typeof place === 'string') throw new Error('it listens on no port')
  return {
    address: `[::1]:${place.port}`,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
