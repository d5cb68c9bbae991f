import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CASES, type Outcome, SCENES, surprises } from '../../scripts/demo/story.ts'
import { type Command, runCommand, temporaryFolder } from '../support/command.ts'

describe('npm run demo', () => {
  const folder = temporaryFolder()
  // The default port of the platform, so that the demo has to do without it; someone else may have taken it before.
  const occupied = createServer()
  beforeAll(
    () =>
      new Promise<void>((resolve) => void occupied.once('error', () => resolve()).listen(8600, '127.0.0.1', resolve)),
  )
  afterAll(() => void occupied.close())

  const demo = (args: readonly string[], environment = {}): Command =>
    runCommand('scripts/demo.ts', args, { cwd: folder.path, env: environment })

  test('with a PORT that is taken goes wrong, says so, and leaves nothing in the way of the next one', async () => {
    const { code, errors } = await demo(['--once'], { PORT: '8600' }).ended
    expect(code).toBe(1)
    expect(errors).toBe(
      'The demo went wrong: HOST 127.0.0.1, PORT 8600 cannot be listened on: another process uses it\n',
    )
  }, 180_000)

  test('with --once tells every verdict with the assertion that failed, and ends by itself', async () => {
    const { code, output, errors } = await demo(['--once']).ended
    expect(errors).toBe('')
    expect(code).toBe(0)
    for (const place of SCENES[0].cases) {
      expect(output).toContain(`${CASES[place]?.meant}  ${CASES[place]?.content.title}\n`)
    }
    expect(output).toContain('相等: expected 8, actual 10\n')
    expect(output).toMatch(/report: http:\/\/127\.0\.0\.1:\d+\/api\/testTask\/report\/\d+\/\n/)
    expect(output).toContain('5 成功, 1 失败 (on purpose), 0 错误')
    expect(output).toContain(
      '注册登录下单: 5 of 6 成功\n  浏览商品: 2 of 2 成功\n\n  7 成功, 1 失败 (on purpose), 0 错误\n',
    )
    expect(output).toMatch(/"task": ?"每晚回归".*"pass_rate": ?"87.50"/)
    const [, html = ''] = /HTML report, to open in a browser: (\S+)\n/.exec(output) ?? []
    expect(await readFile(html, 'utf8')).toMatch(/^<!doctype html>[^]*每晚回归[^]*下单后库存减少/i)
    // Not a terminal: no colours.
    expect(output).not.toContain('\u001b')
  }, 180_000)

  test('run again it leaves the platform running, with what it says of it, until Ctrl-C', async () => {
    const running = demo([])
    const [, url = ''] = await running.said(/documentation {2}(http:\S+)\/docs\//)
    const [, file = ''] = await running.said(/password in (\S+)/)
    const [, report = ''] = await running.said(/report: (http\S+)/)
    await running.said(/curl -s/)

    expect((await fetch(`${url}/docs/`)).status).toBe(200)
    const password = (await readFile(`${folder.path}/${file}`, 'utf8')).trim()
    const login = await fetch(`${url}/api/users/login/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password }),
    })
    const { token } = (await login.json()) as { token: string }
    const read = await fetch(report, { headers: { authorization: `Bearer ${token}` } })
    expect(await read.json()).toMatchObject({
      info: { all: 6, success: 5, fail: 1, results: [{ name: '注册登录下单', state: 'fail' }] },
    })

    const second = await demo(['--once']).ended
    expect(second).toMatchObject({ code: 1, errors: expect.stringMatching(/another demo is running, process \d+/) })

    running.signal('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, errors: '' })
  }, 180_000)

  test('an argument that it does not know is refused', async () => {
    expect(await demo(['--twice']).ended).toMatchObject({ code: 2, output: '' })
  })
})

describe('what counts as a demo that went wrong', () => {
  const [FLOW] = SCENES
  const asMeant = CASES.slice(0, FLOW.cases.length).map(({ meant, content: { title } }): Outcome => {
    const assertion = { method: '相等', expected: 8, actual: 10, passed: meant === '成功' }
    return { name: title, state: meant, run_time: '0.1s', log_data: [], assertions: [assertion] }
  })
  const withLast = (change: Partial<Outcome>): Outcome[] =>
    asMeant.map((outcome, nth) => (nth === asMeant.length - 1 ? { ...outcome, ...change } : outcome))

  test('nothing, when every case got the verdict that it is meant to get', () => {
    expect(surprises(FLOW, asMeant)).toEqual([])
    expect(surprises(SCENES[1], [asMeant[2] as Outcome, asMeant[2] as Outcome])).toEqual([])
  })

  test.each([
    ['a case that should pass and does not', asMeant.map((outcome): Outcome => ({ ...outcome, state: '错误' }))],
    ['a defect that is not found', withLast({ state: '成功' })],
    [
      'a case that fails at another assertion',
      withLast({ assertions: [{ method: '相等', expected: 200, actual: 404, passed: false }] }),
    ],
    ['a case that fails without an assertion', withLast({ assertions: [] })],
    ['cases that were not run', asMeant.slice(0, 2)],
  ])('%s', (_, outcomes) => {
    expect(surprises(FLOW, outcomes)).not.toEqual([])
  })
})
