import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { givenCase, givenPool, printed, type GivenCase } from './given-sandbox.ts'

const pool = givenPool({ scriptTimeoutMs: 2000 })
/** For the limits that are not of time: a busy machine must not let that one come first. */
const patient = givenPool({ scriptTimeoutMs: 60_000 })
let hurried: GivenCase
let given: GivenCase

beforeAll(async () => {
  const environment = { globalFunc: `def greet(): return '你好'`, ENV: '{"n": 1.0}' }
  hurried = await givenCase(pool, environment)
  given = await givenCase(patient, environment)
}, 120_000)
afterAll(() => Promise.all([pool.stop(), patient.stop()]), 30_000)

describe('over a limit the script ends with the reason, and the run goes on with its functions and variables', () => {
  test.each<[string, string, string, RegExp]>([
    ['an endless loop', 'while True: pass', 'time', /2 秒/],
    [
      'a loop that swallows errors',
      'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
      'time',
      /2 秒/,
    ],
    ['a catastrophic regular expression', `re.match('(a+)+$', 'a' * 60 + 'b')`, 'time', /2 秒/],
    ['a list without end', 'a = []\nwhile True: a.append("x" * 100_000)', 'memory', /内存/],
    ['one huge object', 'bytearray(10**9)', 'memory', /内存/],
    ['a recursion without end', 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()', 'crash|memory', /沙箱/],
    ['a 100 MB print', `print('x' * 100_000_000)`, 'output', /输出/],
    ['prints without end', `while True:\n  try: print('x' * 1000)\n  except Exception: pass`, 'output', /输出/],
    [
      'prints that swallow the limit',
      `try:\n  while True: print('x' * 1000)\nexcept BaseException: pass`,
      'output',
      /输出/,
    ],
    ['log lines without end', `while True: test.info_log('x' * 1000)`, 'output', /输出/],
    ['data that is too long', `data['request'] = ['x' * 20_000_000]`, 'output', /输出/],
    ['an end of the process', 'import os\nos._exit(0)', 'crash', /异常结束/],
    ['an abort', 'import os\nos.abort()', 'crash', /异常结束/],
  ])(
    '%s',
    async (_, script, limit, reason) => {
      const { sandbox, setup } = limit === 'time' ? hurried : given
      sandbox.beginCase()
      const outcome = await setup(`ENV.n = 2\n${script}`)
      expect(outcome.end).toMatchObject({
        kind: 'limit',
        limit: expect.stringMatching(limit),
        message: expect.stringMatching(reason),
      })
      expect(JSON.stringify(outcome.log).length).toBeLessThan(3 * 1024 * 1024)
      sandbox.beginCase()
      expect(printed(await setup('print(global_func.greet(), type(ENV.n).__name__)'))).toEqual([
        expect.stringMatching(/^你好 (int|float)$/),
      ])
    },
    90_000,
  )

  test('files without end find no more space', async () => {
    const outcome = await given.setup(`
with open('/tmp/big', 'wb') as file:
    while True: file.write(b'x' * 1_000_000)`)
    expect(outcome.end).toMatchObject({
      kind: 'error',
      type: 'OSError',
      message: expect.stringContaining('No space left'),
    })
  }, 90_000)

  test('a log keeps its first MiB and says so', async () => {
    const outcome = await given.setup(`for n in range(3000): print(n, 'x' * 1000)`)
    expect(outcome.end).toEqual({ kind: 'done' })
    const bytes = outcome.log.reduce((sum, { text }) => sum + text.length, 0)
    expect(bytes).toBeGreaterThan(900_000)
    expect(bytes).toBeLessThanOrEqual(1024 * 1024)
    expect(outcome.log[0]?.text).toMatch(/^0 x/)
    expect(outcome.log.at(-1)).toMatchObject({ level: 'WARNING', text: expect.stringContaining('1 MiB') })
  })
})

test('an environment whose functions never end costs its limit once', async () => {
  const sandbox = await pool.open()
  const started = performance.now()
  expect(await sandbox.begin({ globalFunc: 'while True: pass', debug: false })).toMatchObject({
    kind: 'limit',
    limit: 'time',
  })
  for (let i = 0; i < 5; i += 1) {
    const outcome = await sandbox.runScript({ phase: 'setup', script: '', data: '{}', env: '{}', ENV: '{}' })
    expect(outcome.end).toMatchObject({ kind: 'limit', limit: 'time' })
  }
  // Six limits would be twelve seconds.
  expect(performance.now() - started).toBeLessThan(10_000)
  sandbox.close()
})
