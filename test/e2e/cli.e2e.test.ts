import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { testledger } from '../support/cli.ts'
import { type Asked, cut, json, startFakePlatform, type Story } from '../support/fake-platform.ts'

/** What `testledger run` does when the platform, or what lies between, does as they sometimes do. With a fake: see there. */

const RUN = 'tasks/run/'
const PROGRESS = 'progress/'

const passed = { scene: '下单', name: '登录', state: '成功', run_time: '0.12s' }
const failed = { scene: '下单', name: '付款', state: '失败', run_time: '1.5s' }

const opened: { stop(): Promise<void> }[] = []
const folders: string[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop()
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})

async function platformOf(story: Partial<Story> = {}) {
  const platform = await startFakePlatform({ cases: [passed], ...story })
  opened.push(platform)
  return platform
}

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'testledger-cli-'))
  folders.push(path)
  return path
}

const wish = (server: string, ...more: readonly string[]) => [
  'run',
  '--server',
  server,
  '--task',
  '3',
  '--env',
  '2',
  ...more,
]

/** True the first time that the path is asked for. */
const first = (path: string, asked: Asked): boolean => asked.path.endsWith(path) && asked.nth === 1

describe('a run that ends', () => {
  test('is told case by case, and exits 0 when all passed', async () => {
    const platform = await platformOf({ cases: [passed, { ...passed, name: '看\u001B[2J\n单' }], ended: (nth) => nth })
    const args = wish(
      `${platform.url}/`,
      '--var',
      'a=1',
      '--var',
      'b:=1.50',
      '--concurrency',
      '4',
      '--host',
      'http://h',
      '--build',
      '7',
    )
    const { code, output, errors } = await testledger(args).ended
    expect([code, errors]).toEqual([0, ''])
    expect(output.split('\n')).toEqual([
      'record 17 is started',
      '成功  下单 / 登录  0.12s',
      '成功  下单 / 看 [2J 单  0.12s',
      expect.stringMatching(/^passed {2}2 of 2 cases: 2 成功, 0 失败, 0 错误 {2}\d+\.\ds$/),
      `record 17  ${platform.url}/api/testTask/report/17/`,
      '',
    ])
    const [start] = platform.calls(RUN)
    expect(start?.body).toBe(
      '{"env":2,"task":3,"concurrency":4,"host":"http://h","build":"7","variables":{"a":"1","b":1.50}}',
    )
    expect(start?.query.get('wait')).toBe('false')
    expect(start?.headers).toMatchObject({ authorization: 'Bearer tl_token', 'idempotency-key': expect.any(String) })
    expect(platform.calls(PROGRESS).map(({ query }) => query.get('wait'))).toEqual(['25', '25', '25'])
  })

  test.each([
    ['fail', [passed, failed], 'not passed  2 of 2 cases: 1 成功, 1 失败'],
    ['cancelled', [passed], 'cancelled  1 of 1 cases'],
  ])('otherwise (%s) exits 1, with its reports written', async (state, cases, told) => {
    const platform = await platformOf({ cases, state })
    const folder = await newFolder()
    const files = ['--junit', 'new/folder/j.xml', '--html', 'h.html']
    await writeFile(join(folder, 'h.html'), 'the report of before, which was longer than the new one')
    const { code, output, errors } = await testledger(wish(platform.url, ...files), { cwd: folder }).ended
    expect([code, errors]).toEqual([1, ''])
    expect(output).toContain(told)
    expect(await readFile(join(folder, 'new/folder/j.xml'), 'utf8')).toBe('the report as junit')
    expect(await readFile(join(folder, 'h.html'), 'utf8')).toBe('the report as html')
    expect((await readdir(folder)).toSorted()).toEqual(['h.html', 'new'])
  })

  test('without a case passes, with a warning', async () => {
    const platform = await platformOf({ cases: [] })
    const { code, errors } = await testledger(wish(platform.url)).ended
    expect([code, errors]).toEqual([0, 'testledger: warning: the task has no case to run\n'])
  })

  test('ends the same when nobody reads what is told', async () => {
    const platform = await platformOf({ cases: [passed, failed], state: 'fail', ended: (nth) => nth })
    const running = testledger(wish(platform.url))
    running.deafen()
    expect(await running.ended).toMatchObject({ code: 1, errors: '' })
  })
})

