/** A real MariaDB server for tests: Debian's `mariadbd` on a folder of its own. Where it is not installed, its tests say that they are skipped. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe } from '@jest/globals'
import { freePort } from './free-port.ts'

const find = (name: string): string | undefined =>
  ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin'].map((folder) => join(folder, name)).find(existsSync)
const SERVER = find('mariadbd')
const INSTALL = find('mariadb-install-db')

export interface TestMariadb {
  host: string
  port: number
  user: string
  password: string
  database: string
  stop(): Promise<void>
}

/** `describe` for what needs the server; skipped, and saying why, where it is not installed. */
export function describeWithMariadb(name: string, tests: () => void): void {
  if (SERVER !== undefined && INSTALL !== undefined) return describe(name, tests)
  const skipped = `${name} (skipped: mariadbd is not installed; Debian has it in mariadb-server)`
  // When many files run, jest tells neither names nor logs of what is skipped.
  process.stderr.write(`${skipped}\n`)
  describe.skip(skipped, tests)
}

/** Starts a server on a free port, with a database and a user of its own; `stop` ends it and removes its folder. */
export async function startMariadb(): Promise<TestMariadb> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-mariadb-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  // As root the server wants to be told who it is to be.
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : []
  let server: ChildProcess | undefined
  try {
    // Open, for the server may run as another user.
    await chmod(folder, 0o777)
    const data = join(folder, 'data')
    await finished(
      spawn(INSTALL ?? '', [
        '--no-defaults',
        `--datadir=${data}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        ...user,
      ]),
    )
    const account = { user: 'tester', password: 'Mar1a-pass', database: 'shop' }
    const port = await freePort()
    // Nothing is worth a disk's patience here.
    const options = [
      '--no-defaults',
      `--datadir=${data}`,
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=16M',
      '--skip-log-bin',
      '--max-connections=40',
      ...user,
    ]
    server = spawn(SERVER ?? '', options, { stdio: ['ignore', 'ignore', 'pipe'] })
    await ready(server)
    const { createConnection } = await import('mysql2/promise')
    const root = await createConnection({ host: '127.0.0.1', port, user: 'root' })
    await root.query(`create database ${account.database} character set utf8mb4`)
    await root.query(`create user ${account.user} identified by '${account.password}'`)
    await root.query(`grant all on *.* to ${account.user}`)
    await root.end()
    const started = server
    return {
      host: '127.0.0.1',
      port,
      ...account,
      async stop() {
        await ended(started)
        await remove()
      },
    }
  } catch (error) {
    if (server !== undefined) await ended(server)
    await remove()
    throw error
  }
}

/** Resolves when the process has ended well; rejects with what it said. */
function finished(child: ChildProcess): Promise<void> {
  let told = ''
  child.stdout?.on('data', (chunk: Buffer) => (told += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`mariadb-install-db: ${told.slice(-2000)}`)),
    )
  })
}

/** Resolves when the server says that it takes connections. */
function ready(server: ChildProcess): Promise<void> {
  const said: string[] = []
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('close', (code) => reject(new Error(`mariadbd ended with ${code}: ${said.slice(-20).join('\n')}`)))
    createInterface({ input: server.stderr! }).on('line', (line) => {
      said.push(line)
      if (line.includes('ready for connections')) resolve()
    })
  })
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = new Promise((resolve) => void server.once('exit', resolve))
  server.kill('SIGTERM')
  await gone
}
