import knex from 'knex'
import {
  Client,
  type ClientBase,
  type ClientConfig,
  type CustomTypesConfig,
  escapeIdentifier,
  Pool,
  type PoolClient,
  types as driverTypes,
} from 'pg'
import type { Log } from './log.ts'
import { aborted, pause } from './pause.ts'
import { destroy, hangUp, Line, socketOf, unavailable } from './postgres/line.ts'
import { type Database, DatabaseUnavailable, HEARTBEAT, type Session, type SessionOptions, type Sql } from './sql.ts'
import { within } from './within.ts'

export type DatabaseOptions = Readonly<{
  /** A URL (`postgres://user:password@host:5432/database`; `postgres://user@/database?host=/folder` for a Unix socket), or its parts. */
  connection: string | ClientConfig
  /** Connections of the pool at most; sessions and listeners have their own. */
  max?: number
  log: Log
  /** Other limits than those in use, for tests. */
  limits?: Partial<Limits>
}>

/** Milliseconds after which a server that says nothing is given up. */
export type Limits = Readonly<{
  /** A statement of the pool. */
  statementMs: number
  /** A statement of a transaction that may be long. */
  longMs: number
  /** A statement of a session: it leads, appends or feeds read models, and others wait for it. */
  sessionMs: number
  /** Between two signs of life of a connection that gives them, and until one is answered: then others get what the session holds. */
  beatMs: number
  beatAnsweredMs: number
  /** The end of a connection. */
  endMs: number
}>

const LIMITS: Limits = {
  statementMs: 30_000,
  longMs: 30 * 60_000,
  sessionMs: HEARTBEAT.lostMs,
  beatMs: HEARTBEAT.everyMs,
  beatAnsweredMs: HEARTBEAT.lostMs - HEARTBEAT.everyMs,
  endMs: 2_000,
}

/** The query builder, without a connection: `run` compiles what it built. */
export const build = knex({ client: 'pg' })

/** Runs what `build` has built, for example `run(db, build('users').where({ id }).select('name'))`. */
export function run<R extends object = Record<string, unknown>>(sql: Sql, query: knex.Knex.QueryBuilder): Promise<R[]> {
  const { sql: text, bindings } = query.toSQL().toNative()
  return sql.query<R>(text, bindings)
}

/** Opens a pool and sees that the server answers. Throws `DatabaseUnavailable`, which names the host and never the password. */
export async function openDatabase({ connection, max = 10, log, limits: other }: DatabaseOptions): Promise<Database> {
  const config = clientConfig(connection)
  const where = address(config)
  const limits = { ...LIMITS, ...other }
  const pool = new Pool({ ...config, max, idleTimeoutMillis: 30_000 })
  const kept = keep(pool, limits.endMs)
  const target: Target = { where, limits, name: statementNames(), silent: kept.cutIdle }

  // Without listeners a connection that ends while idle, or in a transaction between two statements, would end the process.
  pool.on('error', (error) => {
    // `end()` does not wait until its connections are closed: a server that stops next cuts them first.
    if (!pool.ending) log.warn({ where, reason: error.message }, 'a database connection was lost')
  })
  pool.on('connect', (client) => client.on('error', () => {}))

  /** A connection goes back to the pool after an error that the server answered, and is thrown away after any other. */
  async function withLine<T>(work: (line: Line) => Promise<T>, options: LineLimits = {}): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable(where, error)
    })
    const { mostMs = limits.statementMs, alone = false } = options
    const line = new Line(client, { where, mostMs, ...(!alone && { silent: target.silent }) })
    let broken = false
    try {
      return await work(line)
    } catch (error) {
      broken = error instanceof DatabaseUnavailable || error instanceof RollbackFailed
      throw error instanceof RollbackFailed ? error.cause : error
    } finally {
      if (broken) destroy(client)
      client.release(broken)
    }
  }

  const database: Database = {
    query: (text, values) => withLine((line) => send(line, target, text, values)),
    transaction: (work, { long = false } = {}) =>
      withLine((line) => transact(line, target, work), { mostMs: long ? limits.longMs : limits.statementMs }),
    session: (options) => openSession(config, target, options),
    listen: (channel, wake) => listen(config, target, { channel, wake, log }),
    reach: (mostMs) =>
      // Be it for want of a free connection that it takes longer.
      within(
        mostMs,
        withLine((line) => reachForWriting(line, target), { mostMs, alone: true }),
      ).catch((error: unknown) => {
        throw unavailable(where, error)
      }),
    close: kept.close,
  }
  await database.query('select 1').catch(async (error: unknown) => {
    await database.close()
    throw error
  })
  return database
}

/** `alone`: what this line does not answer in time says nothing about others. */
type LineLimits = Readonly<{ mostMs?: number; alone?: boolean }>

