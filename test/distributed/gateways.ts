import { setTimeout as pause } from 'node:timers/promises'
import { errorCode } from '../../platform/error-code.ts'
import { ADMIN, type Caller, caller, login, type Reply } from '../support/platform.ts'
import type { Outages } from './outages.ts'
import type { RoleProcess } from './role-process.ts'

/** Milliseconds that a call may take with all its repetitions, and between two of them. */
const PATIENCE_MS = 180_000
const AGAIN_MS = 100

type Door = Readonly<{ process: RoleProcess; call: Caller }>

/** What a call met on its way to an answer. */
type Met = Readonly<{ what: string; process: RoleProcess; path: string; since: number }>

/**
 * How clients come to the platform: they are spread over its gateways, and where one does not answer, or says that it cannot now, they go to
 * the next one with the same call. Whatever they meet that nothing accounts for is a surprise.
 */
export class Gateways {
  /** Answers that there should not have been. */
  readonly surprises: string[] = []
  /** How often a call went on to another gateway, by what it met. */
  readonly passedOn = new Map<string, number>()
  readonly #doors: readonly Door[]
  /** When gateways could not do what they are asked for, and when nobody fed the read models. */
  readonly #service: Outages
  readonly #readModels: Outages
  #token = ''
  #next = 0

  constructor(processes: readonly RoleProcess[], out: Readonly<{ service: Outages; readModels: Outages }>) {
    this.#doors = processes.map((process) => ({
      process,
      call: caller(
        () => process.url,
        () => this.#token,
      ),
    }))
    this.#service = out.service
    this.#readModels = out.readModels
  }

  /** Logs in; again from time to time, for no login is for ever. */
  async enter(): Promise<void> {
    this.#token = await login(this.call, ADMIN)
  }

  /** Answers what a gateway does, sooner or later; throws when none does. */
  readonly call: Caller = async (method, path, body, options) => {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await pause(AGAIN_MS)) {
      const { process, call } = this.#pick()
      const since = performance.now()
      try {
        const answer = await call(method, path, body, options)
        if (answer.status < 500 && !this.#isBehind(method, answer, since)) return answer
        this.#refused(answer, { what: `${answer.status}`, process, path, since })
      } catch (error) {
        this.#unanswered({ what: reasonOf(error), process, path, since })
      }
    }
    throw new Error(`${path} was not answered in ${PATIENCE_MS} ms`)
  }

  /** One after the other: what one has written the next must know. */
  #pick(): Door {
    const door = this.#doors[this.#next++ % this.#doors.length]
    if (door === undefined) throw new Error('there is no gateway')
    return door
  }

  /** Reading finds what was written a moment ago, as long as somebody feeds the read models. */
  #isBehind(method: string, { status }: Reply, since: number): boolean {
    return method === 'GET' && status === 404 && this.#readModels.anySince(since)
  }

  #refused({ status, headers, text }: Reply, met: Met): void {
    const accounted =
      status === 503
        ? headers.get('retry-after') !== null && this.#isOut(met)
        : status === 404 && this.#readModels.anySince(met.since)
    this.#note(met, accounted, text.slice(0, 300))
  }

  #unanswered(met: Met): void {
    this.#note(met, met.process.outages.anySince(met.since), '')
  }

  #isOut({ process, since }: Met): boolean {
    return process.outages.anySince(since) || this.#service.anySince(since)
  }

  #note({ what, process, path }: Met, accounted: boolean, text: string): void {
    this.passedOn.set(what, (this.passedOn.get(what) ?? 0) + 1)
    if (!accounted) this.surprises.push(`${process.name} met ${path} with ${what} ${text}`)
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return errorCode(cause) ?? String(cause)
}
