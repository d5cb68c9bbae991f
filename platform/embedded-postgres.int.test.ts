import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { query, urlOf } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import {
  type EmbeddedPostgres,
  embeddedConnection,
  EmbeddedPostgresUnavailable,
  startEmbeddedPostgres,
} from './embedded-postgres.ts'

let dir = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'testledger-embedded-'))
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** A new, empty data directory. */
async function dataDirectory(name: string): Promise<string> {
  const path = join(dir, name)
  await mkdir(path)
  return path
}

async function withServer<T>(dataDir: string, work: (server: EmbeddedPostgres) => Promise<T>): Promise<T> {
  const server = await startEmbeddedPostgres({ dataDir, log: quiet })
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

describe('the embedded database', () => {
  test('keeps what was written over a stop and a start, and says how it ended', async () => {
    const dataDir = await dataDirectory('kept')
    expect(embeddedConnection(dataDir)).toBeUndefined()
    const first = await startEmbeddedPostgres({ dataDir, log: quiet })
    await query(urlOf(first.connection), `create table kept (word text); insert into kept values ('一')`)
    expect(embeddedConnection(dataDir)).toEqual(first.connection)
    await Promise.all([first.stop(), first.stop()])
    expect(await first.exited).toEqual({ expected: true, reason: 'exit code 0' })
    expect(embeddedConnection(dataDir)).toBeUndefined()

    await withServer(dataDir, async ({ connection }) => {
      expect(await query(urlOf(connection), 'select word from kept')).toEqual([{ word: '一' }])
    })
  })

  test('stops while sessions are open', async () => {
    const server = await startEmbeddedPostgres({ dataDir: await dataDirectory('busy'), log: quiet })
    const asleep = query(urlOf(server.connection), 'select pg_sleep(600)').catch((error: unknown) => String(error))
    const seen = `select 1 from pg_stat_activity where query like '%sleep(600)' and state = 'active'`
    while ((await query(urlOf(server.connection), seen)).length === 0);
    await server.stop()
    expect(await asleep).toMatch(/terminat/)
  })

  test('is reached through its socket with its password, and in no other way', async () => {
    await withServer(await dataDirectory('closed'), async ({ connection, pid }) => {
      const dataDir = join(dir, 'closed')
      expect((await stat(connection.host)).mode & 0o777).toBe(0o700)
      const passwordFile = await stat(join(dataDir, 'postgres-password'))
      expect(passwordFile.mode & 0o777).toBe(0o600)
      expect(passwordFile.uid).toBe(process.getuid?.())
      expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700)
      await expect(query(urlOf({ ...connection, password: 'guessed' }), 'select 1')).rejects.toThrow(/password/)

      const rules = await query(urlOf(connection), 'select distinct auth_method from pg_hba_file_rules')
      expect(rules).toEqual([{ auth_method: 'scram-sha-256' }])
      if (process.platform === 'linux') expect(await listeningInternetSockets(pid)).toEqual([])
    })
  })

  test('runs with durable writes, UTC and UTF-8, and logs neither statements nor the values in them', async () => {
    const dataDir = await dataDirectory('settings')
    await withServer(dataDir, async ({ connection }) => {
      const names = ['fsync', 'full_page_writes', 'synchronous_commit', 'jit', 'max_connections', 'timezone']
      const show = names.map((name) => `current_setting('${name}') as ${name}`).join(', ')
      expect(await query(urlOf(connection), `select ${show}`)).toEqual([
        {
          fsync: 'on',
          full_page_writes: 'on',
          synchronous_commit: 'on',
          jit: 'off',
          max_connections: '100',
          timezone: 'UTC',
        },
      ])
      const locale = `select pg_encoding_to_char(encoding) as encoding, upper('é') as upper, 'a' > 'B' as bytewise
        from pg_database where datname = current_database()`
      expect(await query(urlOf(connection), locale)).toEqual([{ encoding: 'UTF8', upper: 'É', bytewise: true }])

      const twice = `create table t (k text primary key); insert into t values ('hunter2'), ('hunter2')`
      await expect(query(urlOf(connection), twice)).rejects.toThrow(/duplicate key/)
    })
    const logged = await readFile(join(dataDir, 'postgres.log'), 'utf8')
    expect(logged).toContain('duplicate key')
    expect(logged).not.toContain('hunter2')
    expect((await stat(join(dataDir, 'postgres.log'))).mode & 0o777).toBe(0o600)
  })

  test('gets nothing of the environment of the platform, whose secrets are there', async () => {
    process.env['MASTER_KEY'] = 'not-for-the-database'
    try {
      await withServer(await dataDirectory('environment'), async ({ pid }) => {
        if (process.platform !== 'linux') return
        expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.toContain('not-for-the-database')
        // Ctrl-C in the platform's terminal is not for the server: it has a session of its own.
        const [, , , , , session] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/\(.*\)/, '()').split(' ')
        expect(session).toBe(String(pid))
      })
    } finally {
      delete process.env['MASTER_KEY']
    }
  })

  test('finds room for its socket when the data directory is too deep, and leaves nothing behind', async () => {
    const dataDir = join(dir, 'deep'.repeat(10), 'deeper'.repeat(10))
    await mkdir(dataDir, { recursive: true })
    const host = await withServer(dataDir, async ({ connection }) => {
      expect(connection.host.startsWith(dataDir)).toBe(false)
      expect((await stat(connection.host)).mode & 0o777).toBe(0o700)
      expect(embeddedConnection(dataDir)).toEqual(connection)
      expect(await query(urlOf(connection), 'select 1 as one')).toEqual([{ one: 1 }])
      return connection.host
    })
    await expect(stat(host)).rejects.toThrow(/ENOENT/)
    expect(await readdir(dataDir)).not.toContain('postgres-socket-directory')
  })

  test('refuses the files of another major version, and changes nothing', async () => {
    const dataDir = await dataDirectory('old')
    await mkdir(join(dataDir, 'postgres'))
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '17\n')
    await expect(startEmbeddedPostgres({ dataDir, log: quiet })).rejects.toThrow(/Postgres 17.*Postgres 18/)
    expect(await readdir(dataDir, { recursive: true })).toEqual(['postgres', join('postgres', 'PG_VERSION')])
  })

  test('refuses a folder that is no cluster, and changes nothing', async () => {
    const dataDir = await dataDirectory('alien')
    await mkdir(join(dataDir, 'postgres'))
    await writeFile(join(dataDir, 'postgres', 'notes.txt'), 'mine')
    await expect(startEmbeddedPostgres({ dataDir, log: quiet })).rejects.toThrow(/not a Postgres cluster/)
    expect(await readdir(dataDir, { recursive: true })).toEqual(['postgres', join('postgres', 'notes.txt')])
  })

  test('says in its own words why it does not start', async () => {
    const dataDir = await dataDirectory('broken')
    await withServer(dataDir, async () => {})
    await rm(join(dataDir, 'postgres', 'global', 'pg_control'))
    await expect(startEmbeddedPostgres({ dataDir, log: quiet })).rejects.toThrow(/did not start.*pg_control/)
  })

  test('names DATABASE_URL on a system that it has no programs for', async () => {
    const architecture = Object.getOwnPropertyDescriptor(process, 'arch')
    Object.defineProperty(process, 'arch', { ...architecture, value: 'vax' })
    try {
      const refusal = await startEmbeddedPostgres({ dataDir: dir, log: quiet }).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(EmbeddedPostgresUnavailable)
      expect(String(refusal)).toMatch(/-vax\b.*DATABASE_URL/)
    } finally {
      if (architecture !== undefined) Object.defineProperty(process, 'arch', architecture)
    }
  })
})

/** The local addresses of the TCP sockets that the process listens on, by the kernel's own tables. */
async function listeningInternetSockets(pid: number): Promise<string[]> {
  const own = new Set<string>()
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode !== undefined) own.add(inode)
  }
  // The socket that it does listen on: without one the look-up itself would be broken.
  expect(own.size).toBeGreaterThan(0)
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')))
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((row) => row.trim().split(/\s+/))
  return rows.filter((row) => own.has(row[9] ?? '')).map((row) => row[1] ?? '')
}
