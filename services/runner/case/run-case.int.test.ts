import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseJson, stringifyJson, type JsonObject, type JsonText } from '../../../contracts/json.ts'
import { givenPool } from '../sandbox/given-sandbox.ts'
import type { SandboxPool } from '../sandbox/pool.ts'
import { DEFAULT_TARGET_DENY, parseTargetDeny } from './deny.ts'
import { beginScene, closeFlow, openFlow, type Flow, type RunEnvironment } from './flow.ts'
import type { CaseResult } from './result.ts'
import { runCase, type CaseToRun } from './run-case.ts'
import { RunSecrets } from './run-secrets.ts'
import { str } from './python.ts'
import { sandboxScripts } from './sandbox-scripts.ts'
import { httpTarget, type Target } from './target.fixture.ts'

/** Whole cases: the real sandbox, a real target. */

let pool: SandboxPool
let target: Target

beforeAll(async () => {
  pool = givenPool({ scriptTimeoutMs: 2000 })
  target = await httpTarget(({ method, url, headers, body }, response) => {
    if (url === '/login') response.setHeader('Set-Cookie', 'sid=7; Path=/')
    if (url === '/users/') response.statusCode = 201
    response.setHeader('Content-Type', 'application/json')
    response.end(
      JSON.stringify({ method, url, body, cookie: headers.find(([name]) => name === 'Cookie')?.[1], 价格: 9.5 }),
    )
  })
}, 60_000)

afterAll(async () => {
  await pool.stop()
  await target.stop()
})

const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
const json = (text: string) => text as JsonText

type Run = { flow: Flow; run: (given: Partial<CaseToRun>) => Promise<CaseResult>; close: () => Promise<void> }

function open(given: Partial<RunEnvironment> = {}, debug = false): Run {
  const globalFunc = given.globalFunc ?? ''
  const secretPaths = new RunSecrets(given.secretPaths).variables
  const scripts = sandboxScripts(pool, { globalFunc, debug, secretPaths })
  const environment = {
    host: target.origin,
    headers: new Map(),
    globalVariables: new Map(),
    secrets: [],
    secretPaths: [],
    ...given,
    globalFunc,
  }
  const flow = openFlow({ environment, debug, scripts, targetDeny: parseTargetDeny(DEFAULT_TARGET_DENY) })
  return {
    flow,
    run: async (testCase) => {
      const empty = { headers: json('{}'), request: json('{}'), file: json('[]'), setupScript: '', teardownScript: '' }
      const whole = { title: '注册', interface: { url: '/users/', method: 'post' }, ...empty, ...testCase }
      return (await runCase(flow, whole, { clock })).result
    },
    close: async () => {
      scripts.close()
      await closeFlow(flow)
    },
  }
}

async function inRun<T>(run: Run, act: (run: Run) => Promise<T>): Promise<T> {
  try {
    return await act(run)
  } finally {
    await run.close()
  }
}

const texts = (result: CaseResult) => result.log_data.map(([, text]) => text)

