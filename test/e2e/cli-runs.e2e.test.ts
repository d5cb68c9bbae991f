import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { testledger } from '../support/cli.ts'
import { freePort } from '../support/free-port.ts'
import { ADMIN, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** `testledger run` with a whole platform, and a service under test that answers when it is let. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let env: number
let project: number
let token: string
let folder: string
/** What the path `/held` waits for. */
let held = Promise.withResolvers<undefined>()

beforeAll(async () => {
  // It has to be found again after a restart.
  platform = await startTestPlatform({ PORT: String(await freePort()) })
  target = await startTarget((seen, response) => {
    const filling = seen.url === '/large' ? 'x'.repeat(50_000) : ''
    const answer = () => void response.end(JSON.stringify({ variable: seen.headers['x-variable'], filling }))
    if (seen.url === '/held') void held.promise.then(answer)
    else answer()
  })
  project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
  const global_variable = { who: 'environment' }
  env = await platform.made('/api/testPro/envs/', { name: '本地', host: target.url, project, global_variable })
  const given = await platform.call('POST', '/api/users/tokens/', { name: 'ci' })
  token = given.body.token as string
  folder = await mkdtemp(join(tmpdir(), 'testledger-cli-'))
}, 60_000)
afterAll(async () => {
  held.resolve(undefined)
  await target.stop()
  await platform.stop()
  await rm(folder, { recursive: true, force: true })
})

type Case = Readonly<{ title: string; path?: string; expects?: string }>

async function newTask(...scenes: readonly (readonly Case[])[]): Promise<number> {
  const made: number[] = []
  for (const [nth, cases] of scenes.entries()) {
    const scene = await platform.made('/api/testFlow/scenes/', { name: `流程${nth + 1}`, project })
    for (const [sort, { title, path: url = '/', expects = 'environment' }] of cases.entries()) {
      const of = { name: title, url, method: 'get', type: '1', project }
      const icase = await platform.made('/api/TestInterFace/cases/', {
        title,
        interface: await platform.made('/api/TestInterFace/interfaces/', of),
        headers: { 'X-Variable': '${{who}}' },
        teardown_script: `test.assertion('相等', '${expects}', response.json()['variable'])`,
      })
      await platform.made('/api/testFlow/icases/', { icase, scene, sort })
    }
    made.push(scene)
  }
  return platform.made('/api/testTask/tasks/', { name: '回归', project, scenes: made })
}

const run = (task: number, more: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) => {
  const args = ['run', '--server', platform.url, '--task', String(task), '--env', String(env), ...more]
  return testledger(args, { env: { TESTLEDGER_TOKEN: token, ...environment }, cwd: folder })
}

async function recordOf(output: string) {
  const [, record = ''] = /^record (\d+)/m.exec(output) ?? []
  return (await platform.call('GET', `/api/testTask/records/${record}/`)).body as Readonly<Record<string, unknown>>
}

test('a red one is told, counted, and its reports are written', async () => {
  const task = await newTask([{ title: '登录' }, { title: '付款', expects: 'nobody' }], [{ title: '退出' }])
  const jenkins = { BUILD_NUMBER: '7', BRANCH_NAME: 'main', GIT_COMMIT: 'c0ffee', BUILD_URL: 'http://ci/job/7/' }
  const { code, output, errors } = await run(task, ['--junit', 'out/j.xml', '--html', 'out/r.html'], jenkins).ended
  expect([code, errors]).toEqual([1, ''])
  expect(output.match(/^[成失错].*(?= {2})/gm)).toEqual([
    '成功  流程1 / 登录',
    '失败  流程1 / 付款',
    '成功  流程2 / 退出',
  ])
  expect(output).toMatch(/^not passed {2}3 of 3 cases: 2 成功, 1 失败, 0 错误/m)
  expect(await readFile(join(folder, 'out/j.xml'), 'utf8')).toMatch(
    /^<\?xml .*<testsuites.*付款.*<failure.*<\/testsuites>\s*$/s,
  )
  expect(await readFile(join(folder, 'out/r.html'), 'utf8')).toMatch(/^<!doctype html>.*付款.*<\/html>\s*$/is)
  const build = { build: '7', branch: 'main', commit: 'c0ffee', url: 'http://ci/job/7/' }
  expect(await recordOf(output)).toMatchObject({ ...build, state: 'fail', trigger: 'api', all: 3, total: 3 })
}, 60_000)

test('a green one takes variables along, side by side, for a name and its password', async () => {
  const task = await newTask([{ title: '甲', expects: '7' }], [{ title: '乙', expects: '7' }])
  const account = { TESTLEDGER_TOKEN: '', TESTLEDGER_USERNAME: ADMIN.username, TESTLEDGER_PASSWORD: ADMIN.password }
  const { code, output, errors } = await run(task, ['--var', 'who=7', '--concurrency', '2'], account).ended
  expect([code, errors]).toEqual([0, ''])
  expect(output).toMatch(/^passed {2}2 of 2 cases/m)
  expect(await recordOf(output)).toMatchObject({ state: 'success', trigger: 'manual' })
}, 60_000)

test('one without a case passes, with a warning', async () => {
  const { code, errors } = await run(await newTask([])).ended
  expect([code, errors]).toEqual([0, 'testledger: warning: the task has no case to run\n'])
}, 60_000)

describe('the snippet of docs/ci.md with curl alone', () => {
  const snippet = async (task: number): Promise<string> => {
    const text = await readFile(new URL('../../docs/ci.md', import.meta.url), 'utf8')
    const [, script = ''] = /\n## curl alone\n.*?```bash\n(.*?)```/s.exec(text) ?? []
    expect(script).toContain('\\"task\\": 3, \\"env\\": 2,')
    return script.replace('\\"task\\": 3, \\"env\\": 2,', `\\"task\\": ${task}, \\"env\\": ${env},`)
  }

  type Ended = Readonly<{ code: number; output: string; errors: string }>

  /** By the strictest of shells, with nothing but this in its environment. */
  async function execute(script: string, environment: Readonly<Record<string, string>>): Promise<Ended> {
    const { PATH = '' } = process.env
    const options = { cwd: folder, env: { PATH, ...environment } }
    return promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', script], options).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout, errors: stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        output: error.stdout,
        errors: error.stderr,
      }),
    )
  }
  const account = () => ({ TESTLEDGER_SERVER: platform.url, TESTLEDGER_TOKEN: token })
  const recordIn = (output: string): string | undefined => /^record (\d+): /m.exec(output)?.[1]

  test.each([
    ['environment', 0, 'success'],
    ['nobody', 1, 'fail'],
  ])(
    'does as it is printed, when a case expects %s: once for each build',
    async (expects, code, state) => {
      const script = await snippet(await newTask([{ title: '查询', expects }]))
      const build = { ...account(), BUILD_NUMBER: '7', BUILD_TAG: `jenkins-${state}-7` }
      const ended = await execute(script, build)
      expect(ended).toMatchObject({ code, errors: '' })
      expect(await readFile(join(folder, 'junit.xml'), 'utf8')).toContain('查询')
      const record = recordIn(ended.output)
      const { body } = await platform.call('GET', `/api/testTask/records/${record}/`)
      expect(body).toMatchObject({ build: '7', state })
      expect(recordIn((await execute(script, build)).output)).toBe(record)
      expect(recordIn((await execute(script, { ...build, BUILD_TAG: `jenkins-${state}-8` })).output)).not.toBe(record)
    },
    60_000,
  )

  test('does not mind what no CI has set, nor answers of any size', async () => {
    const cases = Array.from({ length: 6 }, (_, nth) => ({ title: `大${nth}`, path: '/large' }))
    const script = await snippet(await newTask(cases))
    const one = await execute(script, account())
    expect(one).toMatchObject({ code: 0, errors: '' })
    const two = await execute(script, account())
    expect(two).toMatchObject({ code: 0, errors: '' })
    expect(recordIn(two.output)).not.toBe(recordIn(one.output))
    const { body } = await platform.call('GET', `/api/testTask/report/${recordIn(one.output)}/`)
    expect(JSON.stringify(body).length).toBeGreaterThan(200_000)
    expect((await platform.call('GET', `/api/testTask/records/${recordIn(one.output)}/`)).body['build']).toBeNull()
  }, 60_000)

  test('stops with what is wrong, and leaves no report of before', async () => {
    const script = await snippet(await newTask([{ title: '查询' }]))
    await writeFile(join(folder, 'junit.xml'), 'the report of before')
    const refused = await execute(script, { ...account(), TESTLEDGER_TOKEN: 'tl_wrong' })
    expect(refused).toMatchObject({ code: 2, errors: expect.stringContaining('"code":') })
    await expect(readFile(join(folder, 'junit.xml'))).rejects.toThrow('ENOENT')
    const unheard = await execute(script, { ...account(), TESTLEDGER_SERVER: 'nothing://there' })
    expect([unheard.code, unheard.errors.split('\n').length]).toEqual([2, 2])
    const unset = await execute(script, { TESTLEDGER_SERVER: platform.url })
    expect(unset.code).not.toBe(0)
    expect(unset.errors).toContain('TESTLEDGER_TOKEN: is not set')
  }, 60_000)
})