describe('a platform that does not hold the call', () => {
  test('is asked once a second', async () => {
    const platform = await platformOf({ ended: (nth) => (nth > 3 ? 1 : 0) })
    const began = performance.now()
    expect(await testledger(wish(platform.url)).ended).toMatchObject({ code: 0 })
    expect(performance.now() - began).toBeGreaterThan(2_900)
  })
})

describe('what is lost is tried again', () => {
  const two = { cases: [passed, { ...passed, name: '退出' }], ended: (nth: number) => Math.floor(nth / 2) }

  test.each<[string, (asked: Asked) => boolean]>([
    [
      'a connection cut before the answer',
      (asked) => asked.path.endsWith(PROGRESS) && asked.nth % 2 === 1 && cut(asked),
    ],
    [
      'a connection cut within the answer',
      (asked) => {
        if (!asked.path.endsWith(PROGRESS) || asked.nth % 2 === 0) return false
        asked.response.writeHead(200, { 'content-length': '1000' }).write('{"record": 17, ')
        setTimeout(() => asked.response.destroy(), 200)
        return true
      },
    ],
    [
      'a platform that starts',
      (asked) => {
        if (!asked.path.endsWith(PROGRESS) || asked.nth % 2 === 0) return false
        json(asked.response, 503, { error: '服务暂时不可用', code: 'unavailable' }, { 'Retry-After': '1' })
        return true
      },
    ],
    [
      'a proxy before no platform',
      (asked) => {
        if (!asked.path.endsWith(PROGRESS) || asked.nth % 2 === 0) return false
        asked.response.writeHead(asked.nth === 1 ? 502 : 404, { 'content-type': 'text/html' }).end('<h1>Nginx</h1>')
        return true
      },
    ],
  ])('%s', async (_, instead) => {
    const platform = await platformOf({ ...two, instead })
    const { code, output, errors } = await testledger(wish(platform.url)).ended
    expect([code, errors]).toEqual([0, ''])
    expect(output.match(/^成功.*$/gm)).toEqual(['成功  下单 / 登录  0.12s', '成功  下单 / 退出  0.12s'])
    expect(output).toMatch(/(connection lost|patience): .*; trying again for 600 s\ngoing on\n/)
  })

  test('through a restart of the platform, told once', async () => {
    const platform = await platformOf({ ...two, ended: (nth) => (nth > 1 ? 2 : 1) })
    const running = testledger(wish(platform.url))
    await running.said('登录')
    await platform.stop()
    await running.said('connection lost')
    // Long enough that it was tried more than once.
    await sleep(2_000)
    await platform.start()
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([0, ''])
    expect(output.match(/connection lost/g)).toHaveLength(1)
    expect(output.match(/^成功.*$/gm)).toHaveLength(2)
  })

  test.each<[string, (asked: Asked) => boolean]>([
    ['cut', (asked) => first(RUN, asked) && cut(asked)],
    [
      'too much for now',
      (asked) => {
        if (!first(RUN, asked)) return false
        json(asked.response, 429, { error: '请求过于频繁', code: 'rate_limited' }, { 'Retry-After': '1' })
        return true
      },
    ],
  ])('a start that was %s, without a second run', async (_, instead) => {
    const platform = await platformOf({ instead })
    expect(await testledger(wish(platform.url)).ended).toMatchObject({ code: 0, errors: '' })
    const starts = platform.calls(RUN)
    expect(starts).toHaveLength(2)
    expect(starts[1]?.headers['idempotency-key']).toBe(starts[0]?.headers['idempotency-key'])
    expect(starts[1]?.body).toBe(starts[0]?.body)
    expect(platform.runs()).toBe(1)
  })

  test('a report that broke off, and no part of it is left', async () => {
    const platform = await platformOf({
      instead(asked) {
        if (!first('report/17/', asked)) return false
        asked.response.writeHead(200, { 'content-length': '1000' }).write('half')
        setTimeout(() => asked.response.destroy(), 200)
        return true
      },
    })
    const folder = await newFolder()
    expect(await testledger(wish(platform.url, '--html', 'h.html'), { cwd: folder }).ended).toMatchObject({ code: 0 })
    expect(await readFile(join(folder, 'h.html'), 'utf8')).toBe('the report as html')
    expect(await readdir(folder)).toEqual(['h.html'])
  })
})

