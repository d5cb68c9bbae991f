/** A TCP door before a server on a Unix socket or a port, which can be shut and opened: the server is then away, and back. */
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'

export type Door = Readonly<{
  port: number
  /** Cuts every connection, and refuses new ones. */
  shut(): Promise<void>
  open(): Promise<void>
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
  const listen = async (port: number): Promise<number> => {
    const opened = createServer((client) => {
      const behind = keep(connect(to))
      keep(client).pipe(behind).pipe(client)
      client.on('close', () => behind.destroy())
      behind.on('close', () => client.destroy())
    })
    server = opened
    await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve))
    return (opened.address() as AddressInfo).port
  }
  const shut = async (): Promise<void> => {
    const closing = server
    server = undefined
    for (const socket of sockets) socket.destroy()
    if (closing) await new Promise((resolve) => closing.close(resolve))
  }
  const port = await listen(0)
  await shut()
  return { port, shut, open: async () => void (server ?? (await listen(port))) }
}
