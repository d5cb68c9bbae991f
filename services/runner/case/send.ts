import { lookup as resolve, type LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { Agent, ProxyAgent, type Dispatcher } from 'undici'
import type { TargetDeny } from './deny.ts'
import { CaseFault } from './fault.ts'
import { connectFailureWords, denied, guardedLookup } from './reach.ts'
import { proxyFor, type Transport, type WireRequest } from './request.ts'

/** Bytes of an answer that are read, before and after decoding. */
export const MAX_RESPONSE_BYTES = 10 * 1024 * 1024

/** One answer as received: nothing decoded, nothing followed. */
export type RawResponse = Readonly<{
  status: number
  reason: string
  headers: readonly (readonly [string, string])[]
  body: Buffer
  /** From sending to the end of the answer's headers. */
  elapsedMs: number
}>

/** The connections of one run: kept alive between its cases, closed with it. Requests are sent one after the other. */
export interface Connections {
  /** Sends one request, follows nothing. Throws `CaseFault` when there is no whole answer; `signal`'s reason when it is aborted. */
  send(request: WireRequest, transport: Transport, signal?: AbortSignal): Promise<RawResponse>
  close(): Promise<void>
}

type Sender = Readonly<{ dispatcher: Dispatcher; connects: () => number }>

export function openConnections(targetDeny: TargetDeny): Connections {
  const senders = new Map<string, Sender>()

  function senderFor(transport: Transport, proxy: string | undefined): readonly [key: string, Sender] {
    const connectTimeout = transport.timeouts.connect
    const key = JSON.stringify([proxy, transport.verify, connectTimeout])
    const known = senders.get(key)
    if (known !== undefined) return [key, known]
    const tls = { rejectUnauthorized: transport.verify, lookup: guardedLookup(targetDeny) }
    const shared = {
      // A run asks one thing after the other; a pool would open a second connection while the first is being freed.
      connections: 1,
      allowH2: false,
      // Headers over 16 KiB are unusual, not wrong: what requests reads is read.
      maxHeaderSize: 256 * 1024,
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    const dispatcher =
      proxy === undefined
        ? new Agent({ ...shared, connect: { ...tls, timeout: connectTimeout } })
        : new ProxyAgent({ ...shared, uri: proxy, connectTimeout, proxyTls: tls, requestTls: tls })
    let connects = 0
    dispatcher.on('connect', () => connects++)
    const sender = { dispatcher, connects: () => connects }
    senders.set(key, sender)
    return [key, sender]
  }

  async function send(request: WireRequest, transport: Transport, signal?: AbortSignal): Promise<RawResponse> {
    const proxy = proxyFor(request.url, transport.proxies)
    await refuseDenied(targetDeny, request, proxy)
    signal?.throwIfAborted()
    const [key, sender] = senderFor(transport, proxy)
    const before = sender.connects()
    const exchange = new Exchange(request, transport, proxy)
    try {
      return await exchange.run(sender.dispatcher, signal)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      const fault = exchange.fault(error)
      // What is not started or was left half-way must not answer a later request.
      if (exchange.abandoned) {
        senders.delete(key)
        await sender.dispatcher.destroy()
      }
      // Of a proxy's connections nothing is told.
      const reused = proxy === undefined && before > 0 && sender.connects() === before
      if (reused && exchange.unanswered && SAFE_METHODS.includes(request.method)) {
        return send(request, transport, signal)
      }
      throw fault
    }
  }

  return {
    send,
    async close() {
      const open = [...senders.values()]
      senders.clear()
      await Promise.all(open.map(({ dispatcher }) => dispatcher.destroy()))
    },
  }
}

/** A kept connection that the target closed just when it was used again: these are sent once more, on a fresh one. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Literal addresses are never looked up, so they are refused here. Behind a proxy the target's name is looked up by the proxy;
 * what it stands for here is checked all the same.
 */
async function refuseDenied(targetDeny: TargetDeny, { url }: WireRequest, proxy: string | undefined): Promise<void> {
  for (const origin of proxy === undefined ? [url.origin] : [url.origin, proxy]) {
    if (!URL.canParse(origin)) throw new CaseFault(`请求地址无效：'${origin}'`)
    // The parser turns every spelling of an IPv4 address (0xa9fea9fe, 2852039166) into the usual one.
    const { hostname } = new URL(origin)
    if (targetDeny.denies(hostname)) throw denied(hostname)
  }
  if (proxy === undefined || isIP(url.hostname) !== 0) return
  const addresses = await new Promise<readonly LookupAddress[]>((done) => {
    resolve(url.hostname, { all: true }, (error, found) => done(error === null ? found : []))
  })
  const bad = addresses.find(({ address }) => targetDeny.denies(address))
  if (bad !== undefined) throw denied(`${url.hostname}(${bad.address})`)
}

/**
 * A body of no bytes whose length is told whatever the method: `Content-Length: 0`, as requests does and some targets insist on (411). The
 * client tells a number 0 with a few methods alone; of a Blob that cannot be streamed it tells `size` as it is.
 */
const NO_BYTES = Object.defineProperties(new Blob([]), {
  size: { value: 0n },
  stream: { value: undefined },
}) as unknown as Uint8Array

/** One request under way: its timers, what has come so far, and how a failure is told to the user. */
class Exchange {
  readonly request: WireRequest
  readonly transport: Transport
  readonly proxy: string | undefined
  readonly chunks: Buffer[] = []
  #size = 0
  #status: number | undefined
  #reason = ''
  #headers: readonly (readonly [string, string])[] = []
  #started = 0
  #answered = 0
  #controller: Dispatcher.DispatchController | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped: Error | undefined

  constructor(request: WireRequest, transport: Transport, proxy: string | undefined) {
    this.request = request
    this.transport = transport
    this.proxy = proxy
  }

  /** The connection was lost before anything was answered, and not by us. */
  get unanswered(): boolean {
    return this.#status === undefined && this.#controller !== undefined && this.#stopped === undefined
  }

  /** We gave up before the request was on a connection: the client may still be about to send it. */
  get abandoned(): boolean {
    return this.#stopped !== undefined && this.#controller === undefined
  }

  async run(dispatcher: Dispatcher, signal: AbortSignal | undefined): Promise<RawResponse> {
    const { connect, read } = this.transport.timeouts
    let aborted: (() => void) | undefined
    try {
      return await new Promise<RawResponse>((resolve, reject) => {
        aborted = () => this.#stop(signal?.reason as Error, reject)
        signal?.addEventListener('abort', aborted, { once: true })
        // The client itself gives up connecting in time; this covers what it does not time, such as a proxy that says nothing.
        this.#timer = setTimeout(
          () => this.#stop(new CaseFault(`连接超时(${connect / 1000}秒)`), reject),
          connect + read,
        )
        this.#started = performance.now()
        dispatcher.dispatch(this.#options(), this.#handler(resolve, reject))
      })
    } finally {
      clearTimeout(this.#timer)
      if (aborted !== undefined) signal?.removeEventListener('abort', aborted)
    }
  }

  #stop(reason: Error, reject: (error: Error) => void): void {
    this.#stopped = reason
    if (this.#controller === undefined) reject(reason)
    else this.#controller.abort(reason)
  }

  #options(): Dispatcher.DispatchOptions & { servername?: string } {
    const { method, url, headers, body } = this.request
    // The client writes these two itself, by the body and by `reset`.
    const written = headers.entries().filter(([name]) => !['content-length', 'connection'].includes(name.toLowerCase()))
    return {
      origin: url.origin,
      path: url.path,
      method,
      headers: Object.fromEntries(written),
      body: headers.get('Content-Length') === '0' ? NO_BYTES : body.bytes,
      reset: headers.get('Connection')?.toLowerCase() === 'close',
      // The name to be certified is the address's, whatever `Host` says.
      ...(headers.has('Host') && isIP(url.hostname) === 0 ? { servername: url.hostname } : {}),
    }
  }

  #handler(resolve: (response: RawResponse) => void, reject: (error: Error) => void): Dispatcher.DispatchHandler {
    const { read } = this.transport.timeouts
    return {
      onRequestStart: (controller) => {
        this.#controller = controller
        clearTimeout(this.#timer)
        if (this.#stopped !== undefined) return controller.abort(this.#stopped)
        const silent = () => this.#stop(new CaseFault(`读取响应超时(${read / 1000}秒)`), reject)
        this.#timer = setTimeout(silent, read)
      },
      onResponseStart: (controller, status, _headers, reason) => {
        this.#timer?.refresh()
        if (status < 200) return
        this.#status = status
        this.#reason = reason ?? ''
        this.#headers = headerPairs(controller.rawHeaders)
        this.#answered = performance.now()
      },
      onResponseData: (controller, chunk) => {
        this.#timer?.refresh()
        this.#size += chunk.length
        if (this.#size > MAX_RESPONSE_BYTES) {
          controller.abort(new CaseFault(`响应体超过${MAX_RESPONSE_BYTES / 1024 / 1024}MiB`))
        }
        this.chunks.push(chunk)
      },
      onResponseEnd: () => {
        resolve({
          status: this.#status ?? 0,
          reason: this.#reason,
          headers: this.#headers,
          body: Buffer.concat(this.chunks),
          elapsedMs: this.#answered - this.#started,
        })
      },
      onResponseError: (_controller, error) => reject(error),
    }
  }

  /** The reason for the user. A `CaseFault` below an error of the client (a denied address, a limit) is that reason. */
  fault(error: unknown): CaseFault {
    for (let cause = error; Error.isError(cause); cause = cause.cause) {
      if (cause instanceof CaseFault) return cause
    }
    const failure = Error.isError(error) ? error : new Error(String(error))
    const code = 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name
    const words = failureWords(code, this.#status !== undefined, this.transport.timeouts.connect)
    const detail = failure.message === '' ? code : failure.message
    return new CaseFault(words === undefined ? detail : `${words}：${detail}`, { cause: error })
  }
}

/** Failures that users meet, by the code of undici, Node or the system. */
function failureWords(code: string, answering: boolean, connectMs: number): string | undefined {
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return `连接超时(${connectMs / 1000}秒)`
  if (/CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS/.test(code)) return '证书校验失败'
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return 'TLS握手失败'
  if (code.startsWith('HPE_') || code === 'HTTPParserError') return '响应不是有效的HTTP报文'
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return '响应头过大'
  if (answering) return '响应体不完整，连接提前关闭'
  return code === 'UND_ERR_SOCKET' ? '连接被对方关闭' : connectFailureWords(code)
}

/** Node hands out header bytes; HTTP's are latin-1. */
function headerPairs(raw: Dispatcher.DispatchController['rawHeaders']): readonly (readonly [string, string])[] {
  if (!Array.isArray(raw)) return []
  const texts = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  return texts.flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1] ?? ''] as const] : []))
}
