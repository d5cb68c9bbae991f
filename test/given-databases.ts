/** For tests: databases of a run, and a script that asks them through a real sandbox. */
import { connect, createServer, type AddressInfo } from 'node:net'
import { parseJson } from '../contracts/json.ts'
import { freshDatabase } from './support/postgres.ts'
import { parseTargetDeny } from '../services/runner/case/deny.ts'
import { type GivenCase, givenCase, printed } from '../services/runner/sandbox/given-sandbox.ts'
import type { SandboxPool } from '../services/runner/sandbox/pool.ts'
import {
  DATABASE_LIMITS,
  type Databases,
  type DatabaseLimits,
  openDatabases,
} from '../services/runner/databases/open.ts'

/** One entry of an environment's `db`. */
export type Entry = Readonly<{ name: string; type: string; config: object }>

export interface GivenScripts extends GivenCase {
  databases: Databases
  /** What `print` wrote while the script ran. Throws how it ended if that was not well. */
  prints(script: string): Promise<string[]>
  close(): Promise<void>
}

export async function givenScripts(
  pool: SandboxPool,
  entries: readonly object[],
  { deny = '', ...limits }: Partial<DatabaseLimits> & { deny?: string } = {},
): Promise<GivenScripts> {
  const databases = openDatabases(parseJson(JSON.stringify(entries)), parseTargetDeny(deny), {
    ...DATABASE_LIMITS,
    ...limits,
  })
  const given = await givenCase(pool, { databases })
  return {
    ...given,
    databases,
    async prints(script) {
      const outcome = await given.setup(script)
      if (outcome.end.kind !== 'done') throw new Error(JSON.stringify(outcome.end))
      return printed(outcome)
    },
    async close() {
      given.sandbox.close()
      await databases.close()
    },
  }
}

/** A database on the tests' Postgres, which listens on a Unix socket alone, behind a port. */
export async function givenPostgres(): Promise<{ entry: Entry; connections(): number; stop(): Promise<void> }> {
  const fresh = await freshDatabase()
  const { username, password, pathname, searchParams } = new URL(fresh.url.replace('@/', '@host/'))
  const socket = `${searchParams.get('host') ?? ''}/.s.PGSQL.${searchParams.get('port') ?? ''}`
  const proxy = createServer((near) => {
    const far = connect(socket)
    const end = (): void => void [near, far].map((each) => each.destroy())
    for (const each of [near, far]) each.on('error', end).on('close', end)
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  let open = 0
  proxy.on('connection', (near) => {
    open += 1
    near.once('close', () => (open -= 1))
  })
  const config = {
    host: '127.0.0.1',
    port: (proxy.address() as AddressInfo).port,
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  }
  return {
    entry: { name: 'pg', type: 'postgres', config },
    connections: () => open,
    async stop() {
      await new Promise((resolve) => proxy.close(resolve))
      await fresh.drop()
    },
  }
}
