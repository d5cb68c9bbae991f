import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { givenCase, givenPool, SANDBOX_CACHE } from './given-sandbox.ts'
import { findWalls, SANDBOX_UID, type Wrapper } from './walls.ts'

let wrapper: Wrapper
let folder: string
let server: Server

beforeAll(async () => {
  ;({ wrapper } = await findWalls())
  folder = await mkdtemp(join(tmpdir(), 'testledger-walls-'))
  await chmod(folder, 0o777)
  await writeFile(join(folder, 'secret'), 'secret', { mode: 0o644 })
  server = createServer((socket) => socket.end('secret'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}, 60_000)
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

/** Runs JavaScript where the interpreter would run: as a script that had broken out of it. */
async function escaped(code: string): Promise<string> {
  const [program, args] = wrapper.command('probe')
  const flags = args.slice(
    0,
    args.findIndex((arg) => arg.endsWith('main.mjs')),
  )
  const { stdout } = await promisify(execFile)(program, [...flags, '--eval', code], {
    env: wrapper.env,
    timeout: 20_000,
  })
  return stdout.trim()
}

/** JavaScript that tells whether a file can be read. */
const reading = (path: string): string =>
  `try { console.log(require('fs').readFileSync(${JSON.stringify(path)}).length > 0) } catch (e) { console.log(e.code) }`

describe('a script that had broken out of the interpreter', () => {
  test('would read no file but the sandbox’s own', async () => {
    expect(await escaped(reading(join(folder, 'secret')))).toBe('ERR_ACCESS_DENIED')
    expect(await escaped(reading('/etc/passwd'))).toBe('ERR_ACCESS_DENIED')
    expect(await escaped(reading(fileURLToPath(new URL('child/main.mjs', import.meta.url))))).toBe('true')
  })

  test('would write no file, start no process, compile no text', async () => {
    const tried = await escaped(`
for (const way of [
  () => require('fs').writeFileSync(${JSON.stringify(join(folder, 'marker'))}, 'x'),
  () => require('child_process').execFileSync('/usr/bin/id'),
  () => new (require('worker_threads').Worker)('', { eval: true }),
  () => process.dlopen({ exports: {} }, '/x.node'),
  () => new Function('return 1')(),
]) try { way(); console.log('done') } catch (e) { console.log(e.code ?? e.name) }`)
    expect(tried.split('\n')).toEqual([
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      expect.stringMatching(/^ERR_/),
      'EvalError',
    ])
  })

  test('would find nothing in its environment but the time zone', async () => {
    expect(await escaped('console.log(Object.keys(process.env).join())')).toBe('TZ')
  })

  test('would stand behind every wall that the report claims', async () => {
    const { held } = wrapper
    const { port } = server.address() as AddressInfo
    const [uid, pid, reached] = (
      await escaped(`
const socket = require('net').connect(${port}, '127.0.0.1')
const tell = (reached) => { console.log(process.getuid(), process.pid, reached); process.exit() }
socket.on('connect', () => tell(true)).on('error', () => tell(false))`)
    ).split(' ')
    expect(reached).toBe(String(!held.network))
    if (held.uid) expect(uid).toBe(String(SANDBOX_UID))
    if (held.processes) expect(pid).toBe('1')
  })
})

test('host functions beyond the allowed ones do nothing', async () => {
  const pool = givenPool({ size: 0 })
  const given = await givenCase(pool)
  // Harmless ones: each works in an interpreter whose host functions are open.
  const { end } = await given.setup(`
for way in (lambda: os.pipe(), lambda: os.symlink('/tmp', '/tmp/link'), lambda: os.chmod('/tmp', 0o700), lambda: os.umask(0o22) or os.readlink('/proc/self/exe')):
    try:
        raise RuntimeError(f'it worked: {way()}')
    except OSError as refused:
        assert refused.errno == 52, refused`)
  expect(end).toEqual({ kind: 'done' })
  await pool.stop()
}, 60_000)

/** The address of a file beside this one, as JavaScript text. */
const urlOf = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)

const linux = process.platform === 'linux' ? test : test.skip

linux(
  'a platform that is killed leaves no process of its sandboxes behind',
  async () => {
    const platform = spawn(
      process.execPath,
      [
        '--no-warnings',
        '--input-type=module',
        '--eval',
        `import { createSandboxPool } from ${urlOf('pool.ts')}
const pool = createSandboxPool({ size: 1, log: console, cacheDir: ${JSON.stringify(SANDBOX_CACHE)}, scriptTimeoutMs: 60000 })
const sandbox = await pool.open()
await sandbox.begin({ globalFunc: '', debug: false })
sandbox.runScript({ phase: 'setup', script: 'while True: pass', data: '{}', env: '{}', ENV: '{}' })
console.log('busy')`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
    )
    await new Promise((resolve) => platform.stdout.once('data', resolve))
    const below = await descendants(platform.pid!)
    expect(below.length).toBeGreaterThan(0)
    platform.kill('SIGKILL')
    // The kernel ends them one after the other; nothing here hears of it.
    while ((await Promise.all(below.map(isRunning))).includes(true))
      await new Promise((resolve) => setImmediate(resolve))
  },
  60_000,
)

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const children = text.split(' ').filter(Boolean).map(Number)
  return [...children, ...(await Promise.all(children.map(descendants))).flat()]
}

/** Whether it lives; one that has ended and waits to be reaped does not. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}