type Target = Readonly<{
  where: string
  limits: Limits
  name: (text: string) => string | undefined
  silent: () => void
}>

/** The pool's connections: those that are idle may be silent like another, and at the end none outlives the limit. */
function keep(pool: Pool, endMs: number): { cutIdle(): void; close(): Promise<void> } {
  const all = new Set<PoolClient>()
  const idle = new Set<PoolClient>()
  pool.on('connect', (client) => {
    all.add(client)
    client.once('end', () => {
      all.delete(client)
      idle.delete(client)
    })
  })
  pool.on('acquire', (client) => idle.delete(client))
  pool.on('release', (_, client) => {
    if (all.has(client)) idle.add(client)
  })
  return {
    cutIdle() {
      for (const client of idle) {
        // The pool hears of an end too late: it would give the connection to whoever asks in the same moment.
        client.emit('error', new Error('another connection fell silent'))
        destroy(client)
      }
    },
    async close() {
      // Connections that say goodbye are the pool's no longer, and would keep the process until the server hears them.
      const gone = Promise.all([...all].map((client) => new Promise((resolve) => client.once('end', resolve))))
      const late = Promise.withResolvers<unknown>()
      const timer = setTimeout(() => {
        for (const client of all) destroy(client)
        // Whoever still has a connection gives it back when it pleases.
        late.resolve(gone)
      }, endMs)
      await Promise.race([Promise.all([pool.end(), gone]), late.promise])
      clearTimeout(timer)
    },
  }
}

async function reachForWriting(line: Line, target: Target): Promise<void> {
  const [row] = await send<{ transaction_read_only: string }>(line, target, 'show transaction_read_only')
  if (row?.transaction_read_only === 'on') {
    throw new DatabaseUnavailable(target.where, new Error('the database is read-only'))
  }
}

async function send<R extends object>(
  line: Line,
  { name }: Target,
  text: string,
  values?: readonly unknown[],
): Promise<R[]> {
  const prepared = values === undefined ? undefined : name(text)
  const { rows } = await line.ask<R>({
    text,
    ...(values === undefined ? {} : { values: [...values] }),
    ...(prepared === undefined ? {} : { name: prepared }),
  })
  return rows
}

/** The connection is in an unknown state: it must not be used again. */
class RollbackFailed extends Error {}

async function transact<T>(line: Line, target: Target, work: (sql: Sql) => Promise<T>): Promise<T> {
  let over = false
  /** Statements under way whose answers are looked at when the work is done, first to last: the first failure is the cause of all. */
  const sent: Promise<unknown>[] = []
  const sql: Sql = {
    query(text, values) {
      if (over) return Promise.reject(new Error('this transaction is over'))
      const answer = send<never>(line, target, text, values)
      letGo()
      return answer
    },
    send(text, values) {
      if (over) throw new Error('this transaction is over')
      sent.push(unwatched(send(line, target, text, values)))
    },
  }
  const letGo = line.isPipeline ? holdBack(line.client) : () => {}
  // Where the connection is a pipeline, the work's first statements travel with it, and the commit with its last.
  sent.push(unwatched(send(line, target, 'begin')))
  if (!line.isPipeline) await sent[0]
  try {
    const result = await work(sql)
    over = true
    const committed = line.isPipeline ? unwatched(commit(line)) : undefined
    letGo()
    for (const answer of sent) await answer
    await (committed ?? commit(line))
    return result
  } catch (error) {
    over = true
    letGo()
    if (error instanceof DatabaseUnavailable) throw error
    const cause = await firstFailure(sent, error)
    await line.ask({ text: 'rollback' }).catch(() => {
      throw new RollbackFailed('rollback failed', { cause })
    })
    throw cause
  }
}

/** An answer that is looked at later: until then its failure is nobody's. */
function unwatched<P>(answer: Promise<P>): Promise<P> {
  answer.catch(() => {})
  return answer
}

/** Holds back what is written to the socket until what it answers is called: statements sent together are then one write. */
function holdBack(client: ClientBase): () => void {
  // The driver itself corks its socket in the same way for each statement.
  const stream = socketOf(client)
  let held = true
  stream.cork()
  return () => {
    if (held) stream.uncork()
    held = false
  }
}

/** What failed first: statements after it were refused because of it. */
async function firstFailure(sent: readonly Promise<unknown>[], error: unknown): Promise<unknown> {
  for (const answer of await Promise.allSettled(sent)) if (answer.status === 'rejected') return answer.reason
  return error
}

// The server answers the commit of a failed transaction with ROLLBACK and no error: work that swallowed the error would pass for done.
async function commit(line: Line): Promise<void> {
  const { command } = await line.ask({ text: 'commit' })
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement in it had failed')
}

