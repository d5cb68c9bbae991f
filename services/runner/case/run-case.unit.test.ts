import { describe, expect, test } from '@jest/globals'
import { stringifyJson } from '../../../contracts/json.ts'
import { flowWith, json, run, scriptsThat, targetThat, type FakeTarget, type ScriptAnswer } from './case.fixture.ts'
import { CaseFault } from './fault.ts'
import { NO_CHANGES } from './result.ts'
import type { Assertion, LogLine } from './scripts.ts'
import type { Connections } from './send.ts'

const info = (text: string): LogLine => ['INFO', `【INFO】  |   ${text}`]
const BEGUN = info('开始执行用例：【登录】\n')
const SETUP = info('*********执行前置脚本*********')
const SENDING = info('发送[POST]请求 : 请求地址为http://h/p：')
const ANSWERED = info('请求响应状态码:200')
const TEARDOWN = info('*********执行后置脚本*********')
const PASSED = info('登录执行——>【通过】\n')
const FAILED: LogLine = ['WARNING', '【WARNING】  |   登录执行——>【失败】\n']
const ERROR: LogLine = ['ERROR', '【ERROR】  |   登录执行——>【错误Error】\n']

function assertion(passed: boolean): Assertion {
  return { method: '相等', expected: json('1'), actual: json('[1.0]'), passed }
}

function lines(text: string): LogLine[] {
  return [['ERROR', `【ERROR】  |   ${text}`]]
}

describe('a case without scripts', () => {
  test('needs no sandbox and passes', async () => {
    const scripts = scriptsThat()
    const { result } = await run(flowWith(scripts, targetThat()), {
      setupScript: '# nothing\n\n',
      teardownScript: '  # here\r\n',
    })
    expect(scripts.calls).toEqual([])
    expect(result.log_data).toEqual([BEGUN, SETUP, SENDING, ANSWERED, TEARDOWN, PASSED])
    expect(result).toMatchObject({
      name: '登录',
      state: '成功',
      run_time: '0.455s',
      started_at: '2026-01-01T00:00:00.000Z',
    })
  })

  test('takes no time while it waits for an interpreter', async () => {
    // The clock goes on by 455 ms whenever it is read: once at each end, and at each end of the wait.
    const { result } = await run(flowWith(scriptsThat(), targetThat()), { setupScript: 'x = 1' })
    expect(result.run_time).toBe('0.91s')
  })

  test('has the documented keys in the documented order', async () => {
    const body = Buffer.from('{"token":"中"}')
    const target = targetThat({
      status: 201,
      headers: [
        ['Content-Type', 'application/json'],
        ['X', '1'],
        ['x', '2'],
      ],
      body,
    })
    const { result } = await run(flowWith(scriptsThat(), target), { request: json('{"json":{"a":1.0}}') })
    expect(Object.keys(result)).toEqual([
      'name',
      'log_data',
      'url',
      'method',
      'status_cede',
      'response_header',
      'requests_header',
      'response_body',
      'requests_body',
      'state',
      'run_time',
      'assertions',
      'started_at',
    ])
    expect(result).toMatchObject({
      url: 'http://h/p',
      method: 'POST',
      status_cede: 201,
      response_header: { 'Content-Type': 'application/json', X: '1, 2' },
      response_body: '{\n  "token": "中"\n}',
      requests_body: '{\n  "a": 1.0\n}',
    })
    expect(Object.entries(result.requests_header ?? {})).toEqual([
      ['User-Agent', 'python-requests/2.27.1'],
      ['Accept-Encoding', 'gzip, deflate, br'],
      ['Accept', '*/*'],
      ['Connection', 'keep-alive'],
      ['X-Env', '1'],
      ['Content-Length', '10'],
      ['Content-Type', 'application/json'],
    ])
  })

  test("in a debug run shows the engine's DEBUG lines", async () => {
    const flow = flowWith(scriptsThat(), targetThat({ body: Buffer.from('ok'), headers: [['A', 'b']] }), {
      debug: true,
      env: '{"t":1.0}',
      ENV: '{"host":"http://h","g":[null,"x"]}',
    })
    const { result } = await run(flow)
    const sent =
      "{'User-Agent': 'python-requests/2.27.1', 'Accept-Encoding': 'gzip, deflate, br', 'Accept': '*/*', 'Connection': 'keep-alive', 'Content-Length': '0'}"
    expect(result.log_data).toEqual([
      BEGUN,
      ['DEBUG', "临时变量：\n{'t': 1.0}"],
      ['DEBUG', "全局变量：\n{'host': 'http://h', 'g': [None, 'x']}"],
      SETUP,
      SENDING,
      ['DEBUG', `请求头：\n${sent}`],
      ['DEBUG', '请求体：\nNone'],
      ANSWERED,
      ['DEBUG', "响应头：\n{'A': 'b'}"],
      ['DEBUG', '响应体：\nok'],
      TEARDOWN,
      PASSED,
    ])
  })

  test('asks the sandbox when the environment has functions, whose failure is its error too', async () => {
    const scripts = scriptsThat(
      {},
      {},
      { message: 'invalid syntax', traceback: 'Traceback…\nSyntaxError: invalid syntax\n' },
    )
    const target = targetThat()
    const { result } = await run(flowWith(scripts, target, { globalCode: true }))
    expect(result.log_data).toEqual([
      BEGUN,
      ['ERROR', '【ERROR】  |   全局工具函数执行错误:\ninvalid syntax'],
      ['EXCEPT', 'Traceback…\nSyntaxError: invalid syntax\n'],
      ERROR,
    ])
    expect([result.state, scripts.calls, target.requests.length]).toEqual(['错误', ['begin'], 0])
  })
})