describe('while a case is held', () => {
  test('Ctrl-C cancels it: what came after is not run', async () => {
    held = Promise.withResolvers()
    const running = run(await newTask([{ title: '先' }, { title: '中', path: '/held' }, { title: '后' }]))
    await running.said('先')
    running.signal('SIGINT')
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([130, ''])
    held.resolve(undefined)
    let record = await recordOf(output)
    while (record['state'] === null) record = await recordOf(output)
    expect(record).toMatchObject({ state: 'cancelled', status: '执行完毕', total: 3 })
    expect(record['all']).toBeLessThan(3)
  }, 60_000)

  test('a restart of the platform is waited for, and every case is told once', async () => {
    held = Promise.withResolvers()
    const running = run(await newTask([{ title: '先' }, { title: '中', path: '/held' }, { title: '后' }]))
    await running.said('先')
    const restarted = platform.restart()
    await running.said('trying again')
    held.resolve(undefined)
    await restarted
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([0, ''])
    expect(output.match(/^成功.*(?= {2})/gm)).toEqual(['成功  流程1 / 先', '成功  流程1 / 中', '成功  流程1 / 后'])
    expect(output).toMatch(/^passed {2}3 of 3 cases/m)
  }, 120_000)
})

test.each<[string, () => Promise<Readonly<Record<string, string>>>, readonly string[], RegExp]>([
  ['a wrong token', async () => ({ TESTLEDGER_TOKEN: `${token}x` }), [], /^testledger: \S+ \(401\)\n$/],
  [
    'a wrong password',
    async () => ({ TESTLEDGER_TOKEN: '', TESTLEDGER_USERNAME: 'nobody', TESTLEDGER_PASSWORD: 'secret' }),
    [],
    /^testledger: 用户名或密码错误 \(401\)\n$/,
  ],
  [
    'a user who may only read',
    async () => ({ TESTLEDGER_TOKEN: await platform.userToken('viewer') }),
    [],
    /^testledger: \S+ \(403\)\n$/,
  ],
  ['an unknown task', async () => ({}), ['2000000000'], /^testledger: task：.*不存在 \(422\)\n$/],
])(
  '%s cannot run, and is told why in one line',
  async (_, environment, [task], line) => {
    const { code, output, errors } = await run(Number(task ?? (await newTask([]))), [], await environment()).ended
    expect([code, output]).toEqual([2, ''])
    expect(errors).toMatch(line)
  },
  60_000,
)