async function openSession(
  config: ClientConfig,
  target: Target,
  { name, synchronousCommit = true, pipeline = false, heartbeat = false }: SessionOptions,
): Promise<Session> {
  const setup = [
    // What a session writes is what its process alone writes, or leads: who takes over from one that hangs waits no longer for its locks.
    `set idle_in_transaction_session_timeout = ${HEARTBEAT.lostMs}`,
    ...(synchronousCommit ? [] : ['set synchronous_commit = off']),
    ...(heartbeat ? [`set idle_session_timeout = ${HEARTBEAT.lostMs}`] : []),
  ].join('; ')
  const { line, hangUp: close } = await connect(
    { ...config, application_name: `testledger ${name}`, pipeline },
    target,
    setup,
  )
  const { beatMs, beatAnsweredMs } = target.limits
  if (heartbeat) line.beat(beatMs, beatAnsweredMs)
  return {
    query: (text, values) => send(line, target, text, values),
    transaction: (work) =>
      transact(line, target, work).catch((error: unknown) => {
        throw error instanceof RollbackFailed ? error.cause : error
      }),
    lost: line.lost,
    close,
  }
}

/** Listens until it is stopped: a lost connection is made again, with pauses that grow from 0.1 to 5 seconds. */
async function listen(
  config: ClientConfig,
  target: Target,
  { channel, wake, log }: { channel: string; wake: (sender?: number) => void; log: Log },
): Promise<() => Promise<void>> {
  const stopped = new AbortController()
  const { where, limits } = target

  async function subscribe() {
    const setup = `listen ${escapeIdentifier(channel)}`
    const connection = await connect({ ...config, application_name: `testledger listens to ${channel}` }, target, setup)
    // It says nothing of itself: only an answer tells that it still hears.
    connection.line.beat(limits.beatMs, limits.beatAnsweredMs)
    connection.line.client.on('notification', ({ processId }) => wake(processId))
    return connection
  }

  let current = await subscribe()
  const kept = (async () => {
    while (!stopped.signal.aborted) {
      const error = await Promise.race([current.line.lost, aborted(stopped.signal)])
      if (stopped.signal.aborted) break
      log.warn({ where, channel, reason: error?.message }, 'a database listener was lost')
      for (let wait = 100; !stopped.signal.aborted; wait = Math.min(wait * 2, 5000)) {
        await pause(wait, stopped.signal)
        const next = await subscribe().catch(() => undefined)
        if (next === undefined) continue
        current = next
        wake()
        break
      }
    }
    await current.hangUp()
  })()

  return async () => {
    stopped.abort()
    await kept
  }
}

type Connection = Readonly<{ line: Line; hangUp(): Promise<void> }>

/** A connection outside the pool, on which `setup` has been run. */
async function connect(config: ClientConfig, target: Target, setup: string): Promise<Connection> {
  const { where, limits, silent } = target
  const client = new Client(config)
  const line = new Line(client, { where, mostMs: limits.sessionMs, silent }).watch()
  const leave = (): Promise<void> => hangUp(client, limits.endMs)
  try {
    await client.connect()
    await line.ask({ text: setup })
  } catch (error) {
    await leave()
    throw unavailable(where, error)
  }
  return { line, hangUp: leave }
}

/** Of the server's types, by number: int8, json and jsonb come as text; arrays of json as arrays of text. */
const AS_TEXT = new Set([20, 114, 3802])
const JSON_ARRAYS = new Set([199, 3807])
const TEXT_ARRAY = 1009

// The driver declares its types as an enum that knows no arrays.
const parserOf: (oid: number, format: 'text' | 'binary') => (text: string) => unknown = driverTypes.getTypeParser

// Set for each client: the driver's own registry is one for the whole process.
const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text' | 'binary' = 'text') => {
    if (AS_TEXT.has(oid)) return String
    return parserOf(JSON_ARRAYS.has(oid) ? TEXT_ARRAY : oid, format)
  }) as CustomTypesConfig['getTypeParser'],
}

function clientConfig(connection: string | ClientConfig): ClientConfig {
  return {
    ...(typeof connection === 'string' ? { connectionString: connection } : connection),
    types,
    application_name: 'testledger',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: 10_000,
    // A transaction that its process forgot would hold back its locks and the cleaning of every table.
    idle_in_transaction_session_timeout: 60_000,
  }
}

function address(config: ClientConfig): string {
  const { host, port, database } = new Client(config)
  return `${host}:${port}/${database ?? ''}`
}

/** Names that are given out at most, and the longest text that gets one: each connection keeps what it has prepared. */
const MOST_NAMES = 500
const LONGEST_NAMED = 8192

/** Each text has one name for the life of the pool; texts that come when all are given out are sent unprepared. */
function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined || names.size >= MOST_NAMES || text.length > LONGEST_NAMED) return known
    const name = `s${names.size}`
    names.set(text, name)
    return name
  }
}
