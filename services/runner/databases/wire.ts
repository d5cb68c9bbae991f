/** The socket below a driver: it goes where the driver was told and nowhere that is denied, and it ends with whatever goes wrong first. */
import { Socket } from 'node:net'
import type { TargetDeny } from '../case/deny.ts'
import { CaseFault } from '../case/fault.ts'
import { connectFailureWords, denied, guardedLookup } from '../case/reach.ts'
import { DatabaseFault, type RowTaker } from './port.ts'

export class Wire {
  readonly socket: Socket
  readonly #failed = Promise.withResolvers<never>()
  #rows: RowTaker | undefined

  /** Connects when the driver asks the socket to, by whatever address it names. */
  constructor({ host, port }: Readonly<{ host: string; port: number }>, targetDeny: TargetDeny) {
    // A literal address is never looked up.
    if (targetDeny.denies(host)) throw new DatabaseFault([denied(host).message])
    const socket = new Socket()
    const connect = socket.connect.bind(socket)
    socket.connect = () => connect({ host, port, lookup: guardedLookup(targetDeny) })
    socket.setNoDelay(true)
    // Before the driver's own listener, so that a row is counted before it is taken.
    socket.on('data', ({ length }: Buffer) => this.taking((rows) => rows.received(length)))
    socket.on('error', (error) => this.fail(error))
    this.socket = socket
    // Who waits for nothing need not hear of it.
    this.#failed.promise.catch(() => {})
  }

  get usable(): boolean {
    return this.socket.readable && this.socket.writable
  }

  /** Ends the socket, and with this reason what is under way. */
  fail(reason: unknown): void {
    this.#rows = undefined
    this.#failed.reject(reason)
    this.socket.destroy()
  }

  /** What `work` gives; it fails with what ends the socket meanwhile, or when `signal` is aborted. */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const abort = (): void => this.fail(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([this.#failed.promise, work()])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** As `during`, with rows that go to `rows`. */
  async rowsDuring(rows: RowTaker, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    this.#rows = rows
    try {
      await this.during(signal, work)
    } finally {
      this.#rows = undefined
    }
  }

  /** Hands something to the rows of the statement under way; what they throw ends it. */
  taking(hand: (rows: RowTaker) => void): void {
    if (this.#rows === undefined) return
    try {
      hand(this.#rows)
    } catch (error) {
      this.fail(error)
    }
  }
}

/** What kept a driver from its work, in words for the user where it was the network. */
export function wordsOf(error: unknown): string {
  for (let cause = error; Error.isError(cause); cause = cause.cause) {
    if (cause instanceof CaseFault) return cause.message
  }
  const failure = Error.isError(error) ? error : new Error(String(error))
  const code = 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name
  const words = connectFailureWords(code)
  const detail = failure.message === '' ? code : failure.message
  return words === undefined ? detail : `${words}：${detail}`
}