describe('accounts', () => {
  const password = { TESTLEDGER_TOKEN: '', TESTLEDGER_USERNAME: 'torin', TESTLEDGER_PASSWORD: 'p w' }
  const expired = (asked: Asked): true => {
    json(asked.response, 401, { error: '令牌无效或已过期', code: 'token_not_valid' })
    return true
  }

  test('a name and a password are a login, and another one when it has expired', async () => {
    const platform = await platformOf({
      ended: (nth) => (nth > 2 ? 1 : 0),
      instead: (asked) =>
        asked.path.endsWith(PROGRESS) &&
        asked.nth > 1 &&
        asked.headers.authorization === 'Bearer login-1' &&
        expired(asked),
    })
    expect(await testledger(wish(platform.url), { env: password }).ended).toMatchObject({ code: 0, errors: '' })
    const logins = platform.calls('login/')
    expect(logins.map(({ body }) => body)).toEqual(
      Array.from({ length: 2 }, () => '{"username":"torin","password":"p w"}'),
    )
    expect(logins.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
    expect(platform.runs()).toBe(1)
  })

  test('one that is refused right after it logged in is not tried for ever', async () => {
    const platform = await platformOf({ instead: (asked) => asked.path.endsWith(RUN) && expired(asked) })
    const { code, errors } = await testledger(wish(platform.url), { env: password }).ended
    expect([code, errors]).toEqual([2, 'testledger: 令牌无效或已过期 (401)\n'])
    expect(platform.calls('login/')).toHaveLength(1)
  })

  test('a locked name waits for as long as it is told to', async () => {
    const platform = await platformOf({
      instead(asked) {
        if (!first('login/', asked)) return false
        json(asked.response, 429, { error: '登录失败次数过多', code: 'rate_limited' }, { 'Retry-After': '2' })
        return true
      },
    })
    const began = performance.now()
    const { code, output } = await testledger(wish(platform.url), { env: password }).ended
    expect(code).toBe(0)
    expect(output).toContain('the platform asks for patience: 429 登录失败次数过多; trying')
    expect(performance.now() - began).toBeGreaterThan(1_900)
  })
})

describe('what cannot be run exits 2, with one line', () => {
  test.each<[string, number, string, string]>([
    ['a wrong token', 401, 'token_not_valid', '令牌无效或已过期'],
    ['no permission', 403, 'forbidden', '没有权限执行该操作'],
    ['an unknown task', 422, 'unknown_reference', 'task：任务不存在'],
  ])("%s, in the platform's own words", async (_, status, code, error) => {
    const platform = await platformOf({
      instead({ path, response }) {
        if (path.endsWith(RUN)) json(response, status, { error, code })
        return path.endsWith(RUN)
      },
    })
    const ended = await testledger(wish(platform.url)).ended
    expect(ended).toEqual({ code: 2, output: '', errors: `testledger: ${error} (${status})\n` })
    expect(platform.asked).toHaveLength(1)
  })

  test('a platform that is nowhere', async () => {
    const platform = await platformOf()
    await platform.stop()
    const { code, errors, output } = await testledger(wish(platform.url)).ended
    expect([code, output]).toEqual([2, ''])
    expect(errors).toMatch(/^testledger: http:\S+ cannot be reached: connect ECONNREFUSED [\d.:]+\n$/)
    opened.length = 0
  })

  test.each<[string, (asked: Asked) => void, RegExp]>([
    ['what is no platform', ({ response }) => void response.end('<html></html>'), /\(with 200\) is no Testledger\n$/],
    [
      'what redirects',
      ({ response }) => void response.writeHead(301, { location: 'https://there/' }).end(),
      /it redirects to https:\/\/there\/: give the URL that it ends at\n$/,
    ],
  ])('%s', async (_, answer, line) => {
    const platform = await platformOf({
      instead(asked) {
        answer(asked)
        return true
      },
    })
    const { code, errors } = await testledger(wish(platform.url)).ended
    expect([code, errors.split('\n').length]).toEqual([2, 2])
    expect(errors).toMatch(line)
    expect(platform.asked).toHaveLength(1)
  })

  test('a platform that takes every connection and never answers', async () => {
    const platform = await platformOf({ instead: () => true })
    const { code, errors } = await testledger(wish(platform.url, '--give-up', '1')).ended
    expect([code, errors]).toEqual([2, `testledger: ${platform.url} has not answered for 1 s: no answer in 1 s\n`])
  })

  test('a platform that goes in the middle and does not come back, and the record is named', async () => {
    const platform = await platformOf({ instead: (asked) => asked.path.endsWith(PROGRESS) && cut(asked) })
    const { code, errors, output } = await testledger(wish(platform.url, '--give-up', '1')).ended
    expect(code).toBe(2)
    expect(errors).toMatch(/^testledger: http:\S+ has not answered for 1 s: .+\n$/)
    expect(output).toContain('record 17 may still be running')
  })

  test.each([
    ['a report that is a folder', 'there', /--junit there cannot be written: it is a folder/],
    ['a report below a file', 'file/j.xml', /--junit file\/j.xml cannot be written: (EEXIST|ENOTDIR)/],
  ])('%s, before anything is started', async (_, path, line) => {
    const platform = await platformOf()
    const folder = await newFolder()
    await mkdir(join(folder, 'there'))
    await writeFile(join(folder, 'file'), '')
    const { code, errors } = await testledger(wish(platform.url, '--junit', path), { cwd: folder }).ended
    expect([code, errors.split('\n').length]).toEqual([2, 2])
    expect(errors).toMatch(line)
    expect(platform.asked).toEqual([])
  })

  test('a report that the platform refuses; the other one is written', async () => {
    const platform = await platformOf({
      instead({ path, query, response }) {
        const refused = path.endsWith('report/17/') && query.get('export') === 'junit'
        if (refused) json(response, 404, { error: '测试报告不存在', code: 'not_found' })
        return refused
      },
    })
    const folder = await newFolder()
    const running = testledger(wish(platform.url, '--junit', 'j.xml', '--html', 'h.html'), { cwd: folder })
    const { code, errors } = await running.ended
    expect([code, errors]).toEqual([2, 'testledger: --junit j.xml cannot be had: 测试报告不存在 (404)\n'])
    expect(await readdir(folder)).toEqual(['h.html'])
  })

  test('a report that can no longer be written when the run has ended; the other one is', async () => {
    const folder = await newFolder()
    const platform = await platformOf({
      async instead({ path }) {
        if (path.endsWith(PROGRESS)) await rm(join(folder, 'reports'), { recursive: true, force: true })
        return false
      },
    })
    const files = ['--junit', 'reports/j.xml', '--html', 'h.html']
    const { code, errors } = await testledger(wish(platform.url, ...files), { cwd: folder }).ended
    expect(code).toBe(2)
    expect(errors).toMatch(/^testledger: --junit reports\/j.xml cannot be written: ENOENT.*\n$/)
    expect(await readFile(join(folder, 'h.html'), 'utf8')).toBe('the report as html')
  })
})

describe('an interruption', () => {
  /** A run that never ends: the call for news is held until it is cut. */
  const endless = (asked: Asked): boolean => asked.path.endsWith(PROGRESS) && asked.nth > 1
  const started = { cases: [passed, passed], ended: () => 1, instead: endless }

  test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM'])('by %s cancels the run and exits 130', async (signal) => {
    const platform = await platformOf(started)
    const running = testledger(wish(platform.url))
    await running.said('登录')
    running.signal(signal)
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([130, ''])
    expect(output).toContain('record 17 is cancelled\n')
    expect(platform.calls('cancel/').map(({ method }) => method)).toEqual(['POST'])
  })

  test('that comes twice at once, as through npm, still cancels', async () => {
    const platform = await platformOf({
      ...started,
      async instead(asked) {
        if (asked.path.endsWith('cancel/')) await sleep(300)
        return endless(asked)
      },
    })
    const running = testledger(wish(platform.url))
    await running.said('登录')
    running.signal('SIGINT')
    running.signal('SIGTERM')
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([130, ''])
    expect(output).toContain('record 17 is cancelled\n')
  })

  test('that is repeated leaves at once', async () => {
    const platform = await platformOf({
      ...started,
      instead: (asked) => endless(asked) || asked.path.endsWith('cancel/'),
    })
    const running = testledger(wish(platform.url))
    await running.said('登录')
    running.signal('SIGINT')
    await running.said('once more leaves at once')
    await sleep(1_000)
    const began = performance.now()
    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130 })
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  test('while the run is being started leaves none behind', async () => {
    const going = Promise.withResolvers<undefined>()
    const answering = Promise.withResolvers<undefined>()
    const platform = await platformOf({
      async instead({ path }) {
        if (!path.endsWith(RUN)) return false
        going.resolve(undefined)
        await answering.promise
        return false
      },
    })
    const running = testledger(wish(platform.url))
    await going.promise
    running.signal('SIGINT')
    await sleep(300)
    answering.resolve(undefined)
    expect(await running.ended).toMatchObject({ code: 130, errors: '' })
    expect([platform.runs(), platform.cancelled()]).toEqual([1, true])
  })

  test('after the start was lost finds out whether it was one, and cancels it', async () => {
    const lost = Promise.withResolvers<undefined>()
    const platform = await platformOf({
      instead(asked) {
        if (!asked.path.endsWith(RUN) || asked.nth > 2) return false
        if (asked.nth === 2) lost.resolve(undefined)
        return cut(asked)
      },
    })
    const running = testledger(wish(platform.url))
    await lost.promise
    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, errors: '' })
    expect([platform.runs(), platform.cancelled()]).toEqual([1, true])
  })

  test('while a report is written leaves none, not that of before either, and has nothing to cancel', async () => {
    const half = Promise.withResolvers<undefined>()
    const platform = await platformOf({
      instead({ path, response }) {
        if (!path.endsWith('report/17/')) return false
        response.writeHead(200).write('half', () => half.resolve(undefined))
        return true
      },
    })
    const folder = await newFolder()
    await writeFile(join(folder, 'h.html'), 'the report of before')
    const running = testledger(wish(platform.url, '--html', 'h.html'), { cwd: folder })
    await half.promise
    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, errors: '' })
    expect(await readdir(folder)).toEqual([])
    expect(platform.calls('cancel/')).toEqual([])
  })

  test('while the platform is down says for how long it is still tried, and that the run may go on', async () => {
    const platform = await platformOf(started)
    const running = testledger(wish(platform.url))
    await running.said('登录')
    await platform.stop()
    await running.said('trying again for 600 s')
    running.signal('SIGINT')
    const { code, output, errors } = await running.ended
    opened.length = 0
    expect(code).toBe(130)
    expect(errors).toBe(
      'testledger: record 17 could not be cancelled and may still be running: the platform has not answered\n',
    )
    const [, after = ''] = output.split('once more leaves at once\n')
    expect(after).toMatch(/^connection lost: .*; trying again for ([1-9]|10) s\n$/)
  })

  test('by SIGHUP ends it there, and cancels nothing', async () => {
    const platform = await platformOf(started)
    const running = testledger(wish(platform.url))
    await running.said('登录')
    running.signal('SIGHUP')
    expect(await running.ended).toMatchObject({ code: null, errors: '' })
    expect(platform.calls('cancel/')).toEqual([])
  })

  test('before anything was started starts nothing', async () => {
    const asked = Promise.withResolvers<undefined>()
    const platform = await platformOf({
      instead({ path }) {
        if (path.endsWith('login/')) asked.resolve(undefined)
        return path.endsWith('login/')
      },
    })
    const env = { TESTLEDGER_TOKEN: '', TESTLEDGER_USERNAME: 'u', TESTLEDGER_PASSWORD: 'p' }
    const running = testledger(wish(platform.url), { env })
    await asked.promise
    running.signal('SIGINT')
    expect(await running.ended).toEqual({ code: 130, output: '', errors: '' })
    expect(platform.calls(RUN)).toEqual([])
  })

  test.each<[string, (asked: Asked) => boolean, string, string]>([
    [
      'of a run that has just ended is no failure',
      ({ path, response }) => {
        if (path.endsWith('cancel/')) json(response, 400, { error: '运行已结束', code: 'conflict' })
        return path.endsWith('cancel/')
      },
      'record 17 had ended\n',
      '',
    ],
    [
      'that is not permitted says that the run goes on',
      ({ path, response }) => {
        if (path.endsWith('cancel/')) json(response, 403, { error: '没有权限执行该操作', code: 'forbidden' })
        return path.endsWith('cancel/')
      },
      '',
      'testledger: record 17 could not be cancelled and may still be running: 没有权限执行该操作\n',
    ],
  ])('%s', async (_, instead, told, warned) => {
    const platform = await platformOf({ ...started, instead: (asked) => endless(asked) || instead(asked) })
    const running = testledger(wish(platform.url))
    await running.said('登录')
    running.signal('SIGINT')
    const { code, output, errors } = await running.ended
    expect([code, errors]).toEqual([130, warned])
    expect(output).toContain(told)
  })
})