describe('scripts', () => {
  const scripted = { setupScript: 'x = 1', teardownScript: 'y = 2' }

  test('run around the request, their lines in between', async () => {
    const scripts = scriptsThat({ log: [['DEBUG', 'hello']] }, { log: [info('bye')] })
    const { result } = await run(flowWith(scripts, targetThat()), scripted)
    expect(scripts.calls).toEqual(['begin', 'setup', 'teardown'])
    expect(result.log_data).toEqual([
      BEGUN,
      SETUP,
      ['DEBUG', 'hello'],
      SENDING,
      ANSWERED,
      TEARDOWN,
      info('bye'),
      PASSED,
    ])
  })

  test('see the case as a dict', async () => {
    const scripts = scriptsThat()
    await run(flowWith(scripts, targetThat()), { ...scripted, request: json('{"json":{"b":1.0,"2":[],"1":null}}') })
    expect(scripts.setupCall?.data).toBe(
      '{"title":"登录","interface":{"url":"/p","method":"post","name":"登录接口"},"headers":{},' +
        '"request":{"json":{"b":1.0,"2":[],"1":null}},"file":[],"setup_script":"x = 1","teardown_script":"y = 2"}',
    )
  })

  test('what setup changes is what is sent, and what teardown sees has its variables substituted', async () => {
    const scripts = scriptsThat({
      data: json(
        '{"interface":{"url":"/${{way}}","method":"put"},"headers":{"X":"${{id}}"},"request":{"json":"${{id}}"},"teardown_script":"z"}',
      ),
      env: json('{"id":7}'),
      ENV: json('{"host":"http://other","headers":{"E":"${{id}}"},"way":"there"}'),
    })
    const target = targetThat()
    const flow = flowWith(scripts, target)
    await run(flow, { setupScript: 'x = 1' })
    expect(target.requests[0]).toMatchObject({ method: 'PUT', url: { href: 'http://other/there' } })
    expect(target.requests[0]?.headers.get('E')).toBe('7')
    expect(new TextDecoder().decode(target.requests[0]?.body.bytes ?? undefined)).toBe('7')
    expect(scripts.teardownCall?.script).toBe('z')
    expect(scripts.teardownCall?.data).toBe(
      '{"interface":{"url":"/there","method":"put"},"headers":{"E":7,"X":7},"request":{"json":7},"teardown_script":"z"}',
    )
    expect([stringifyJson(flow.env), stringifyJson(flow.ENV)]).toEqual([
      '{"id":7}',
      '{"host":"http://other","headers":{"E":"${{id}}"},"way":"there"}',
    ])
  })

  test('without headers and request the case is sent all the same', async () => {
    const target = targetThat()
    const { result } = await run(
      flowWith(scriptsThat({ data: json('{"interface":{"url":"/q","method":"get"}}') }), target),
      scripted,
    )
    expect([result.state, target.requests[0]?.url.href]).toEqual(['成功', 'http://h/q'])
  })

  test('teardown sees the answer, and its redirects as history', async () => {
    const scripts = scriptsThat()
    const target = targetThat(
      {
        status: 302,
        headers: [
          ['Location', '/next'],
          ['Set-Cookie', 'a=1'],
        ],
      },
      { status: 404, reason: 'Not Found', headers: [['Content-Type', 'text/html']], body: Buffer.from('nix') },
    )
    const { result } = await run(flowWith(scripts, target), { ...scripted, request: json('{"data":"sent"}') })
    expect(result).toMatchObject({ url: 'http://h/next', method: 'GET', status_cede: 404, requests_body: 'None' })
    expect(scripts.teardownCall?.response).toMatchObject({
      status: 404,
      reason: 'Not Found',
      url: 'http://h/next',
      encoding: 'ISO-8859-1',
      elapsedMs: 12,
      cookies: [],
      request: { method: 'GET', url: 'http://h/next', body: null },
      history: [
        { status: 302, cookies: [{ name: 'a', value: '1' }], history: [], request: { method: 'POST', body: 'sent' } },
      ],
    })
  })

  test.each<[string, unknown]>([
    ['{"json":{"a":"中"}}', Buffer.from('{"a": "\\u4e2d"}')],
    ['{"json":""}', Buffer.from('""')],
    ['{"files":{"f":"x"}}', expect.any(Uint8Array)],
    ['{"data":{"a":"中"}}', 'a=%E4%B8%AD'],
    ['{"data":"{\\"a\\": \\"中\\"}"}', '{"a": "中"}'],
    ['{}', null],
  ])('the body that %s sent is to teardown what it is to requests', async (request, body) => {
    const scripts = scriptsThat()
    await run(flowWith(scripts, targetThat()), { ...scripted, request: json(request) })
    const sent = scripts.teardownCall?.response.request.body
    expect(sent instanceof Uint8Array ? Buffer.from(sent) : sent).toEqual(body)
  })

  test('what they save and delete is told, the later word counting', async () => {
    const scripts = scriptsThat(
      { changes: { env: { set: { a: json('1') }, deleted: [] }, ENV: { set: { g: json('"x"') }, deleted: ['old'] } } },
      { changes: { env: { set: {}, deleted: ['a'] }, ENV: { set: { old: json('1.0') }, deleted: [] } } },
    )
    const { envChanges, globalChanges } = await run(flowWith(scripts, targetThat()), scripted)
    expect(envChanges).toEqual({ set: {}, deleted: ['a'] })
    expect(globalChanges).toEqual({ set: { g: '"x"', old: '1.0' }, deleted: [] })
  })

  test('their assertions are in the result, in order', async () => {
    const scripts = scriptsThat(
      { assertions: [assertion(true)] },
      { assertions: [assertion(false)], end: { kind: 'failed' } },
    )
    const { result } = await run(flowWith(scripts, targetThat()), scripted)
    expect(result.assertions).toEqual([assertion(true), assertion(false)])
  })
})

