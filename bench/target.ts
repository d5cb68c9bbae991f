import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const BODY = JSON.stringify({ id: 7, username: 'musen', email: '121282@qq.com' })

/** A service to run cases against: it answers everything at once. */
export async function main(): Promise<void> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(BODY)
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`The target is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
  process.once('SIGTERM', () => process.exit(0))
}