test('the documented example: a saved variable, a JSON body, assertions, and their log', async () => {
  await inRun(open({}, true), async ({ run, flow }) => {
    const result = await run({
      request: json('{"json":{"username":"${{user_mobile}}","email":"121282@qq.com"}}'),
      setupScript: "mobile = global_func.random_mobile()\r\ntest.save_global_variable('user_mobile',mobile)",
      teardownScript:
        "test.assertion('相等', 201, response.status_code)\ntest.assertion('包含', mobile, response.json()['body'])",
    })
    const mobile = str(flow.ENV.get('user_mobile') ?? null)
    expect(mobile).toMatch(/^1\d{10}$/)
    expect(result).toMatchObject({
      name: '注册',
      state: '成功',
      method: 'POST',
      status_cede: 201,
      url: `${target.origin}/users/`,
    })
    expect(result.requests_body).toBe(`{\n  "username": "${mobile}",\n  "email": "121282@qq.com"\n}`)
    expect(result.assertions[0]).toEqual({ method: '相等', expected: '201', actual: '201', passed: true })
    expect(
      result.log_data.filter(([, text]) => !/^(临时变量|全局变量|请求头|请求体|响应头|响应体)：\n/.test(text)),
    ).toEqual([
      ['INFO', '【INFO】  |   开始执行用例：【注册】\n'],
      ['INFO', '【INFO】  |   *********执行前置脚本*********'],
      ['INFO', '【INFO】  |   -----------设置全局变量-------------'],
      ['DEBUG', '变量名:user_mobile'],
      ['DEBUG', `变量值:${mobile}`],
      ['INFO', `【INFO】  |   发送[POST]请求 : 请求地址为${target.origin}/users/：`],
      ['INFO', '【INFO】  |   请求响应状态码:201'],
      ['INFO', '【INFO】  |   *********执行后置脚本*********'],
      ['INFO', '【INFO】  |   ----------断言----------'],
      ['DEBUG', '比较方式:相等'],
      ['DEBUG', '预期结果:201'],
      ['DEBUG', '实际结果:201'],
      ['INFO', '【INFO】  |   断言通过!'],
      ['INFO', '【INFO】  |   ----------断言----------'],
      ['DEBUG', '比较方式:包含'],
      ['DEBUG', `预期结果:${mobile}`],
      ['DEBUG', expect.stringMatching(/^实际结果:\{"username"/)],
      ['INFO', '【INFO】  |   断言通过!'],
      ['INFO', '【INFO】  |   注册执行——>【通过】\n'],
    ])
  })
})

test('numbers go through Python and the wire as they were', async () => {
  await inRun(open(), async ({ run }) => {
    const result = await run({
      request: json('{"json":{"id":"${{id}}","price":1.0,"e":1e3,"big":12345678901234567890,"z":0,"a":{"2":1,"1":2}}}'),
      setupScript: "test.save_env_variable('id', 9007199254740993)\ndata['request']['json']['z'] = 0.1 + 0.2",
      teardownScript:
        "sent = data['request']['json']\nassert sent['id'] == 9007199254740993 and type(sent['price']) is float, sent\nprint(json.dumps(sent))",
    })
    const wire =
      '{"id": 9007199254740993, "price": 1.0, "e": 1000.0, "big": 12345678901234567890, "z": 0.30000000000000004, "a": {"2": 1, "1": 2}}'
    expect([result.state, target.asked.at(-1)?.body]).toEqual(['成功', wire])
    expect(texts(result)).toContain(wire)
  })
})

test('a failed assertion, an exception, a skip and an endless loop end as they should, and the next case runs', async () => {
  await inRun(open(), async ({ run }) => {
    const failed = await run({ teardownScript: "test.assertion('相等', 200, response.status_code)" })
    expect([failed.state, failed.assertions[0]?.passed]).toEqual(['失败', false])
    expect(failed.log_data.slice(-2)).toEqual([
      ['WARNING', '【WARNING】  |   断言失败:\n200 != 201'],
      ['WARNING', '【WARNING】  |   注册执行——>【失败】\n'],
    ])

    const early = await run({ setupScript: "assert 1 == 2, 'no'" })
    expect([early.state, 'url' in early]).toEqual(['失败', false])
    expect(early.log_data.at(-2)).toEqual(['ERROR', '【ERROR】  |   前置脚本执行错误:\nno'])

    const broken = await run({ teardownScript: 'x = 1\n1/0' })
    expect(broken.state).toBe('错误')
    expect(broken.log_data.at(-3)).toEqual(['ERROR', '【ERROR】  |   后置脚本执行错误:\ndivision by zero'])
    expect(broken.log_data.at(-2)?.[0]).toBe('EXCEPT')
    expect(broken.log_data.at(-2)?.[1]).toMatch(/^Traceback [^]*line 2[^]*\nZeroDivisionError: division by zero\n$/)

    const skipped = await run({ setupScript: "test.skipTest('later')" })
    expect(skipped.state).toBe('跳过')
    expect(skipped.log_data.slice(-2)).toEqual([
      ['INFO', '【INFO】  |   跳过用例:later'],
      ['WARNING', '【WARNING】  |   注册执行——>【跳过】\n'],
    ])
    expect((await run({ setupScript: 'raise SystemExit(3)' })).state).toBe('错误')

    const endless = await run({ setupScript: 'while True: pass' })
    expect(endless.state).toBe('错误')
    expect(endless.log_data.at(-3)?.[1]).toMatch(/^【ERROR】 {2}\| {3}前置脚本执行错误:\n.*(时间|秒)/)

    expect((await run({ setupScript: 'x = 1', teardownScript: 'assert x == 1' })).state).toBe('成功')
  })
})

describe('a token that a login saves under the name of a secret', () => {
  test.each([
    ['test.save_global_variable', "test.save_global_variable('tok', 'again-secret')"],
    ['test.save_env_variable', "test.save_env_variable('tok', 'again-secret')"],
    ['an attribute', "ENV.tok = 'again-secret'"],
    [
      'a value that is overwritten',
      "ENV.tok = 'again-secret'; print(ENV.tok); ENV['tok'] = 'x'; data['title'] = 'again-secret'",
    ],
    ['a value that is deleted', "env.update(tok=['again-secret']); print(env); del env.tok"],
    ['what JSON cannot hold', "ENV.tok = b'again-secret'; print(ENV.tok)"],
    ['a script that fails', "ENV.tok = 'again-secret'; raise ValueError(ENV.tok)"],
  ])('is hidden in all of the run: %s', async (_, script) => {
    for (const debug of [true, false]) {
      await inRun(open({ secretPaths: ['global_variable.tok'] }, debug), async ({ run }) => {
        const request = json('{"params":{"x":"again-secret"},"json":{"y":"again-secret"}}')
        // The first shows it before it is a secret.
        for (const scripts of [{ teardownScript: script }, { setupScript: script }, {}])
          expect(JSON.stringify(await run({ ...scripts, request }))).not.toContain('again-secret')
        expect(target.asked.at(-1)?.url).toContain('again-secret')
      })
    }
  })

  test('is what the request carries', async () => {
    await inRun(open({ secretPaths: ['debug_global_variable.tok'] }), async ({ run }) => {
      await run({ setupScript: "test.save_global_variable('tok', 'again-secret')" })
      const { url } = await run({ request: json('{"params":{"x":"${{tok}}"}}') })
      expect([url, target.asked.at(-1)?.url]).toEqual([`${target.origin}/users/?x=******`, '/users/?x=again-secret'])
    })
  })
})

describe('variables and cookies', () => {
  test('temporary ones end with their scene, global ones and cookies with the run', async () => {
    await inRun(open(), async ({ run, flow }) => {
      await run({
        interface: { url: '/login', method: 'get' },
        teardownScript: "test.save_env_variable('t', 1)\nENV.g = {'a': [1.0]}",
      })
      expect([stringifyJson(flow.env), flow.ENV.has('g')]).toEqual(['{"t":1}', true])
      beginScene(flow)
      const lost = await run({ request: json('{"json":"${{t}}"}') })
      expect([lost.state, texts(lost).some((text) => text.includes('变量t,'))]).toEqual(['错误', true])
      const kept = await run({
        request: json('{"json":"${{g}}"}'),
        teardownScript: "assert response.json()['cookie'] == 'sid=7'",
      })
      expect([kept.state, target.asked.at(-1)?.body]).toEqual(['成功', '{"a": [1.0]}'])
    })
  })

  test('what a debug run saves as temporary is global', async () => {
    await inRun(open({ globalVariables: parseJson('{"old":1}') as JsonObject }, true), async ({ flow }) => {
      const testCase = {
        title: 't',
        interface: { url: '/', method: 'get' },
        headers: json('{}'),
        request: json('{}'),
        file: json('[]'),
        setupScript: "test.save_env_variable('x', 1.0)\ntest.delete_global_variable('old')",
        teardownScript: '',
      }
      const { globalChanges, envChanges, result } = await runCase(flow, testCase, { clock })
      expect(result.state).toBe('成功')
      expect(globalChanges).toEqual({ set: { x: '1.0' }, deleted: ['old'] })
      expect(envChanges).toEqual({ set: {}, deleted: [] })
    })
  })
})

describe("the environment's functions", () => {
  test('are called by scripts', async () => {
    const globalFunc = 'from apitestengine.core.tools import *\ndef double(n):\n    return n * 2\n'
    await inRun(open({ globalFunc }), async ({ run }) => {
      const result = await run({
        request: json('{"json":"${{n}}"}'),
        setupScript: "test.save_env_variable('n', global_func.double(21))",
      })
      expect([result.state, target.asked.at(-1)?.body]).toEqual(['成功', '42'])
    })
  })

  test('that cannot be read are the error of every case, with or without scripts', async () => {
    await inRun(open({ globalFunc: 'def broken(:\n' }), async ({ run }) => {
      for (const setupScript of ['', 'x = 1']) {
        const result = await run({ setupScript })
        expect(result.state).toBe('错误')
        expect(result.log_data.at(-2)?.[1]).toMatch(/SyntaxError/)
      }
    })
  })
})

test('a database that the environment has not is named', async () => {
  await inRun(open(), async ({ run }) => {
    const result = await run({ setupScript: "db.main.execute('select 1')" })
    expect([result.state, texts(result).some((text) => /环境中没有名为 main 的数据库/.test(text))]).toEqual([
      '错误',
      true,
    ])
  })
})

test('an aborted run throws out of a script and leaves nothing behind', async () => {
  const aborting = new AbortController()
  const reason = new Error('cancelled')
  const scripts = sandboxScripts(pool, { globalFunc: '', debug: false, signal: aborting.signal })
  const environment = {
    host: target.origin,
    headers: new Map(),
    globalVariables: new Map(),
    secrets: [],
    secretPaths: [],
    globalFunc: '',
  }
  const flow = openFlow({ environment, debug: false, scripts, targetDeny: parseTargetDeny('') })
  const testCase = {
    title: 't',
    interface: { url: '/', method: 'get' },
    headers: json('{}'),
    request: json('{}'),
    file: json('[]'),
    setupScript: 'while True: pass',
    teardownScript: '',
  }
  await scripts.beginCase()
  const running = runCase(flow, testCase, { clock, signal: aborting.signal })
  aborting.abort(reason)
  await expect(running).rejects.toBe(reason)
  await closeFlow(flow)
})