describe('verdicts', () => {
  test('an assertion in setup: 失败, and nothing is sent', async () => {
    const target = targetThat()
    const scripts = scriptsThat({ end: { kind: 'failed' }, log: lines('前置脚本执行错误:\nno') })
    const { result } = await run(flowWith(scripts, target), { setupScript: 'assert False' })
    expect(result.log_data).toEqual([BEGUN, SETUP, ...lines('前置脚本执行错误:\nno'), FAILED])
    expect([result.state, target.requests.length, 'url' in result]).toEqual(['失败', 0, false])
  })

  test('an assertion in teardown: 失败, with the answer', async () => {
    const warned: LogLine = ['WARNING', '【WARNING】  |   断言失败:\n1 != 2']
    const scripts = scriptsThat({}, { end: { kind: 'failed' }, log: [warned] })
    const { result } = await run(flowWith(scripts, targetThat()), { teardownScript: 'assert False' })
    expect(result.log_data).toEqual([BEGUN, SETUP, SENDING, ANSWERED, TEARDOWN, warned, FAILED])
    expect([result.state, result.status_cede]).toEqual(['失败', 200])
  })

  test.each(['setup', 'teardown'] as const)('an exception in %s: 错误 with its traceback', async (phase) => {
    const outcome: ScriptAnswer = {
      end: {
        kind: 'error',
        message: 'division by zero',
        traceback: 'Traceback…\nZeroDivisionError: division by zero\n',
      },
      log: lines('脚本执行错误:\ndivision by zero'),
    }
    const scripts = phase === 'setup' ? scriptsThat(outcome) : scriptsThat({}, outcome)
    const { result } = await run(flowWith(scripts, targetThat()), { setupScript: '1', teardownScript: '1' })
    expect(result.log_data.slice(-3)).toEqual([
      ...lines('脚本执行错误:\ndivision by zero'),
      ['EXCEPT', 'Traceback…\nZeroDivisionError: division by zero\n'],
      ERROR,
    ])
    expect(result.state).toBe('错误')
  })

  test.each([
    ['setup', '前置'],
    ['teardown', '后置'],
  ] as const)('a limit in %s: 错误, and says which', async (phase, name) => {
    const outcome: ScriptAnswer = { end: { kind: 'limit', message: '脚本超过内存限制' } }
    const scripts = phase === 'setup' ? scriptsThat(outcome) : scriptsThat({}, outcome)
    const { result } = await run(flowWith(scripts, targetThat()), { setupScript: '1', teardownScript: '1' })
    expect(result.log_data.slice(-3)).toEqual([
      ...lines(`${name}脚本执行错误:\n脚本超过内存限制`),
      ['EXCEPT', '脚本超过内存限制\n'],
      ERROR,
    ])
    expect(result.state).toBe('错误')
  })

  test('a skipped case is neither passed nor failed', async () => {
    const { result } = await run(flowWith(scriptsThat({ end: { kind: 'skipped' } }), targetThat()), {
      setupScript: '1',
    })
    expect(result.state).toBe('跳过')
    expect(result.log_data.at(-1)).toEqual(['WARNING', '【WARNING】  |   登录执行——>【跳过】\n'])
  })

  test('a missing variable: 错误 with its name, before anything is sent', async () => {
    const target = targetThat()
    const { result } = await run(flowWith(scriptsThat(), target), { headers: json('{"X":"${{nope}}"}') })
    expect(result.log_data).toEqual([
      BEGUN,
      SETUP,
      [
        'EXCEPT',
        'ValueError: 变量引用错误：\n{\n  "X-Env": "1",\n  "X": "${{nope}}"\n}\n中的变量nope,在当前运行环境中未找到\n',
      ],
      ERROR,
    ])
    expect([result.state, target.requests.length]).toEqual(['错误', 0])
  })

  test("what the case has of its own need not be there in the environment's headers, and takes their place", async () => {
    const target = targetThat()
    const ENV = '{"host":"http://h","headers":{"X-A":"${{nope}}","X-B":"env"}}'
    const { result } = await run(flowWith(scriptsThat(), target, { ENV }), { headers: json('{"X-A":"own"}') })
    expect(result.state).toBe('成功')
    expect(target.requests[0]?.headers.entries().slice(-3, -1)).toEqual([
      ['X-A', 'own'],
      ['X-B', 'env'],
    ])
  })

  test('a failed send: 错误 with the reason', async () => {
    const { result } = await run(flowWith(scriptsThat(), targetThat(new CaseFault('连接被拒绝'))))
    expect(result.log_data).toEqual([
      BEGUN,
      SETUP,
      SENDING,
      ['EXCEPT', 'ValueError: 请求发送失败，错误信息如下：连接被拒绝\n'],
      ERROR,
    ])
    expect('url' in result).toBe(false)
  })

  test('the 31st redirect: 错误', async () => {
    const round = Array.from({ length: 40 }, () => ({ status: 302, headers: [['Location', '/again'] as const] }))
    const target = targetThat(...round)
    const { result } = await run(flowWith(scriptsThat(), target))
    expect(result.log_data.at(-2)?.[1]).toContain('重定向超过30次')
    expect([result.state, target.requests.length]).toEqual(['错误', 31])
  })

  describe('a case with files', () => {
    const asked: string[] = []
    const files = (reference: string) => {
      asked.push(reference)
      const bytes = Buffer.from([0, 255])
      return Promise.resolve(reference === '7' ? { name: 'kept.sql', type: 'a/b', bytes } : undefined)
    }

    test('sends them as a form, with variables replaced and as the setup script left them', async () => {
      const setup = scriptsThat({
        data: json('{"interface":{"url":"/p","method":"post"},"file":[["${{field}}",["${{name}}","${{id}}","c/d"]]]}'),
        env: json('{"field":"up","name":"数据.sql","id":7}'),
      })
      const target = targetThat()
      const { result } = await run(flowWith(setup, target, { files }), { setupScript: 'x', file: json('[["f","x"]]') })
      expect(result.state).toBe('成功')
      const body = Buffer.from(target.requests[0]?.body.bytes ?? [])
      expect(body.includes(Buffer.from('name="up"; filename="数据.sql"\r\nContent-Type: c/d\r\n\r\n'))).toBe(true)
      expect(body.includes(Buffer.from([13, 10, 0, 255, 13, 10]))).toBe(true)
      expect(result.requests_body).toContain('filename="数据.sql"\r\nContent-Type: c/d\r\n\r\nbase64(2字节)：AP8=\r\n')
    })

    test('is 错误 before anything is sent when one is not there, and names it', async () => {
      const target = targetThat()
      const { result } = await run(flowWith(scriptsThat(), target, { files }), {
        file: json(String.raw`[["f",["a.sql","D:\\dir\\a.sql","a/b"]]]`),
      })
      expect([result.state, target.requests]).toEqual(['错误', []])
      expect(asked.at(-1)).toBe(String.raw`D:\dir\a.sql`)
      expect(result.log_data.slice(-2)).toEqual([
        ['EXCEPT', 'ValueError: file的f引用的文件不存在：D:\\dir\\a.sql\n'],
        ['ERROR', expect.stringContaining('【错误Error】')],
      ])
    })
  })

  test('a sandbox that cannot be had is told, and the run goes on', async () => {
    const scripts = { ...scriptsThat(), beginCase: () => Promise.reject(new Error('no sandbox')) }
    const { result } = await run(flowWith(scripts, targetThat()), { setupScript: '1' })
    expect([result.state, result.log_data.at(-2)]).toEqual(['错误', ['EXCEPT', 'Error: no sandbox\n']])
  })

  test('an aborted run throws the reason, also when it was aborted inside a script', async () => {
    const aborting = new AbortController()
    const reason = new Error('cancelled')
    const target: Connections = {
      ...targetThat(),
      send: () => {
        aborting.abort(reason)
        return Promise.reject(new CaseFault('aborted'))
      },
    }
    await expect(run(flowWith(scriptsThat(), target), {}, aborting.signal)).rejects.toBe(reason)
    const early = AbortSignal.abort(reason)
    await expect(run(flowWith(scriptsThat(), targetThat()), { setupScript: '1' }, early)).rejects.toBe(reason)
  })
})

