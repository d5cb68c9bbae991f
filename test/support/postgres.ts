/** One real Postgres server for all tests of a run, and databases of one's own on it. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedConnection, startEmbeddedPostgres } from '../../platform/embedded-postgres.ts'
import { quiet } from './quiet.ts'
import { sharedServer } from './shared-servers.ts'

export interface TestPostgres {
  connection: EmbeddedConnection
  stop(): Promise<void>
}

/** Starts a server in a new temporary folder, which `stop` removes; `settings` beside and instead of the platform's. */
export async function startTestPostgres(settings: Readonly<Record<string, string>> = {}): Promise<TestPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'testledger-test-'))
  const removeFolder = () => rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  try {
    const server = await startEmbeddedPostgres({ dataDir, log: quiet, settings })
    return { connection: server.connection, stop: () => server.stop().then(removeFolder) }
  } catch (error) {
    await removeFolder()
    throw error
  }
}

export interface TestDatabase {
  /** A connection string for it. */
  url: string
  /** Deletes it, with the sessions that are left on it. */
  drop(): Promise<void>
}

/** Creates an empty database on the run's server, which is started by the first test that asks. */
export async function freshDatabase(): Promise<TestDatabase> {
  const server = await sharedServer<EmbeddedConnection>('postgres')
  const name = `test_${randomBytes(8).toString('hex')}`
  await query(urlOf(server), `create database ${name} template template0 strategy file_copy`)
  return {
    url: urlOf({ ...server, database: name }),
    drop: async () => void (await query(urlOf(server), `drop database if exists ${name} with (force)`)),
  }
}

/** Runs statements on a connection of their own, and answers the last one's rows. */
export async function query(url: string, statements: string): Promise<Record<string, unknown>[]> {
  const { Client } = (await import('pg')).default
  const client = new Client(url)
  // A server that dies is told by the statement under way.
  client.on('error', () => {})
  await client.connect()
  try {
    const results: unknown = await client.query(statements)
    const last: unknown = Array.isArray(results) ? results.at(-1) : results
    return (last as { rows: Record<string, unknown>[] }).rows
  } finally {
    await client.end()
  }
}

/** The connection string for a server that listens on a Unix socket. */
export function urlOf({ host, port, user, password, database }: EmbeddedConnection): string {
  const [name, word] = [user, password].map(encodeURIComponent)
  return `postgres://${name}:${word}@/${database}?host=${encodeURIComponent(host)}&port=${port}`
}
