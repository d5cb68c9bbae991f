import { query, startTestPostgres, urlOf } from '../test/support/postgres.ts'
import type { Bench } from './measurement.ts'

/** A Postgres server for one measurement: the binaries and settings that come with the platform, in a folder that goes with it. */
export type Databases = Readonly<{
  /** Makes an empty database and answers its URL. */
  fresh(name: string): Promise<string>
}>

export async function startDatabases(bench: Bench): Promise<Databases> {
  const server = await startTestPostgres()
  bench.defer(server.stop)
  return {
    async fresh(name) {
      await query(urlOf(server.connection), `create database ${name} template template0`)
      return urlOf({ ...server.connection, database: name })
    },
  }
}

/** The version of the Postgres that comes with the platform. */
export async function postgresVersion(): Promise<string> {
  const server = await startTestPostgres()
  try {
    const [row] = await query(urlOf(server.connection), 'show server_version')
    return String(row?.['server_version'])
  } finally {
    await server.stop()
  }
}
