import { startTarget } from '../support/target.ts'

/** A service for fuzzed cases to ask, which answers at once and not always well. */
export async function startOddTarget(): Promise<Awaited<ReturnType<typeof startTarget>>> {
  const target = await startTarget((seen, response) => {
    // Nobody looks at what came, and there is much of it.
    target.seen.length = 0
    const [path] = seen.url.split('?')
    if (path === '/cut') return void response.destroy()
    if (path === '/loop') return void response.writeHead(302, { location: '/loop' }).end()
    if (path === '/bytes') return void response.end(Buffer.from([0, 255, 254, 0xed, 0xa0, 0x80, 10]))
    if (path === '/big') return void response.end('长\u0000'.repeat(60_000))
    if (path === '/odd') {
      response.setHeader('Set-Cookie', ['a=b', '=;', 'c="\u00ff'])
      return void response.writeHead(599, 'odd').end('{"a":"\\ud800","__proto__":{"x":1e400}}')
    }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ url: seen.url, body: seen.body.slice(0, 1_000) }))
  })
  return target
}
