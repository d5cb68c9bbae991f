/** A TCP door before a server on a Unix socket or a port, which can be shut and opened: the server is then away, and back. */
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'

export type Door = Readonly<{
  port: number
  /** Cuts every connection, and refuses new ones. */
  shut(): Promise<void>
  open(): Promise<void>
  /**
   * Connections stand and carry nothing more, neither words nor their end, as when a host dies or a network is parted. New ones pass,
   * as to a host that has taken over, or are as silent, `forNew`. Shut, the silence is over.
   */
  silence(options?: { forNew?: boolean }): void
}>

/** A door on a free port, shut at first. */
export async function createDoor(to: NetConnectOpts): Promise<Door> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  let server: Server | undefined
  let deaf = false
  /** Silenced ones: whoever leaves one is not heard on its other side. */
  const silenced = new WeakSet<Socket>()
  const hush = (socket: Socket): void => {
    silenced.add(socket)
    socket.unpipe()
    socket.pause()
  }
  const listen = async (port: number): Promise<number> => {
    const opened = createServer((client) => {
      if (deaf) {
        hush(keep(client))
        return
      }
      const behind = keep(connect(to))
      keep(client).pipe(behind).pipe(client)
      client.on('close', () => silenced.has(client) || behind.destroy())
      behind.on('close', () => silenced.has(behind) || client.destroy())
    })
    server = opened
    await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve))
    return (opened.address() as AddressInfo).port
  }
  const shut = async (): Promise<void> => {
    const closing = server
    server = undefined
    deaf = false
    for (const socket of sockets) socket.destroy()
    if (closing) await new Promise((resolve) => closing.close(resolve))
  }
  const port = await listen(0)
  await shut()
  return {
    port,
    shut,
    open: async () => void (server ?? (await listen(port))),
    silence({ forNew = false } = {}) {
      deaf = forNew
      for (const socket of sockets) hush(socket)
    },
  }
}
