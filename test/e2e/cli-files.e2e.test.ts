import { execFile } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BIN, oldestNode, testledger } from '../support/cli.ts'
import { cut, json, startFakePlatform, type Story } from '../support/fake-platform.ts'

/** Where `testledger run` leaves its reports, by what is there before. */

const passed = { scene: '下单', name: '登录', state: '成功', run_time: '0.12s' }

let platform: Awaited<ReturnType<typeof startFakePlatform>> | undefined
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testledger-files-'))
  await mkdir(join(folder, 'tmp'))
})
afterEach(async () => {
  await platform?.stop()
  platform = undefined
  await rm(folder, { recursive: true, force: true })
})

const execute = promisify(execFile)

const wish = (server: string, files: readonly string[]) => [
  'run',
  '--server',
  server,
  '--task',
  '3',
  '--env',
  '2',
  ...files,
]

async function run(files: readonly string[], story: Partial<Story> = {}) {
  platform = await startFakePlatform({ cases: [passed], ...story })
  return testledger(wish(platform.url, files), { cwd: folder, env: { TMPDIR: at('tmp') } })
}

const at = (path: string): string => join(folder, path)
const content = (path: string): Promise<string> => readFile(at(path), 'utf8')
/** What there is, and nothing of what was only there for a time. */
async function expectFiles(...names: readonly string[]): Promise<void> {
  expect((await readdir(folder)).filter((name) => name !== 'tmp').toSorted()).toEqual(names)
  expect(await readdir(at('tmp'))).toEqual([])
}

describe('a symbolic link', () => {
  test('stays, and the file that it leads to is replaced', async () => {
    await mkdir(at('there'))
    await writeFile(at('there/real.xml'), 'the report of before')
    await symlink('there/real.xml', at('one'))
    await symlink('one', at('j.xml'))
    expect(await (await run(['--junit', 'j.xml'])).ended).toMatchObject({ code: 0, errors: '' })
    expect([await readlink(at('j.xml')), await readlink(at('one'))]).toEqual(['one', 'there/real.xml'])
    expect(await content('there/real.xml')).toBe('the report as junit')
    expect(await readdir(at('there'))).toEqual(['real.xml'])
    await expectFiles('j.xml', 'one', 'there')
  })

  test('that leads to nothing stays, and the file is made where it leads', async () => {
    await mkdir(at('a/b'), { recursive: true })
    await symlink('a/b', at('short'))
    await symlink('../new/real.xml', at('a/b/j.xml'))
    expect(await (await run(['--junit', 'short/j.xml'])).ended).toMatchObject({ code: 0, errors: '' })
    expect((await lstat(at('a/b/j.xml'))).isSymbolicLink()).toBe(true)
    expect(await content('a/new/real.xml')).toBe('the report as junit')
    await expectFiles('a', 'short')
  })

  test('that leads to itself is told before anything is started', async () => {
    await symlink('j.xml', at('j.xml'))
    const { code, errors } = await (await run(['--junit', 'j.xml'])).ended
    expect(code).toBe(2)
    expect(errors).toMatch(/^testledger: --junit j.xml cannot be written: ELOOP.*\n$/)
    expect(platform?.asked).toEqual([])
  })
})

describe('a pipe', () => {
  const makePipe = () => execute('mkfifo', [at('pipe')])
  /** What comes out of it, by a process that can be given up when nothing does. */
  const readPipe = async (): Promise<string> => {
    const options = { timeout: 60_000, maxBuffer: 10_000_000 }
    return (await execute('cat', [at('pipe')], options)).stdout
  }
  /** More than a pipe holds. */
  const large = 'r'.repeat(1_000_000)

  test('is written into, and is a pipe still', async () => {
    await makePipe()
    const read = readPipe()
    const running = await run(['--junit', 'pipe'], {
      instead({ path, response }) {
        if (path.endsWith('report/17/')) response.end(large)
        return path.endsWith('report/17/')
      },
    })
    expect(await running.ended).toMatchObject({ code: 0, errors: '' })
    expect((await read) === large).toBe(true)
    expect((await lstat(at('pipe'))).isFIFO()).toBe(true)
    await expectFiles('pipe')
  })

  test('gets the report once, when the connection broke off within it', async () => {
    await makePipe()
    const read = readPipe()
    const running = await run(['--junit', 'pipe'], {
      instead(asked) {
        if (!asked.path.endsWith('report/17/') || asked.nth > 1) return false
        asked.response.writeHead(200, { 'content-length': '1000' }).write('half')
        setTimeout(() => cut(asked), 200)
        return true
      },
    })
    expect(await running.ended).toMatchObject({ code: 0, errors: '' })
    expect(await read).toBe('the report as junit')
  })

  test('from which nobody reads is waited for until Ctrl-C', async () => {
    await makePipe()
    const running = await run(['--junit', 'pipe'])
    const arrived = async (): Promise<boolean> => {
      const [own] = await readdir(at('tmp'))
      return own !== undefined && (await content(`tmp/${own}/junit`).catch(() => '')) === 'the report as junit'
    }
    while (!(await arrived())) await sleep(50)
    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, errors: '' })
    await expectFiles('pipe')
  })

  test('through a link is written into as well', async () => {
    await makePipe()
    await symlink('pipe', at('link'))
    const read = readPipe()
    expect(await (await run(['--html', 'link'])).ended).toMatchObject({ code: 0, errors: '' })
    expect(await read).toBe('the report as html')
    await expectFiles('link', 'pipe')
  })
})

