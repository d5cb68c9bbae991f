import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { parseJson, type Json, type JsonObject } from '../../../contracts/json.ts'
import { RunCookies } from './cookies.ts'
import { DEFAULT_TARGET_DENY, parseTargetDeny } from './deny.ts'
import { exchange, type Hop } from './redirects.ts'
import { askedBy, buildRequest } from './request.ts'
import { decodeBody } from './response.ts'
import { openConnections } from './send.ts'
import { httpTarget, modernTarget, rawTarget, type Target } from './target.fixture.ts'

/** Real sockets on loopback. Redirect expectations were observed of requests 2.27.1. */

const open: { stop: () => Promise<void> }[] = []

afterEach(async () => {
  for (const { stop } of open.splice(0)) await stop()
})

async function started(target: Promise<Target>): Promise<Target> {
  const running = await target
  open.push(running)
  return running
}

const echo = () => started(httpTarget((_, response) => response.end('ok')))

type Ask = { method?: string; headers?: string; request?: string }

/** One run: its connections and cookies, and a way to ask. */
function runWith(deny = DEFAULT_TARGET_DENY) {
  const connections = openConnections(parseTargetDeny(deny))
  open.push({ stop: () => connections.close() })
  const cookies = new RunCookies()
  async function ask(url: string, given: Ask = {}, signal?: AbortSignal): Promise<readonly [Hop, ...Hop[]]> {
    const data: JsonObject = new Map<string, Json>([
      [
        'interface',
        new Map([
          ['url', url],
          ['method', given.method ?? 'GET'],
        ]),
      ],
      ['headers', parseJson(given.headers ?? '{}')],
      ['request', parseJson(given.request ?? '{}')],
    ])
    const context = { cookieHeader: cookies.header.bind(cookies), boundary: () => 'B' }
    return exchange(buildRequest(askedBy(data, undefined), data, undefined, context), cookies, connections, signal)
  }
  return { ask, cookies }
}

const last = (hops: readonly [Hop, ...Hop[]]) => hops.at(-1) ?? hops[0]

function lower(entries: readonly (readonly [string, string])[]): Map<string, string> {
  return new Map(entries.map(([name, value]) => [name.toLowerCase(), value]))
}

