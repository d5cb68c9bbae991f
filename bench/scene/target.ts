import { type AddressInfo, createServer, type Socket } from 'node:net'

/** What is answered to everything: 200 bytes. */
const BODY = JSON.stringify({ id: 7, username: 'musen', email: '121282@qq.com', note: 'n'.repeat(139) })
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const ANSWER = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`

/**
 * A service that costs next to nothing: it reads requests no further than it must, gives them all one answer, and notes when each came.
 * `GET /seen` answers these times since it was last asked, in milliseconds of the clock that all processes of a machine share. Answers
 * come at once, or after `ANSWER_AFTER_MS`.
 */
export async function main(): Promise<void> {
  const after = Number(process.env.ANSWER_AFTER_MS ?? 0)
  let seen: number[] = []
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    readRequests(socket, (head) => {
      if (!head.startsWith('GET /seen ')) {
        seen.push(Number(process.hrtime.bigint()) / 1e6)
        if (after > 0) setTimeout(() => socket.write(ANSWER), after)
        else socket.write(ANSWER)
        return
      }
      const body = JSON.stringify(seen)
      seen = []
      socket.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`The target is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
  process.once('SIGTERM', () => process.exit(0))
}

/** Calls `take` with the head of each request as soon as all of it is there. Bodies have a length, none is chunked. */
function readRequests(socket: Socket, take: (head: string) => void): void {
  let unread = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    unread += text
    for (;;) {
      const end = unread.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = unread.slice(0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (unread.length < end + 4 + length) return
      unread = unread.slice(end + 4 + length)
      take(head)
    }
  })
}