describe('what a result must not hold', () => {
  test('a secret, in address, headers, bodies, log and assertions', async () => {
    const secret = 'tok/en "1"'
    const scripts = scriptsThat(
      {},
      {
        log: [['DEBUG', `printed ${secret}`]],
        assertions: [{ method: '相等', expected: json(JSON.stringify(secret)), actual: json('1'), passed: false }],
      },
    )
    const flow = flowWith(
      scripts,
      targetThat({ body: Buffer.from(JSON.stringify({ echo: secret })), headers: [['X-Echo', secret]] }),
      {
        debug: true,
        secrets: [secret],
        ENV: JSON.stringify({ host: 'http://h', token: secret }),
      },
    )
    const target = flow.connections as FakeTarget
    const { result } = await run(flow, {
      teardownScript: '1',
      headers: json('{"Authorization":"Bearer ${{token}}"}'),
      request: json('{"params":{"t":"${{token}}"},"json":{"t":"${{token}}"},"auth":["${{token}}","x"]}'),
    })
    // The request carries the real value.
    expect(new TextDecoder().decode(target.requests[0]?.body.bytes ?? undefined)).toBe('{"t": "tok/en \\"1\\""}')
    const text = JSON.stringify(result)
    for (const form of ['tok/en', 'tok%2Fen', Buffer.from(`${secret}:x`).toString('base64')])
      expect(text).not.toContain(form)
    expect(result.url).toBe('http://h/p?t=******')
    expect(result.requests_header?.['Authorization']).toBe('Basic ******')
    expect(result.response_body).toBe('{\n  "echo": "******"\n}')
  })

  test('NUL and lone surrogates, nor in what was saved', async () => {
    const scripts = scriptsThat({ changes: { env: NO_CHANGES, ENV: { set: { x: json('"\\u0000"') }, deleted: [] } } })
    const { result, globalChanges } = await run(flowWith(scripts, targetThat({ body: Buffer.from('a\0b') })), {
      setupScript: '1',
    })
    expect(result.response_body).toBe('a\\u0000b')
    expect(globalChanges.set).toEqual({ x: '"\\\\u0000"' })
  })

  test('more than a MiB of a body, and the log says so', async () => {
    const { result } = await run(flowWith(scriptsThat(), targetThat({ body: Buffer.alloc(2 * 1024 * 1024, 'x') })))
    expect(result.response_body?.length).toBe(1024 * 1024)
    expect(result.log_data).toContainEqual(['WARNING', '【WARNING】  |   响应体超过1MiB，结果中只保留开头部分'])
  })
})