describe('what is shown as sent is what arrives', () => {
  test.each([
    ['GET', '{}'],
    ['POST', '{}'],
    ['POST', '{"json":{"a":"中"}}'],
    ['GET', '{"json":{"a":1}}'],
    ['DELETE', '{"data":"x"}'],
    ['PROPFIND', '{}'],
    ['HEAD', '{}'],
    ['PUT', '{"auth":["u","p"],"cookies":{"a":"1"}}'],
  ])('%s %s', async (method, request) => {
    const target = await echo()
    const headers = '{"X-Case":"a  b","accept":"text/html","User-Agent":"mine","X-Latin":"é"}'
    const hop = last(await runWith().ask(`${target.origin}/p?q=1`, { method, headers, request }))
    expect(target.asked[0]).toMatchObject({ method, url: '/p?q=1' })
    expect(target.asked[0]?.body).toBe(Buffer.from(hop.request.body.bytes ?? []).toString())
    const arrived = lower(target.asked[0]?.headers ?? [])
    arrived.delete('host')
    expect(arrived).toEqual(lower(hop.request.headers.entries()))
  })

  test('connections are kept, and not kept when the case says close', async () => {
    const target = await echo()
    const { ask } = runWith()
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) await ask(target.origin, { method })
    expect(target.connections()).toBe(1)
    const hop = last(await ask(target.origin, { headers: '{"Connection":"close"}' }))
    expect(hop.request.headers.get('Connection')).toBe('close')
    expect(target.asked.at(-1)?.headers).toContainEqual(['connection', 'close'])
    await ask(target.origin)
    expect(target.connections()).toBe(2)
  })

  test('a method that no one knows is sent', async () => {
    const target = await started(rawTarget((socket, first) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${first}`)))
    const { response } = last(
      await runWith().ask(`${target.origin}/p`, { method: 'x-custom', request: '{"data":"body"}' }),
    )
    expect(response.body.toString()).toMatch(/^X-CUSTOM \/p HTTP\/1.1\r\n.*\r\ncontent-length: 4\r\n\r\n/s)
  })

  test('a given Host is sent', async () => {
    const target = await echo()
    await runWith().ask(target.origin, { headers: '{"Host":"shop.test"}' })
    expect(target.asked[0]?.headers[0]).toEqual(['host', 'shop.test'])
  })
})

describe('what is answered', () => {
  test('status, reason, headers as spelled and repeated, latin-1 values', async () => {
    const target = await started(
      rawTarget((socket) =>
        socket.end(
          'HTTP/1.1 299 Very Odd\r\nX-A: 1\r\nx-a: é\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\nhi',
          'latin1',
        ),
      ),
    )
    const { response } = last(await runWith().ask(target.origin))
    expect(response).toMatchObject({
      status: 299,
      reason: 'Very Odd',
      headers: [
        ['X-A', '1'],
        ['x-a', 'é'],
        ['Set-Cookie', 'a=1'],
        ['Content-Length', '2'],
      ],
    })
    expect(response.body.toString()).toBe('hi')
  })

  test.each([
    ['until the connection ends', 'HTTP/1.1 200 OK\r\n\r\nhello'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    [
      'after 103 Early Hints',
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    ],
  ])('a body %s', async (_, text) => {
    const target = await started(rawTarget((socket) => socket.end(text)))
    expect(last(await runWith().ask(target.origin)).response.body.toString()).toBe('hello')
  })

  test('compressed bodies', async () => {
    const target = await started(
      httpTarget((_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('packed'))),
    )
    const { response } = last(await runWith().ask(target.origin))
    expect((await decodeBody(response)).toString()).toBe('packed')
  })

  test('10 MiB are read, a byte more is an error that says so', async () => {
    const limit = 10 * 1024 * 1024
    const target = await started(
      httpTarget(({ url }, response) => response.end(Buffer.alloc(url === '/more' ? limit + 1 : limit, 'x'))),
    )
    const { ask } = runWith()
    expect(last(await ask(target.origin)).response.body.length).toBe(limit)
    await expect(ask(`${target.origin}/more`)).rejects.toThrow('响应体超过10MiB')
    // The run goes on.
    expect(last(await ask(target.origin)).response.status).toBe(200)
  })
})

describe('no whole answer is an error that says why', () => {
  test.each([
    ['a body shorter than declared', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort', '响应体不完整'],
    ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', '响应体不完整'],
    ['nothing at all', '', '连接被对方关闭'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', '不是有效的HTTP报文'],
    ['half a head', 'HTTP/1.1 200 OK\r\nX-A', '连接被对方关闭'],
  ])('%s', async (_, text, reason) => {
    const target = await started(rawTarget((socket) => socket.end(text)))
    await expect(runWith().ask(target.origin, { method: 'POST' })).rejects.toThrow(reason)
  })

  test('a connection that is reset', async () => {
    const target = await started(rawTarget((socket) => socket.resetAndDestroy()))
    await expect(runWith().ask(target.origin)).rejects.toThrow('连接被对方关闭')
  })

  test('no one listens', async () => {
    const target = await httpTarget((_, response) => response.end())
    await target.stop()
    await expect(runWith().ask(target.origin)).rejects.toThrow('连接被拒绝')
  })

  test('a name that does not exist', async () => {
    await expect(runWith().ask('http://no-such-host.invalid/')).rejects.toThrow('域名解析失败')
  })

  test.each([
    ['before the head', ''],
    ['inside the body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
  ])('silence %s', async (_, text) => {
    const target = await started(rawTarget((socket) => socket.write(text)))
    await expect(runWith().ask(target.origin, { request: '{"timeout":[5,0.2]}' })).rejects.toThrow(
      '读取响应超时(0.2秒)',
    )
  })

  test('a slow answer that never falls silent is none', async () => {
    const target = await started(
      rawTarget((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
        let left = 10
        const drip = setInterval(() => (left-- > 0 ? socket.write('x') : clearInterval(drip)), 150)
      }),
    )
    expect(last(await runWith().ask(target.origin, { request: '{"timeout":1}' })).response.body.toString()).toBe(
      'x'.repeat(10),
    )
  })

  test('an aborted run, before and inside the request', async () => {
    const target = await started(rawTarget(() => undefined))
    const reason = new Error('cancelled')
    await expect(runWith().ask(target.origin, {}, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(target.connections()).toBe(0)
    const aborting = new AbortController()
    const gone = Promise.withResolvers<unknown>()
    const silent = await started(
      rawTarget((socket) => {
        socket.on('close', gone.resolve)
        aborting.abort(reason)
      }),
    )
    await expect(runWith().ask(silent.origin, {}, aborting.signal)).rejects.toBe(reason)
    await gone.promise
  })
})

/** Answers the first request of each connection and closes it when a second one comes. */
function closingTarget(): Promise<Target> {
  return started(
    rawTarget((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      socket.once('data', () => socket.destroy())
    }),
  )
}

describe('a kept connection that the target has closed meanwhile', () => {
  test('is replaced for what is safe to send again', async () => {
    const target = await closingTarget()
    const { ask } = runWith()
    for (let round = 0; round < 3; round++) expect(last(await ask(target.origin)).response.body.toString()).toBe('ok')
    expect(target.connections()).toBe(3)
  })

  test('is an error for what is not', async () => {
    const target = await closingTarget()
    const { ask } = runWith()
    await ask(target.origin, { method: 'POST' })
    await expect(ask(target.origin, { method: 'POST' })).rejects.toThrow('连接被对方关闭')
    expect(target.connections()).toBe(1)
  })
})

/** Redirects to what `to` says with the status that `s` says; sets the cookie that `c` says. */
function redirecting({ url }: { url: string }, response: Parameters<Parameters<typeof httpTarget>[0]>[1]): void {
  const query = new URL(url, 'http://x').searchParams
  const [to, cookie] = [query.get('to'), query.get('c')]
  if (to === null) return void response.end('there')
  response.writeHead(Number(query.get('s') ?? 302), {
    Location: to,
    ...(cookie === null ? {} : { 'Set-Cookie': cookie }),
  })
  response.end()
}

describe('redirects', () => {
  test.each([
    [301, 'POST', 'GET', false],
    [301, 'PUT', 'PUT', false],
    [301, 'DELETE', 'DELETE', false],
    [301, 'HEAD', 'HEAD', false],
    [302, 'POST', 'GET', false],
    [302, 'PUT', 'GET', false],
    [302, 'HEAD', 'HEAD', false],
    [303, 'PUT', 'GET', false],
    [303, 'DELETE', 'GET', false],
    [303, 'HEAD', 'HEAD', false],
    [307, 'POST', 'POST', true],
    [307, 'GET', 'GET', true],
    [308, 'PUT', 'PUT', true],
  ])('%d of %s becomes %s', async (status, method, next, keepsBody) => {
    const target = await started(httpTarget(redirecting))
    const url = `${target.origin}/a?s=${status}&to=/b&c=k%3D1`
    const hop = last(await runWith().ask(url, { method, request: '{"json":{"a":1}}', headers: '{"X":"1"}' }))
    const [, second] = target.asked
    expect(second).toMatchObject({ method: next, url: '/b', body: keepsBody ? '{"a": 1}' : '' })
    const sent = hop.request.headers
    expect([sent.get('X'), sent.get('Cookie'), sent.get('Content-Type')]).toEqual([
      '1',
      'k=1',
      keepsBody ? 'application/json' : undefined,
    ])
    expect(second?.headers.some(([name]) => name.toLowerCase() === 'content-type')).toBe(keepsBody)
  })

  test.each([
    ['/x/y', 'z?q=1', '/x/z?q=1'],
    ['/x/y', '../z', '/z'],
    ['/x/y', '?z', '/x/y?z'],
    ['/x/y#keep', '/z', '/z#keep'],
    ['/x/y#keep', '/z#own', '/z#own'],
    ['/x/y', '/a b?中', '/a%20b?%E4%B8%AD'],
  ])('from %s to %s', async (path, to, href) => {
    const target = await started(
      httpTarget((asked, response) => {
        if (asked.url === '/x/y') response.writeHead(302, { Location: Buffer.from(to).toString('latin1') })
        response.end()
      }),
    )
    expect((await runWith().ask(target.origin + path))[1]?.request.url.href).toBe(target.origin + href)
  })

  test('to the same host by its name alone', async () => {
    const target = await started(httpTarget(redirecting))
    const hops = await runWith().ask(`${target.origin}/?to=//127.0.0.1:${target.port}/z`)
    expect(last(hops).request.url.href).toBe(`${target.origin}/z`)
  })

  test('credentials stay on the same place, and are dropped for another host or port', async () => {
    const [one, other] = [await started(httpTarget(redirecting)), await started(httpTarget(redirecting))]
    const { ask, cookies } = runWith()
    const headers = '{"Authorization":"t"}'
    const request = '{"cookies":{"own":"1"}}'
    const authorization = async (to: string) => {
      const { request: sent } = last(
        await ask(`${one.origin}/?c=jar%3D1&to=${encodeURIComponent(to)}`, { headers, request }),
      )
      return [sent.headers.get('Authorization'), sent.headers.get('Cookie')]
    }
    expect(await authorization('/b')).toEqual(['t', 'jar=1; own=1'])
    expect(await authorization(`${other.origin}/b`)).toEqual([undefined, 'jar=1; own=1'])
    // Another host gets neither the login nor the case's own cookies (ours).
    expect(await authorization(`http://localhost:${one.port}/b`)).toEqual([undefined, undefined])
    expect(cookies.snapshot().cookies.map(({ key }) => key)).toEqual(['jar'])
  })

  test('a given Cookie header ends with the first redirect', async () => {
    const target = await started(httpTarget(redirecting))
    const hops = await runWith().ask(`${target.origin}/?to=/b`, { headers: '{"Cookie":"z=9"}' })
    expect(hops.map(({ request }) => request.headers.get('Cookie'))).toEqual(['z=9', undefined])
  })

  test('30 are followed, the 31st is an error', async () => {
    const target = await started(
      httpTarget(({ url }, response) => {
        const left = Number(url.slice(1))
        if (left > 0) response.writeHead(302, { Location: `/${left - 1}` })
        response.end()
      }),
    )
    const { ask } = runWith()
    expect((await ask(`${target.origin}/30`)).length).toBe(31)
    await expect(ask(`${target.origin}/31`)).rejects.toThrow('重定向超过30次')
  })

  test.each([
    ['?to=/b', '{"allow_redirects":false}', 302],
    ['?s=304&to=/b', '{}', 304],
    ['?s=300&to=/b', '{}', 300],
    ['?to=', '{}', 302],
  ])('%s with %s is not followed', async (path, request, status) => {
    const target = await started(httpTarget(redirecting))
    const hops = await runWith().ask(`${target.origin}/${path}`, { request })
    expect([hops.length, last(hops).response.status]).toEqual([1, status])
  })

  test('to what is no http is an error', async () => {
    const target = await started(httpTarget(redirecting))
    await expect(runWith().ask(`${target.origin}/?to=file:///etc/passwd`)).rejects.toThrow('http://')
  })
})

function through(proxy: string): string {
  return `{"proxies":{"http":"${proxy}"}}`
}

describe('denied targets', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://0xa9fea9fe/',
    'http://2852039166/',
    'http://169.254.43518/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
  ])('%s', async (url) => {
    await expect(runWith().ask(url)).rejects.toThrow('TARGET_DENY')
  })

  test('by redirect', async () => {
    const target = await started(httpTarget(redirecting))
    await expect(runWith().ask(`${target.origin}/?to=http://169.254.169.254/`)).rejects.toThrow('TARGET_DENY')
  })

  test('by what a name resolves to when it is connected to', async () => {
    const target = await echo()
    await expect(runWith('127.0.0.0/8,::1').ask(`http://localhost:${target.port}/`)).rejects.toThrow('TARGET_DENY')
    expect(target.connections()).toBe(0)
    expect(last(await runWith('10.0.0.0/8').ask(`http://localhost:${target.port}/`)).response.status).toBe(200)
  })

  test('as a proxy, and behind one', async () => {
    const proxy = await echo()
    const { ask } = runWith()
    await expect(ask('http://h.test/', { request: through('http://169.254.169.254:80') })).rejects.toThrow(
      'TARGET_DENY',
    )
    await expect(ask('http://169.254.169.254/', { request: through(proxy.origin) })).rejects.toThrow('TARGET_DENY')
    const { ask: strict } = runWith('::1,127.0.0.0/8')
    await expect(strict('http://h.test/', { request: through(`http://localhost:${proxy.port}`) })).rejects.toThrow(
      'TARGET_DENY',
    )
    await expect(runWith('::1').ask('http://[::1]/', { request: through(proxy.origin) })).rejects.toThrow('TARGET_DENY')
    expect(proxy.connections()).toBe(0)
  })
})

