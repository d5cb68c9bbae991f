import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout as pause } from 'node:timers/promises'
import { type Child, startChild } from '../../test/support/child.ts'
import { query, urlOf } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { type EmbeddedConnection, startEmbeddedPostgres } from '../embedded-postgres.ts'
import { isRunning, waitUntilGone } from '../processes.ts'
import { readPostmaster } from './postmaster.ts'

const testWithSetpriv = spawnSync('setpriv', ['--version']).status === 0 ? test : test.skip

let dir = ''
const platforms: Child[] = []
const others: ChildProcess[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'testledger-recovery-'))
  // Under root the server runs as another user, who may pass.
  await chmod(dir, 0o711)
})

afterEach(async () => {
  await Promise.all(platforms.splice(0).map((platform) => platform.end('SIGTERM')))
  for (const other of others.splice(0)) other.kill('SIGKILL')
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

interface Started {
  connection: EmbeddedConnection
  pid: number
}

/** A platform in a process of its own. */
function platform(dataDir: string, environment: Record<string, string> = {}): Child {
  const child = startChild('embedded-postgres-process.ts', [dataDir], { env: { ...process.env, ...environment } })
  platforms.push(child)
  return child
}

async function started(child: Child): Promise<Started> {
  const answer = JSON.parse((await child.line()) ?? '{}') as Started & { error?: string }
  expect(answer.error).toBeUndefined()
  return answer
}

/** Starts a server in this process, sees what the query answers, and stops it. */
async function answersAfterStart(dataDir: string, statements: string): Promise<unknown> {
  const server = await startEmbeddedPostgres({ dataDir, log: quiet })
  try {
    return await query(urlOf(server.connection), statements)
  } finally {
    await server.stop()
  }
}

/** A search path on which there is no `setpriv`, as on a machine without util-linux. */
async function withoutSetpriv(): Promise<Record<string, string>> {
  const empty = join(dir, 'no-programs')
  await mkdir(empty, { recursive: true })
  return { PATH: empty }
}

/** A cluster whose server was killed, and whose pid files now name the given process. */
async function clusterOfDeadServer(dataDir: string, pid: (cluster: string) => Promise<number>): Promise<string> {
  await mkdir(dataDir)
  const cluster = join(dataDir, 'postgres')
  const server = await startEmbeddedPostgres({ dataDir, log: quiet })
  const files = [join(cluster, 'postmaster.pid'), join(server.connection.host, '.s.PGSQL.5432.lock')]
  const words = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  process.kill(server.pid, 'SIGKILL')
  await server.exited
  const successor = await pid(cluster)
  await Promise.all(files.map((file, i) => writeFile(file, (words[i] ?? '').replace(/^\d+/, String(successor)))))
  return cluster
}

/** Whether the file is the one that the stage makes; the temporary one has a name that ends at random. */
function isOf(stage: string, name: string): boolean {
  return stage.endsWith('-') ? name.startsWith(stage) : name === stage
}

describe('a platform killed by SIGKILL', () => {
  // In the first directory root's server is another user, in the second it has a user namespace of its own.
  testWithSetpriv.each(['711', '700'])('takes its server with it, and loses nothing (mode %s)', async (mode) => {
    const dataDir = join(dir, `guarded-${mode}`)
    await mkdir(dataDir, { mode })
    const first = platform(dataDir)
    const { connection, pid } = await started(first)
    await query(urlOf(connection), 'create table kept as select 7 as number')
    await first.end('SIGKILL')
    expect(await waitUntilGone(pid, 10_000)).toBe(true)
    expect(await answersAfterStart(dataDir, 'select number from kept')).toEqual([{ number: 7 }])
  })

  test('leaves its server behind where nothing ends it, and the next start ends it and goes on', async () => {
    const dataDir = join(dir, 'orphan')
    const first = platform(dataDir, await withoutSetpriv())
    const { connection, pid } = await started(first)
    await query(urlOf(connection), 'create table kept as select 7 as number')
    await first.end('SIGKILL')
    expect(isRunning(pid)).toBe(true)

    const { connection: again, pid: successor } = await started(platform(dataDir))
    expect(successor).not.toBe(pid)
    expect(isRunning(pid)).toBe(false)
    expect(await query(urlOf(again), 'select number from kept')).toEqual([{ number: 7 }])
    // It was shut down, not broken off.
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toMatch(/immediate shutdown|not properly shut/)
  })

  test('leaves a server behind that is found though its pid file is gone', async () => {
    const dataDir = join(dir, 'hidden')
    const first = platform(dataDir, await withoutSetpriv())
    const { connection, pid } = await started(first)
    await query(urlOf(connection), 'create table kept as select 7 as number')
    await first.end('SIGKILL')
    await rm(join(dataDir, 'postgres', 'postmaster.pid'))

    expect(await answersAfterStart(dataDir, 'select number from kept')).toEqual([{ number: 7 }])
    expect(isRunning(pid)).toBe(false)
  })

  // What a first start makes, in this order.
  const stages = ['platform.lock', 'postgres-password', 'postgres.new-', 'postgres', 'postgres-socket', 'postgres.log']
  const kills = stages.flatMap((stage) => [0, Math.round(Math.random() * 150)].map((later) => ({ stage, later })))

  test.each(kills)('$later ms after it made $stage leaves nothing that the next cannot start from', async (kill) => {
    const dataDir = join(dir, `killed-${kill.stage}-${kill.later}`)
    await mkdir(dataDir)
    const first = platform(dataDir)
    let early: string | undefined
    void first.line().then((line) => (early = line))
    while (!(await readdir(dataDir)).some((name) => isOf(kill.stage, name))) {
      expect(early).toBeUndefined()
      await setImmediate()
    }
    await pause(kill.later)
    await first.end('SIGKILL')

    expect(await answersAfterStart(dataDir, 'select 1 as one')).toEqual([{ one: 1 }])
    expect((await readdir(dataDir)).filter((name) => name.startsWith('postgres.new'))).toEqual([])
  })

  test('leaves no folder in the temporary folder once it was started again', async () => {
    const dataDir = join(dir, 'deep'.repeat(10), 'deeper'.repeat(10))
    const first = platform(dataDir)
    const { connection, pid } = await started(first)
    await first.end('SIGKILL')
    // The folder lives until somebody starts again, whether the server was ended with the platform or not.
    expect((await stat(connection.host)).isDirectory()).toBe(true)
    await answersAfterStart(dataDir, 'select 1')
    expect(isRunning(pid)).toBe(false)
    await expect(stat(connection.host)).rejects.toThrow(/ENOENT/)
  })
})

describe('a server that dies', () => {
  test('is said to have died by itself', async () => {
    const dataDir = join(dir, 'dies')
    await mkdir(dataDir)
    const server = await startEmbeddedPostgres({ dataDir, log: quiet })
    process.kill(server.pid, 'SIGKILL')
    expect(await server.exited).toEqual({ expected: false, reason: 'signal SIGKILL' })
    await server.stop()
    expect(await answersAfterStart(dataDir, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('is started again at once, though a child of it may work still', async () => {
    const dataDir = join(dir, 'still-working')
    const { connection, pid } = await started(platform(dataDir))
    const work = query(urlOf(connection), `create table t as select generate_series(1, 100000000)`).catch(() => 'lost')
    while ((await query(urlOf(connection), `select from pg_stat_activity where query like 'create%'`)).length === 0);
    process.kill(pid, 'SIGKILL')
    expect(await answersAfterStart(dataDir, `select to_regclass('t') as t`)).toEqual([{ t: null }])
    expect(await work).toBe('lost')
  })
})

describe('a pid file left by a dead server', () => {
  test('does not keep the next out, and its pid is not signalled, when another process has it now', async () => {
    const dataDir = join(dir, 'reused')
    let bystander = 0
    await clusterOfDeadServer(dataDir, async (cluster) => {
      // Of the server's own user: Postgres takes only such a process for a rival.
      const { uid, gid } = await stat(cluster)
      const child = spawn('/bin/sleep', ['60'], { uid, gid, stdio: 'ignore', cwd: '/' })
      others.push(child)
      bystander = child.pid ?? 0
      return bystander
    })
    expect(await answersAfterStart(dataDir, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(isRunning(bystander)).toBe(true)
  })

  test('does not end the server of another data directory that has its pid now', async () => {
    const other = await started(platform(join(dir, 'innocent')))
    const dataDir = join(dir, 'accused')
    const cluster = await clusterOfDeadServer(dataDir, async () => other.pid)
    expect(readPostmaster(cluster)?.pid).toBe(other.pid)
    expect(await answersAfterStart(dataDir, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await query(urlOf(other.connection), 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test.each(['', '12'.repeat(30), 'not a number\n'])('may be broken: %j', async (words) => {
    const dataDir = join(dir, `broken-${words.length}`)
    const cluster = await clusterOfDeadServer(dataDir, async () => process.pid)
    await writeFile(join(cluster, 'postmaster.pid'), words)
    expect(await answersAfterStart(dataDir, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

test('a lost password file is made again, and the data is there', async () => {
  const dataDir = join(dir, 'password')
  await mkdir(dataDir)
  await answersAfterStart(dataDir, 'create table kept as select 7 as number')
  const file = join(dataDir, 'postgres-password')
  const first = await readFile(file, 'utf8')
  await rm(file)
  expect(await answersAfterStart(dataDir, 'select number from kept')).toEqual([{ number: 7 }])
  expect(await readFile(file, 'utf8')).not.toBe(first)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})
