import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { oldestNode, testledger } from '../support/cli.ts'
import { runCommand } from '../support/command.ts'
import { startFakePlatform, type Story } from '../support/fake-platform.ts'

/** The client as people have it: packed, installed in an empty folder with the oldest Node there is, and nothing else. */

const execute = promisify(execFile)
const passed = { scene: '下单', name: '登录', state: '成功', run_time: '0.12s' }

let folder: string
let installed: string
let environment: Readonly<Record<string, string>>
let platform: Awaited<ReturnType<typeof startFakePlatform>> | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testledger-package-'))
  // npm and its children find this Node before any other.
  await mkdir(join(folder, 'node'))
  await symlink(oldestNode.path, join(folder, 'node', 'node'))
  const path = [join(folder, 'node'), process.env.PATH].join(delimiter)
  // An empty cache and no registry: what is installed comes out of the tarball alone.
  environment = { PATH: path, npm_config_cache: join(folder, 'cache'), npm_config_offline: 'true', HOME: folder }
  const { code, output, errors } = await runCommand('scripts/pack-cli.ts', [folder], { cwd: folder, env: environment })
    .ended
  if (code !== 0) throw new Error(errors)
  installed = join(folder, 'empty')
  await mkdir(installed)
  // npm would else go up to the next folder that has one.
  await writeFile(join(installed, 'package.json'), '{}')
  await execute('npm', ['install', output.trim()], { cwd: installed, env: environment })
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
afterEach(async () => {
  await platform?.stop()
  platform = undefined
})

/** `npx testledger run`, in a process group of its own. */
async function npx(story: Partial<Story>) {
  platform = await startFakePlatform({ cases: [passed], ...story })
  const args = ['testledger', 'run', '--server', platform.url, '--task', '3', '--env', '2', '--junit', 'j.xml']
  const env = { ...environment, TESTLEDGER_TOKEN: 'tl_token' }
  const child = spawn('npx', args, { cwd: installed, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const closed = once(child, 'close').then(([code]) => ({ code: code as number | null, output, errors }))
  return { closed, child, said: () => output }
}

test('it has the client and nothing else, and asks for no other package', async () => {
  expect((await readdir(join(installed, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual([
    'testledger',
  ])
  const own = join(installed, 'node_modules/testledger')
  expect((await readdir(own)).toSorted()).toEqual(['LICENSE', 'README.md', 'bin', 'cli', 'package.json'])
  expect(await readFile(join(own, 'README.md'), 'utf8')).toMatch(/^# Tasks from CI\n/)
  expect((await readdir(join(own, 'cli'))).filter((name) => !name.endsWith('.mjs'))).toEqual([])
  const manifest = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as object
  expect(Object.keys(manifest).filter((name) => /scripts|ependencies/.test(name))).toEqual([])
})

test(`npx testledger runs a task on Node ${oldestNode.major}`, async () => {
  const { closed } = await npx({ cases: [passed, { ...passed, state: '失败' }], state: 'fail' })
  const { code, output } = await closed
  expect(code).toBe(1)
  expect(output).toMatch(/^not passed {2}2 of 2 cases: 1 成功, 1 失败, 0 错误/m)
  expect(await readFile(join(installed, 'j.xml'), 'utf8')).toBe('the report as junit')
}, 60_000)

test('for Kafka it asks for what it does not bring along', async () => {
  const args = ['run', '--kafka', '127.0.0.1:1', '--task', '3', '--env', '2']
  const bin = join(installed, 'node_modules/testledger/bin/testledger.mjs')
  const { code, output, errors } = await testledger(args, { bin, cwd: installed }).ended
  expect([code, output]).toEqual([2, ''])
  expect(errors).toBe('testledger: --kafka needs kafkajs, which is not installed: npm install kafkajs\n')
})

describe('npx testledger cancels the run', () => {
  // npm passes on to the shell in between what it is sent: the command gets Ctrl-C twice, and a SIGTERM for npm alone not at all.
  test.each<[string, NodeJS.Signals, (pid: number) => number]>([
    ['by Ctrl-C', 'SIGINT', (pid) => -pid],
    ['when npm is ended', 'SIGTERM', (pid) => pid],
  ])(
    '%s',
    async (_, signal, whom) => {
      const asked = Promise.withResolvers<undefined>()
      const cancelled = Promise.withResolvers<undefined>()
      const { closed, child, said } = await npx({
        cases: [passed, passed],
        ended: () => 1,
        instead({ path, nth }) {
          if (path.endsWith('cancel/')) cancelled.resolve(undefined)
          if (!path.endsWith('progress/') || nth === 1) return false
          asked.resolve(undefined)
          return true
        },
      })
      await asked.promise
      process.kill(whom(child.pid ?? 0), signal)
      await cancelled.promise
      await closed
      expect(said()).toContain('record 17 is cancelled')
      expect(platform?.cancelled()).toBe(true)
    },
    60_000,
  )
})

if (oldestNode.major > 20) {
  test.skip(`on Node 20: there is none on this machine's path, only ${oldestNode.major}`, () => {})
}
