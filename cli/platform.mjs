import { setTimeout as sleep } from 'node:timers/promises'
import { download, exchange, Lost } from './exchange.mjs'
import { Interrupted, Refused, Unreachable } from './failures.mjs'

/**
 * @typedef {Readonly<{ token: string }> | Readonly<{ username: string, password: string }>} Account
 *
 * @typedef {Readonly<{
 *   method: 'GET' | 'POST',
 *   path: string,
 *   body?: string,
 *   key?: string,
 *   poll?: boolean,
 *   closing?: boolean,
 * }>} Request `key` marks a request with an effect, which is not left in doubt; `poll` one whose answer may take `POLL`; `closing` one that is made after an interruption
 */

/** Milliseconds without a sign that end a request. */
const SILENCE = 30_000

/** A large report takes its time until its first byte. */
const DOWNLOAD_SILENCE = 300_000

/** Seconds that the platform is asked to hold a call when there is nothing new: less than any proxy cuts. */
const POLL = 25

/** Pauses between attempts grow up to this. In milliseconds. */
const LONGEST_PAUSE = 15_000

/** The platform, as a client that comes back: what is lost is tried again, with growing pauses, until `giveUp` has passed without an answer. */
export class Platform {
  #server
  #account
  #giveUp
  #say
  #interruption
  /** @type {string | undefined} */
  #token
  /** Whether it ever answered: a URL where nothing does is wrong, and trying again will not mend it. */
  #known = false
  /** @type {number | undefined} since when there is no answer */
  #outage

  /**
   * @param {Readonly<{
   *   server: string,
   *   account: Account,
   *   giveUp: number,
   *   say: (line: string) => void,
   *   interruption: import('./interruption.mjs').Interruption,
   * }>} options
   */
  constructor({ server, account, giveUp, say, interruption }) {
    this.#server = server
    this.#account = account
    this.#giveUp = giveUp
    this.#say = say
    this.#interruption = interruption
    this.#token = 'token' in account ? account.token : undefined
  }

  /**
   * @param {string} path
   * @returns {Promise<Readonly<Record<string, unknown>>>}
   */
  get(path) {
    return this.#persist({ method: 'GET', path })
  }

  /**
   * A GET that the platform answers when there is something new, or after a while.
   *
   * @param {string} path with a query
   */
  poll(path) {
    return this.#persist({ method: 'GET', path, poll: true })
  }

  /**
   * A POST with an effect, which happens once however often it is sent. When it is interrupted, it still finds out whether it happened.
   *
   * @param {string} path
   * @param {string} body
   * @param {string} key
   */
  post(path, body, key) {
    return this.#persist({ method: 'POST', path, body, key })
  }

  /**
   * A POST made because of an interruption: it is given the time that is left to tidy up.
   *
   * @param {string} path
   */
  close(path) {
    this.#outage = undefined
    return this.#persist({ method: 'POST', path, body: '{}', closing: true })
  }

  /**
   * @param {string} path
   * @param {(parts: AsyncIterable<Uint8Array>) => Promise<void>} save called anew for every attempt
   */
  download(path, save) {
    return this.#persist({ method: 'GET', path }, save)
  }

  /**
   * @param {Request} request
   * @param {(parts: AsyncIterable<Uint8Array>) => Promise<void>} [save]
   * @returns {Promise<Readonly<Record<string, unknown>>>}
   * @throws {Refused | Unreachable | Interrupted}
   */
  async #persist(request, save) {
    let doubtful = false
    for (let attempt = 0; ; attempt++) {
      if (this.#isOver(request, doubtful)) throw new Interrupted(doubtful)
      try {
        const answer = await this.#authorised(request, save)
        if (this.#outage !== undefined) this.#say('going on')
        this.#heard()
        return answer
      } catch (error) {
        if (error instanceof Refused) this.#heard()
        if (!(error instanceof Lost)) throw error
        doubtful ||= error.arrived && request.key !== undefined
        if (this.#isOver(request, doubtful)) throw new Interrupted(doubtful)
        await this.#pause(error, { attempt, doubtful })
      }
    }
  }

  #heard() {
    this.#known = true
    this.#outage = undefined
  }

  /**
   * Whether an interruption ends it. What may have had an effect goes on, to know what it was.
   *
   * @param {Request} request
   * @param {boolean} doubtful
   */
  #isOver({ closing }, doubtful) {
    const { asked, over } = this.#interruption
    return over.aborted || (asked.aborted && !closing && !doubtful)
  }