function safeTarget(): Promise<Target> {
  return started(httpTarget((_, response) => response.end('safe'), { tls: true }))
}

describe('TLS and proxies', () => {
  test('an unknown certificate is refused, unless verify is false', async () => {
    const target = await safeTarget()
    const { ask } = runWith()
    await expect(ask(target.origin)).rejects.toThrow('证书校验失败')
    expect(last(await ask(target.origin, { request: '{"verify":false}' })).response.body.toString()).toBe('safe')
    await expect(ask(target.origin, { request: '{"verify":true}' })).rejects.toThrow('证书校验失败')
  })

  test('HTTP/1.1 is spoken, as requests does, also where HTTP/2 is offered', async () => {
    const target = await started(modernTarget())
    expect(last(await runWith().ask(target.origin, { request: '{"verify":false}' })).response.body.toString()).toBe(
      '1.1',
    )
  })

  test('plain HTTP at a TLS port, and the other way round', async () => {
    const [safe, plain] = [await safeTarget(), await echo()]
    await expect(runWith().ask(safe.origin.replace('https', 'http'))).rejects.toThrow()
    await expect(runWith().ask(plain.origin.replace('http', 'https'))).rejects.toThrow('TLS握手失败')
  })

  test('http goes through a proxy by its whole address', async () => {
    const proxy = await started(httpTarget(({ url }, response) => response.end(`proxied ${url}`)))
    const request = `{"proxies":{"http":"127.0.0.1:${proxy.port}"}}`
    const { ask } = runWith()
    expect(last(await ask('http://shop.invalid/a?b=1', { request, method: 'POST' })).response.body.toString()).toBe(
      'proxied http://shop.invalid/a?b=1',
    )
    expect(proxy.asked[0]?.headers).toContainEqual(['host', 'shop.invalid'])
  })

  test('https goes through a tunnel', async () => {
    const target = await safeTarget()
    const proxy = await started(
      rawTarget((socket, first) => {
        const upstream = connect(target.port, '127.0.0.1')
        upstream.on('error', () => socket.destroy())
        expect(first).toMatch(/^CONNECT localhost:\d+ HTTP\/1.1\r\n/)
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        socket.pipe(upstream).pipe(socket)
      }),
    )
    const proxies = `"proxies":{"https":"${proxy.origin}"}`
    expect(
      last(await runWith().ask(target.origin, { request: `{"verify":false,${proxies}}` })).response.body.toString(),
    ).toBe('safe')
    await expect(runWith().ask(target.origin, { request: `{${proxies}}` })).rejects.toThrow('证书校验失败')
  })

  test('a proxy that closes the connection is an error, and is not asked for ever', async () => {
    const proxy = await started(rawTarget((socket) => socket.destroy()))
    await expect(runWith().ask('http://h.invalid/', { request: through(proxy.origin) })).rejects.toThrow(
      '连接被对方关闭',
    )
    expect(proxy.connections()).toBe(1)
  })

  test('a proxy that never opens the tunnel is given up', async () => {
    const proxy = await started(rawTarget(() => undefined))
    const request = `{"timeout":[0.1,0.2],"proxies":{"https":"${proxy.origin}"}}`
    await expect(runWith().ask('https://h.invalid/', { request })).rejects.toThrow('连接超时(0.1秒)')
  })
})

test('closing a run ends its connections', async () => {
  const ended: Promise<unknown>[] = []
  const target = await started(
    httpTarget((_, response, request) => {
      ended.push(once(request.socket, 'close'))
      response.end()
    }),
  )
  const connections = openConnections(parseTargetDeny(''))
  const data: JsonObject = new Map<string, Json>([
    [
      'interface',
      new Map([
        ['url', target.origin],
        ['method', 'GET'],
      ]),
    ],
  ])
  const built = buildRequest(askedBy(data, undefined), data, undefined, {
    cookieHeader: () => undefined,
    boundary: () => '',
  })
  await connections.send(built.wire, built.transport)
  await connections.close()
  await Promise.all(ended)
  expect(ended.length).toBe(1)
})