describe('what the command itself writes into', () => {
  // By the link of one process to its own outputs, which is all that /dev/stdout is.
  const own = (fd: number): string => `/proc/self/fd/${fd}`

  test('gets the report in its place', async () => {
    const { code, output, errors } = await (await run(['--junit', own(1), '--html', own(2)])).ended
    expect([code, errors]).toEqual([0, 'the report as html'])
    expect(output).toMatch(/^record 17 is started\n(.*\n)*the report as junitwritten {2}/)
    await expectFiles()
  })

  test('when it is a file, stays that file, with all that is told', async () => {
    await writeFile(at('out.txt'), '')
    const { ino } = await lstat(at('out.txt'))
    platform = await startFakePlatform({ cases: [passed] })
    const command = [oldestNode.path, BIN, ...wish(platform.url, ['--junit', own(1)])]
    await execute('sh', ['-c', 'exec "$@" > out.txt', 'sh', ...command], {
      cwd: folder,
      env: { TESTLEDGER_TOKEN: 'tl_token', TMPDIR: at('tmp') },
    })
    expect(await content('out.txt')).toMatch(/^record 17 is started\n(.*\n)*the report as junitwritten {2}/)
    expect((await lstat(at('out.txt'))).ino).toBe(ino)
    await expectFiles('out.txt')
  })
})

describe('the report of before is gone', () => {
  const before = async (): Promise<void> => {
    await writeFile(at('h.html'), 'the report of before')
    await writeFile(at('j.xml'), 'the report of before')
    await writeFile(at('real.xml'), 'the report of before')
    await symlink('real.xml', at('link.xml'))
  }

  test.each([
    ['the platform is nowhere', 'http://127.0.0.1:1'],
    ['nothing there is known', 'http://nowhere.invalid'],
  ])('when %s', async (_, server) => {
    await before()
    const files = ['--html', 'h.html', '--junit', 'link.xml']
    const { code, errors } = await testledger(wish(server, files), { cwd: folder }).ended
    expect([code, errors.split('\n').length]).toEqual([2, 2])
    await expectFiles('j.xml', 'link.xml')
    expect((await lstat(at('link.xml'))).isSymbolicLink()).toBe(true)
  })

  test('when the run is refused, before that is known', async () => {
    await before()
    let seen: readonly string[] = []
    const running = await run(['--junit', 'j.xml'], {
      async instead({ response }) {
        seen = await readdir(folder)
        json(response, 403, { error: '没有权限执行该操作', code: 'forbidden' })
        return true
      },
    })
    expect(await running.ended).toMatchObject({ code: 2 })
    expect(seen.toSorted()).toEqual(['h.html', 'link.xml', 'real.xml', 'tmp'])
  })

  test('when the other report cannot be written', async () => {
    await before()
    const { code, errors } = await (await run(['--junit', 'h.html/j.xml', '--html', 'j.xml'])).ended
    expect(code).toBe(2)
    expect(errors).toMatch(/^testledger: --junit h.html\/j.xml cannot be written: .*\n$/)
    await expectFiles('h.html', 'link.xml', 'real.xml')
    expect(platform?.asked).toEqual([])
  })

  test('when it was interrupted', async () => {
    await before()
    const running = await run(['--junit', 'j.xml'], { ended: () => 0 })
    await running.said('is started')
    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130 })
    await expectFiles('h.html', 'link.xml', 'real.xml')
  })

  test('but not by a command line that is not understood', async () => {
    await before()
    expect(await (await run(['--junit', 'j.xml', '--concurrency', '0'])).ended).toMatchObject({ code: 2 })
    expect(await content('j.xml')).toBe('the report of before')
  })
})

test.each([
  ['j.xml', './new/../j.xml'],
  ['j.xml', 'link.xml'],
  ['new/j.xml', 'new/j.xml'],
  ['pipe', 'pipe'],
])('two reports in one file (%s and %s) are refused, and what is there stays', async (junit, html) => {
  await writeFile(at('j.xml'), 'the report of before')
  await symlink('j.xml', at('link.xml'))
  await execute('mkfifo', [at('pipe')])
  const { code, errors } = await (await run(['--junit', junit, '--html', html])).ended
  expect([code, errors]).toEqual([2, `testledger: --junit ${junit} and --html ${html} are the same file\n`])
  expect(await content('j.xml')).toBe('the report of before')
  expect(platform?.asked).toEqual([])
})

test('a name that ends with a slash is a folder, though there is none yet', async () => {
  const { code, errors } = await (await run(['--junit', 'reports/'])).ended
  expect([code, errors]).toEqual([2, 'testledger: --junit reports/ cannot be written: it is a folder\n'])
  expect(platform?.asked).toEqual([])
})

test('a failure names the file that was asked for, and no other', async () => {
  // Who may write everywhere, as root may, has no folder that is closed: one that goes in between does for all.
  const running = await run(['--junit', 'reports/j.xml'], {
    async instead({ path }) {
      if (path.endsWith('progress/')) await rm(at('reports'), { recursive: true, force: true })
      return false
    },
  })
  const { code, errors } = await running.ended
  const words = 'ENOENT: no such file or directory'
  expect([code, errors]).toEqual([2, `testledger: --junit reports/j.xml cannot be written: ${words}\n`])
})
