import { Refused, Unwritable, wordsOf } from './failures.mjs'

/** One request and its answer: what came is an answer of the platform, a refusal of it, or lost. */

/**
 * No answer that counts, for a reason that may pass.
 *
 * `heard`: the platform itself asks for patience. `arrived`: the request may have had its effect. `retryAfter` in milliseconds.
 */
export class Lost extends Error {
  /** @readonly @type {boolean} */
  heard
  /** @readonly @type {boolean} */
  arrived
  /** @readonly @type {number} */
  retryAfter

  /**
   * @param {string} reason
   * @param {Readonly<{ heard?: boolean, arrived?: boolean, retryAfter?: number }>} [more]
   */
  constructor(reason, { heard = false, arrived = false, retryAfter = 0 } = {}) {
    super(reason)
    this.heard = heard
    this.arrived = arrived
    this.retryAfter = retryAfter
  }
}

/**
 * `silence` is how many milliseconds may pass without a sign of an answer, and from one part of it to the next.
 *
 * @typedef {Readonly<{
 *   method: 'GET' | 'POST',
 *   url: string,
 *   headers: Readonly<Record<string, string>>,
 *   body?: string | undefined,
 *   silence: number,
 *   signal: AbortSignal,
 * }>} Exchange
 */

/**
 * The JSON object that was answered.
 *
 * @param {Exchange} request
 * @returns {Promise<Readonly<Record<string, unknown>>>}
 * @throws {Lost | Refused}
 */
export function exchange(request) {
  return ask(request, async (response) => {
    const answer = parsed(await response.text())
    if (response.ok && answer) return answer
    throw refusalOf(response, answer)
  })
}

/**
 * Hands what was answered to `save`, part by part. It is called once; a download that breaks off is begun anew by the next.
 *
 * @param {Exchange} request
 * @param {(parts: AsyncIterable<Uint8Array>) => Promise<void>} save
 * @returns {Promise<void>}
 * @throws {Lost | Refused | Unwritable}
 */
export function download(request, save) {
  return ask(request, async (response, alive) => {
    if (!response.ok || !response.body) throw refusalOf(response, parsed(await response.text()))
    await save(parts(response.body, alive))
  })
}

/**
 * @template T
 * @param {Exchange} request
 * @param {(response: Response, alive: () => void) => Promise<T>} read
 * @returns {Promise<T>}
 */
async function ask({ url, silence, signal, method, headers, body }, read) {
  const cut = new AbortController()
  const leave = () => cut.abort()
  const timer = setTimeout(
    () => cut.abort(new Lost(`no answer in ${Math.ceil(silence / 1_000)} s`, { arrived: true })),
    silence,
  )
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  try {
    const init = { method, headers, redirect: /** @type {const} */ ('manual'), signal: cut.signal }
    const response = await fetch(url, body === undefined ? init : { ...init, body })
    return await read(response, () => void timer.refresh())
  } catch (error) {
    if (error instanceof Refused || error instanceof Unwritable || error instanceof Lost) throw error
    throw new Lost(networkWords(error), { arrived: !neverLeft(causeOf(error)) })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}

/**
 * @param {AsyncIterable<Uint8Array>} body
 * @param {() => void} alive
 */
async function* parts(body, alive) {
  for await (const part of body) {
    alive()
    yield part
  }
}

/**
 * @param {string} text
 * @returns {Readonly<Record<string, unknown>> | undefined} undefined for what is no JSON object
 */
function parsed(text) {
  try {
    const value = /** @type {unknown} */ (JSON.parse(text))
    return typeof value === 'object' && value !== null ? /** @type {Record<string, unknown>} */ (value) : undefined
  } catch {
    return undefined
  }
}

/** What stands between, or the platform for a moment: a repeated request may find it well. */
const PASSING = new Set([408, 425, 429])

/**
 * @param {Response} response
 * @param {Readonly<Record<string, unknown>> | undefined} answer
 * @returns {Lost | Refused}
 */
function refusalOf({ status, headers }, answer) {
  const { error: words, code } = answer ?? {}
  const heard = typeof words === 'string'
  const said = heard ? words : foreign(status, headers)
  if (status < 500 && !PASSING.has(status)) {
    return heard ? new Refused(status, said, typeof code === 'string' ? code : '') : new Lost(said)
  }
  return new Lost(`${status} ${said}`, {
    heard,
    arrived: status >= 500,
    retryAfter: retryAfter(headers.get('retry-after')),
  })
}

/**
 * @param {number} status
 * @param {Headers} headers
 */
function foreign(status, headers) {
  const to = headers.get('location')
  if (status >= 300 && status < 400 && to) return `it redirects to ${to}: give the URL that it ends at`
  return `what answers there (with ${status}) is no Testledger`
}

/**
 * @param {string | null} text seconds, or a date
 * @returns {number} milliseconds
 */
function retryAfter(text) {
  if (!text) return 0
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 0
}

/**
 * @param {unknown} error
 * @returns {unknown} fetch itself says no more than that it failed
 */
function causeOf(error) {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error
}

/** @param {unknown} error */
function networkWords(error) {
  const cause = causeOf(error)
  return isAboutCertificates(cause) ? `${wordsOf(cause)} (NODE_EXTRA_CA_CERTS names those to trust)` : wordsOf(cause)
}

/** @param {unknown} cause */
function isAboutCertificates(cause) {
  return /CERT|SIGNATURE|ISSUER/.test(codeOf(cause))
}

/**
 * Whether the connection was never made, so that nothing can have been sent.
 *
 * @param {unknown} cause
 * @returns {boolean}
 */
function neverLeft(cause) {
  if (cause instanceof AggregateError) return cause.errors.every(neverLeft)
  // Ports that fetch refuses to ask have no code.
  if (cause instanceof Error && cause.message === 'bad port') return true
  if (isAboutCertificates(cause) || /SSL|TLS|^EPROTO|CONNECT_TIMEOUT/.test(codeOf(cause))) return true
  const syscall = typeof cause === 'object' && cause !== null && 'syscall' in cause ? cause.syscall : undefined
  return syscall === 'connect' || syscall === 'getaddrinfo'
}

/** @param {unknown} cause */
function codeOf(cause) {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
}