test('cookies go from case to case of a run', async () => {
  const target = targetThat({ headers: [['Set-Cookie', 'sid=7; Path=/']] })
  const flow = flowWith(scriptsThat(), target)
  const { cookies } = await run(flow)
  expect(cookies?.cookies.map(({ key, value }) => [key, value])).toEqual([['sid', '7']])
  await run(flow)
  expect(target.requests[1]?.headers.get('Cookie')).toBe('sid=7')
})

describe('what scripts leave for the end of a case', () => {
  const left: ScriptAnswer = { pending: true }
  const cleaned: LogLine = ['DEBUG', 'cleaned']

  test('runs before a success is told', async () => {
    const scripts = scriptsThat({}, left, undefined, { log: [cleaned] })
    const { result } = await run(flowWith(scripts, targetThat()), { teardownScript: 'x' })
    expect(scripts.calls).toEqual(['begin', 'teardown', 'cleanup'])
    expect(result.state).toBe('成功')
    expect(result.log_data.slice(-2)).toEqual([cleaned, PASSED])
  })

  test('runs after a failure is told, which it cannot mend', async () => {
    const scripts = scriptsThat({ ...left, end: { kind: 'failed' } }, {}, undefined, { log: [cleaned] })
    const { result } = await run(flowWith(scripts, targetThat()), { setupScript: 'x' })
    expect(result.state).toBe('失败')
    expect(result.log_data.slice(-2)).toEqual([FAILED, cleaned])
  })

  test('runs when the request fails, and its own error is the last word', async () => {
    const error: ScriptAnswer = { end: { kind: 'error', message: 'm', traceback: 'trace\n' } }
    const scripts = scriptsThat(left, {}, undefined, error)
    const { result } = await run(flowWith(scripts, targetThat(new CaseFault('no'))), { setupScript: 'x' })
    expect(result.state).toBe('错误')
    expect(result.log_data.slice(-3)).toEqual([ERROR, ['EXCEPT', 'trace\n'], ERROR])
  })

  test('makes a case that passed a failure', async () => {
    const { result } = await run(
      flowWith(scriptsThat(left, {}, undefined, { end: { kind: 'failed' } }), targetThat()),
      { setupScript: 'x' },
    )
    expect(result.state).toBe('失败')
    expect(result.log_data.at(-1)).toEqual(FAILED)
  })

  test('is gone with a script that met a limit', async () => {
    const scripts = scriptsThat(left, { end: { kind: 'limit', message: 'm' } })
    await run(flowWith(scripts, targetThat()), { setupScript: 'x', teardownScript: 'x' })
    expect(scripts.calls).toEqual(['begin', 'setup', 'teardown'])
  })
})

test('what a setup script put into a field and cannot be read again is told in the place of that field', async () => {
  const target = targetThat()
  const faults = { request: "NameError: name 'nan' is not defined" }
  const unread = await run(flowWith(scriptsThat({ faults }), target), { setupScript: 'x' })
  expect(unread.result.state).toBe('错误')
  expect(unread.result.log_data.slice(-2)).toEqual([['EXCEPT', "NameError: name 'nan' is not defined\n"], ERROR])
  const earlier = await run(flowWith(scriptsThat({ faults, data: json('{"headers":{"a":"${{none}}"}}') }), target), {
    setupScript: 'x',
  })
  expect(earlier.result.log_data.at(-2)?.[1]).toContain('变量引用错误')
  expect(target.requests).toEqual([])
})
