import type { Socket } from 'node:net'
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
import { pause } from './pause.ts'
import {
  type Database,
  DatabaseUnavailable,
  HEARTBEAT,
  type Session,
  type SessionOptions,
  type Sql,
  sqlState,
} from './sql.ts'

export type DatabaseOptions = Readonly<{
  /** A URL (`postgres://user:password@host:5432/database`; `postgres://user@/database?host=/folder` for a Unix socket), or its parts. */
  connection: string | ClientConfig
  /** Connections of the pool at most; sessions and listeners have their own. */
  max?: number
  log: Log
}>

/** The query builder, without a connection: `run` compiles what it built. */
export const build = knex({ client: 'pg' })

/** Runs what `build` has built, for example `run(db, build('users').where({ id }).select('name'))`. */
export function run<R extends object = Record<string, unknown>>(sql: Sql, query: knex.Knex.QueryBuilder): Promise<R[]> {
  const { sql: text, bindings } = query.toSQL().toNative()
  return sql.query<R>(text, bindings)
}

/** Opens a pool and sees that the server answers. Throws `DatabaseUnavailable`, which names the host and never the password. */
export async function openDatabase({ connection, max = 10, log }: DatabaseOptions): Promise<Database> {
  const config = clientConfig(connection)
  const where = address(config)
  const pool = new Pool({ ...config, max, idleTimeoutMillis: 30_000 })
  const name = statementNames()

  // Without listeners a connection that ends while idle, or in a transaction between two statements, would end the process.
  pool.on('error', (error) => {
    // `end()` does not wait until its connections are closed: a server that stops next cuts them first.
    if (!pool.ending) log.warn({ where, reason: error.message }, 'a database connection was lost')
  })
  pool.on('connect', (client) => client.on('error', () => {}))

  /** A connection goes back to the pool after an error that the server answered, and is thrown away after any other. */
  async function withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable(where, error)
    })
    let broken = false
    try {
      return await work(client)
    } catch (error) {
      broken = error instanceof DatabaseUnavailable || error instanceof RollbackFailed
      throw error instanceof RollbackFailed ? error.cause : error
    } finally {
      client.release(broken)
    }
  }

  const database: Database = {
    query: (text, values) => withClient((client) => send(client, { where, name }, text, values)),
    transaction: (work) => withClient((client) => transact(client, { where, name }, work)),
    session: (options) => openSession(config, { where, name }, options),
    listen: (channel, wake) => listen(config, where, { channel, wake, log }),
    close: () => pool.end(),
  }
  await database.query('select 1').catch(async (error: unknown) => {
    await pool.end()
    throw error
  })
  return database
}

type Target = Readonly<{ where: string; name: (text: string) => string | undefined }>

async function send<R extends object>(
  client: ClientBase,
  { where, name }: Target,
  text: string,
  values?: readonly unknown[],
): Promise<R[]> {
  const prepared = values === undefined ? undefined : name(text)
  try {
    const result = await client.query<R>({
      text,
      ...(values === undefined ? {} : { values: [...values] }),
      ...(prepared === undefined ? {} : { name: prepared }),
    })
    return result.rows
  } catch (error) {
    throw unavailable(where, error)
  }
}

function isPipeline(client: ClientBase): boolean {
  return 'pipeline' in client && client.pipeline === true
}

/** The connection is in an unknown state: it must not be used again. */
class RollbackFailed extends Error {}

async function transact<T>(client: ClientBase, target: Target, work: (sql: Sql) => Promise<T>): Promise<T> {
  let over = false
  /** Statements under way whose answers are looked at when the work is done, first to last: the first failure is the cause of all. */
  const sent: Promise<unknown>[] = []
  const sql: Sql = {
    query(text, values) {
      if (over) return Promise.reject(new Error('this transaction is over'))
      const answer = send<never>(client, target, text, values)
      letGo()
      return answer
    },
    send(text, values) {
      if (over) throw new Error('this transaction is over')
      sent.push(unwatched(send(client, target, text, values)))
    },
  }
  const letGo = isPipeline(client) ? holdBack(client) : () => {}
  // Where the connection is a pipeline, the work's first statements travel with it, and the commit with its last.
  sent.push(unwatched(send(client, target, 'begin')))
  if (!isPipeline(client)) await sent[0]
  try {
    const result = await work(sql)
    over = true
    const committed = isPipeline(client) ? unwatched(commit(client, target)) : undefined
    letGo()
    for (const answer of sent) await answer
    await (committed ?? commit(client, target))
    return result
  } catch (error) {
    over = true
    letGo()
    if (error instanceof DatabaseUnavailable) throw error
    const cause = await firstFailure(sent, error)
    await client.query('rollback').catch(() => {
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
  // The driver's types leave its socket out; the driver itself corks it in the same way for each statement.
  const { stream } = (client as ClientBase & { connection: { stream: Socket } }).connection
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
async function commit(client: ClientBase, { where }: Target): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => {
    throw unavailable(where, error)
  })
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
  const { client, lost } = await connect(
    { ...config, application_name: `testledger ${name}`, pipeline },
    target.where,
    setup,
  )
  if (heartbeat) {
    const beating = setInterval(() => void client.query('select 1').catch(() => {}), HEARTBEAT.everyMs)
    client.once('end', () => clearInterval(beating))
    beating.unref()
  }
  return {
    query: (text, values) => send(client, target, text, values),
    transaction: (work) =>
      transact(client, target, work).catch((error: unknown) => {
        throw error instanceof RollbackFailed ? error.cause : error
      }),
    lost,
    close: () => client.end(),
  }
}

/** Listens until it is stopped: a lost connection is made again, with pauses that grow from 0.1 to 5 seconds. */
async function listen(
  config: ClientConfig,
  where: string,
  { channel, wake, log }: { channel: string; wake: (sender?: number) => void; log: Log },
): Promise<() => Promise<void>> {
  const stopped = new AbortController()

  async function subscribe() {
    const setup = `listen ${escapeIdentifier(channel)}`
    const connection = await connect({ ...config, application_name: `testledger listens to ${channel}` }, where, setup)
    connection.client.on('notification', ({ processId }) => wake(processId))
    return connection
  }

  let current = await subscribe()
  const kept = (async () => {
    while (!stopped.signal.aborted) {
      const error = await Promise.race([current.lost, aborted(stopped.signal)])
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
    await current.client.end().catch(() => {})
  })()

  return async () => {
    stopped.abort()
    await kept
  }
}

type Connection = Readonly<{ client: Client; lost: Promise<Error> }>

/** A connection outside the pool, on which `setup` has been run. */
async function connect(config: ClientConfig, where: string, setup?: string): Promise<Connection> {
  const client = new Client(config)
  const lost = Promise.withResolvers<Error>()
  client.on('error', (error) => lost.resolve(unavailable(where, error)))
  try {
    await client.connect()
    if (setup !== undefined) await client.query(setup)
  } catch (error) {
    await client.end().catch(() => {})
    throw unavailable(where, error)
  }
  return { client, lost: lost.promise }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
}

/** What the server answered stays as it is; all else, and the server's own going down (57P…) or refusing us (28…, 53300), is unavailability. */
function unavailable(where: string, error: unknown): Error {
  if (error instanceof DatabaseUnavailable) return error
  const state = sqlState(error)
  if (state !== undefined && !/^(57P0|28|08|53300|3D000)/.test(state)) return error as Error
  return new DatabaseUnavailable(where, error)
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
