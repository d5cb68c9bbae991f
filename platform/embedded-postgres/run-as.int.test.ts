import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../../test/support/child.ts'
import { query, urlOf } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { type EmbeddedConnection, type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded-postgres.ts'

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const hasNamespaces = spawnSync('unshare', ['-U', '--map-user=65534', '--map-group=65534', 'true']).status === 0
const testAsRoot = isRoot ? test : test.skip
const testWithNamespaces = isRoot && hasNamespaces ? test : test.skip

let dir = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'testledger-users-'))
  await chmod(dir, 0o711)
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function withServer<T>(dataDir: string, work: (server: EmbeddedPostgres) => Promise<T>): Promise<T> {
  const server = await startEmbeddedPostgres({ dataDir, log: quiet })
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

async function statusOf(pid: number, field: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? ''
}

describe('started by root', () => {
  testAsRoot('the server is a user without rights, in no group of root', async () => {
    const dataDir = join(dir, 'reachable')
    await mkdir(dataDir, { mode: 0o711 })
    await withServer(dataDir, async ({ connection, pid }) => {
      const cluster = await stat(join(dataDir, 'postgres'))
      expect(cluster.uid).not.toBe(0)
      expect(await statusOf(pid, 'Uid')).toBe(Array(4).fill(cluster.uid).join('\t'))
      expect(await statusOf(pid, 'Groups')).toBe('')
      expect(await statusOf(pid, 'CapEff')).toMatch(/^0+$/)
      expect((await stat(connection.host)).uid).toBe(cluster.uid)
      expect(await query(urlOf(connection), 'select 1 as one')).toEqual([{ one: 1 }])
    })
  })

  testWithNamespaces('the server has a user namespace of its own where no other user can reach its files', async () => {
    const dataDir = join(dir, 'closed')
    await mkdir(dataDir, { mode: 0o700 })
    await withServer(dataDir, async ({ connection, pid }) => {
      expect((await stat(join(dataDir, 'postgres'))).uid).toBe(0)
      expect(await readlink(`/proc/${pid}/ns/user`)).not.toBe(await readlink('/proc/self/ns/user'))
      expect(await statusOf(pid, 'CapEff')).toMatch(/^0+$/)
      expect(await stat(connection.host)).toMatchObject({ uid: 0, mode: 0o40700 })
      expect(await query(urlOf(connection), 'select 1 as one')).toEqual([{ one: 1 }])
    })
  })

  testWithNamespaces('the files change hands when their folder is closed to their owner', async () => {
    const dataDir = join(dir, 'moved')
    await mkdir(dataDir, { mode: 0o711 })
    await withServer(dataDir, ({ connection }) => query(urlOf(connection), 'create table kept as select 7 as number'))
    await chmod(dataDir, 0o700)
    const kept = await withServer(dataDir, ({ connection }) => query(urlOf(connection), 'select number from kept'))
    expect(kept).toEqual([{ number: 7 }])
    expect((await stat(join(dataDir, 'postgres', 'base'))).uid).toBe(0)
  })

  testAsRoot('the server of an ordinary user is run as that user, whose files stay his', async () => {
    const dataDir = await homeOf(1, 'his-own')
    await runAs(1, dataDir, ({ connection }) => query(urlOf(connection), 'create table kept as select 7 as number'))
    await withServer(dataDir, async ({ connection, pid }) => {
      expect(await statusOf(pid, 'Uid')).toBe('1\t1\t1\t1')
      expect(await query(urlOf(connection), 'select number from kept')).toEqual([{ number: 7 }])
    })
    const kept = await runAs(1, dataDir, ({ connection }) => query(urlOf(connection), 'select number from kept'))
    expect(kept).toEqual([{ number: 7 }])
  })
})

describe('started by an ordinary user', () => {
  testAsRoot('the server is that user', async () => {
    const dataDir = await homeOf(1, 'ordinary')
    await runAs(1, dataDir, async ({ connection, pid }) => {
      expect(await statusOf(pid, 'Uid')).toBe('1\t1\t1\t1')
      expect(await stat(connection.host)).toMatchObject({ uid: 1, mode: 0o40700 })
      expect(await query(urlOf(connection), 'select 1 as one')).toEqual([{ one: 1 }])
    })
    await expect(runAs(2, dataDir, async () => {})).rejects.toThrow(/EACCES/)
  })

  testWithNamespaces('the server starts for a user without a name, which initdb alone would refuse', async () => {
    const dataDir = await homeOf(54_321, 'nameless')
    const answer = await runAs(54_321, dataDir, ({ connection }) => query(urlOf(connection), 'select 1 as one'))
    expect(answer).toEqual([{ one: 1 }])
  })
})

/** A data directory that belongs to the user alone. */
async function homeOf(uid: number, name: string): Promise<string> {
  const path = join(dir, name)
  await mkdir(path, { mode: 0o700 })
  await chown(path, uid, uid)
  return path
}

/** Runs a platform as the user, and the work beside it. */
async function runAs<T>(
  uid: number,
  dataDir: string,
  work: (server: { connection: EmbeddedConnection; pid: number }) => Promise<T>,
): Promise<T> {
  const child = startChild('embedded-postgres-process.ts', [dataDir], { uid, gid: uid, cwd: '/' })
  try {
    const answer = JSON.parse((await child.line()) ?? '{}') as {
      connection: EmbeddedConnection
      pid: number
      error?: string
    }
    if (answer.error !== undefined) throw new Error(answer.error)
    return await work(answer)
  } finally {
    await child.end('SIGTERM')
  }
}
