/** One connection to Postgres, on which no statement waits for ever. */
import type { Socket } from 'node:net'
import type { ClientBase, QueryConfig, QueryResult, QueryResultRow } from 'pg'
import { DatabaseUnavailable, sqlState } from '../sql.ts'

type LineOptions = Readonly<{
  where: string
  /** Milliseconds within which a statement is answered. */
  mostMs: number
  /** Told when a statement was not answered in time: other connections to the server may be as silent. */
  silent?: () => void
}>

/**
 * A host that dies, or a network that is parted, says nothing: TCP alone would wait for a quarter of an hour. So a connection on which
 * a statement is not answered in time is cut, and so is one on which the server tells of an outage; neither is used again.
 */
export class Line {
  readonly client: ClientBase
  /** Resolves with the reason when the connection has ended otherwise than by `hangUp`. */
  readonly lost: Promise<Error>
  readonly #options: LineOptions
  readonly #lose: (reason: Error) => void
  #underWay = 0

  constructor(client: ClientBase, options: LineOptions) {
    this.client = client
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.lost = promise
    this.#lose = resolve
  }

  /** Listens to the connection's end; without a listener it would end the process. Once for a connection. */
  watch(): this {
    this.client.on('error', (error) => this.#lose(unavailable(this.#options.where, error)))
    return this
  }

  get isPipeline(): boolean {
    return 'pipeline' in this.client && this.client.pipeline === true
  }

  /** Throws the server's error, or `DatabaseUnavailable`, after which the connection is gone. */
  async ask<R extends QueryResultRow>(query: QueryConfig, mostMs = this.#options.mostMs): Promise<QueryResult<R>> {
    try {
      return await this.#answer<R>(query, mostMs)
    } catch (error) {
      const told = unavailable(this.#options.where, error)
      if (told instanceof DatabaseUnavailable) this.cut(told)
      throw told
    }
  }

  /** Shows every `everyMs` that this process lives, and sees that the server does: an idle line that falls silent is cut after `mostMs`. */
  beat(everyMs: number, mostMs: number): void {
    const beating = setInterval(() => {
      // A statement under way is a sign of life, and has a limit of its own.
      if (this.#underWay === 0) void this.ask({ text: 'select 1' }, mostMs).catch(() => {})
    }, everyMs)
    this.client.once('end', () => clearInterval(beating))
    beating.unref()
  }

  /** Ends the connection without a word to the server. */
  cut(reason: Error): void {
    this.#lose(reason)
    // Statements under way fail with the reason; where there are none the driver has nobody to tell.
    destroy(this.client, this.#underWay > 0 ? reason : undefined)
  }

  async #answer<R extends QueryResultRow>(query: QueryConfig, mostMs: number): Promise<QueryResult<R>> {
    let late: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      // A process that was itself frozen reads first what came meanwhile.
      late = setImmediate(() => {
        this.cut(new DatabaseUnavailable(this.#options.where, new Error(`no answer within ${mostMs} ms`)))
        this.#options.silent?.()
      })
    }, mostMs)
    this.#underWay++
    try {
      return await this.client.query<R>(query)
    } finally {
      this.#underWay--
      clearTimeout(timer)
      clearImmediate(late)
    }
  }
}

/** Takes leave of the server; one that does not hear it within `mostMs` is cut off. */
export async function hangUp(client: ClientBase & { end(): Promise<void> }, mostMs: number): Promise<void> {
  const timer = setTimeout(() => destroy(client), mostMs)
  await client.end().catch(() => {})
  clearTimeout(timer)
}

export function destroy(client: ClientBase, reason?: Error): void {
  socketOf(client).destroy(reason)
}

/** The driver's types leave its socket out. */
export function socketOf(client: ClientBase): Socket {
  return (client as ClientBase & { connection: { stream: Socket } }).connection.stream
}

/**
 * What of the server's own words is an outage: it is going down or refuses us, has no room, memory or connection left (53…), or is
 * read-only, as a primary is that has become a standby.
 */
const OUTAGE = /^(57P0|28|08|53|25006|3D000)/

/** What the server answered stays as it is, unless it is an outage; all else is one. */
export function unavailable(where: string, error: unknown): Error {
  if (error instanceof DatabaseUnavailable) return error
  const state = sqlState(error)
  if (state !== undefined && !OUTAGE.test(state)) return error as Error
  return new DatabaseUnavailable(where, error)
}