  /**
   * @param {Lost} lost
   * @param {Readonly<{ attempt: number, doubtful: boolean }>} so
   */
  async #pause(lost, { attempt, doubtful }) {
    this.#known ||= lost.heard
    if (!this.#known && !doubtful) throw new Unreachable(`${this.#server} cannot be reached: ${lost.message}`)
    const now = performance.now()
    if (this.#outage === undefined) {
      this.#outage = now
      const what = lost.heard ? 'the platform asks for patience' : 'connection lost'
      const patience = Math.min(this.#giveUp, this.#interruption.left())
      this.#say(`${what}: ${lost.message}; trying again for ${Math.ceil(patience / 1_000)} s`)
    }
    const left = this.#outage + this.#giveUp - now
    if (left <= 0)
      throw new Unreachable(`${this.#server} has not answered for ${this.#giveUp / 1_000} s: ${lost.message}`)
    const growing = Math.min(LONGEST_PAUSE, 500 * 2 ** attempt)
    const { asked, over } = this.#interruption
    const signal = asked.aborted ? over : asked
    await sleep(Math.min(left, Math.max(growing, lost.retryAfter)), undefined, { signal }).catch(() => {})
  }

  /**
   * @param {Request} request
   * @param {((parts: AsyncIterable<Uint8Array>) => Promise<void>)} [save]
   * @returns {Promise<Readonly<Record<string, unknown>>>}
   */
  async #authorised(request, save) {
    const begun = this.#token
    this.#token ??= await this.#login(request)
    try {
      return await this.#once(request, save)
    } catch (error) {
      // The token of a login counts for an hour. One that was just given and counts for nothing is no matter of time.
      const expired = error instanceof Refused && error.status === 401 && begun !== undefined
      if (!expired || 'token' in this.#account) throw error
      this.#token = undefined
      this.#token = await this.#login(request)
      return this.#once(request, save)
    }
  }

  /** @param {Request} request */
  async #login({ closing = false }) {
    const body = JSON.stringify(this.#account)
    try {
      const { token } = await this.#once({ method: 'POST', path: '/api/users/login/', body, closing })
      if (typeof token === 'string') return token
    } catch (error) {
      // Whatever came of it, what it was wanted for was not sent.
      throw error instanceof Lost
        ? new Lost(error.message, { heard: error.heard, retryAfter: error.retryAfter })
        : error
    }
    throw new Lost('what answers there is no Testledger')
  }

  /**
   * @param {Request} request
   * @param {((parts: AsyncIterable<Uint8Array>) => Promise<void>)} [save]
   * @returns {Promise<Readonly<Record<string, unknown>>>}
   */
  async #once({ method, path, body, key, poll, closing }, save) {
    const { asked, over } = this.#interruption
    // After an outage it is asked for at once how things stand.
    const hold = poll && this.#outage === undefined ? this.#hold() : 0
    const sent = {
      method,
      url: `${this.#server}${path}${poll ? `&wait=${hold}` : ''}`,
      headers: {
        Accept: save ? '*/*' : 'application/json',
        ...(this.#token !== undefined && { Authorization: `Bearer ${this.#token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(key !== undefined && { 'Idempotency-Key': key }),
      },
      body,
      silence: 1_000 * hold + Math.min(this.#giveUp, save ? DOWNLOAD_SILENCE : SILENCE),
      signal: key !== undefined || closing ? over : asked,
    }
    if (!save) return exchange(sent)
    await download(sent, save)
    return {}
  }

  /** Seconds; what is given up early is not held long. */
  #hold() {
    return Math.min(POLL, Math.floor(this.#giveUp / 2_000))
  }
}
