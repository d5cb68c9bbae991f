import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { givenCase, givenPool, lines, printed, type GivenCase } from './given-sandbox.ts'

const pool = givenPool()
let debug: GivenCase
let plain: GivenCase

beforeAll(async () => {
  debug = await givenCase(pool, { debug: true })
  plain = await givenCase(pool)
}, 120_000)
afterAll(() => pool.stop(), 30_000)
beforeEach(() => {
  debug.sandbox.beginCase()
  plain.sandbox.beginCase()
})

describe('case data', () => {
  test('numbers and the order of keys come back as Python prints them', async () => {
    const given = await givenCase(pool, {
      data: '{"request": {"z": 1234567890123456789, "a": 1.0, "m": 1e3, "b": [0.1, -0.0, true, null]}}',
    })
    const { data } = await given.setup('data["request"]["new"] = "中"; data["mine"] = 1')
    expect(data).toBe(
      '{"request": {"z": 1234567890123456789, "a": 1.0, "m": 1000.0, "b": [0.1, -0.0, true, null], "new": "\\u4e2d"}}',
    )
    given.sandbox.close()
  })

  test('what the host substituted stands in the very objects that setup knew', async () => {
    const { sandbox } = plain
    const base = { env: '{}', ENV: '{}' }
    await sandbox.runScript({
      ...base,
      phase: 'setup',
      data: '{"headers": {"A": "${{x}}"}, "request": {"json": {"ids": [1, {"k": "${{x}}"}]}}, "file": [1]}',
      script: 'headers, inner = data["headers"], data["request"]["json"]["ids"][1]',
    })
    const teardown = await sandbox.runScript({
      ...base,
      phase: 'teardown',
      data: '{"headers": {"A": "5", "B": "6"}, "request": {"json": {"ids": [1, {"k": 5}, 7]}}, "file": []}',
      script:
        'assert headers is data["headers"] and headers == {"A": "5", "B": "6"} and inner == {"k": 5} and data["file"] == []',
    })
    expect(teardown.end).toEqual({ kind: 'done' })
  })

  test('what a script adds of its own stays what it is, for its case', async () => {
    plain.sandbox.beginCase()
    const outcome = await plain.setup('data["call"] = len; data["self"] = data; data["mine"] = {1: (2,)}')
    expect(outcome).toMatchObject({ end: { kind: 'done' }, log: [], faults: {} })
    expect(printed(await plain.teardown('print(data["call"]([1]), data["self"] is data, data["mine"])'))).toEqual([
      '1 True {1: (2,)}',
    ])
  })

  test.each<[string, string]>([
    ["{'a': float('nan')}", "NameError: name 'nan' is not defined"],
    ["{'a': [__import__('datetime').date(2024, 2, 20)]}", "NameError: name 'datetime' is not defined"],
    ["{'a': len}", 'SyntaxError: invalid syntax'],
    ["{'a': __import__('collections').Counter('a')}", "NameError: name 'Counter' is not defined"],
  ])('%s in a request is a fault, for its text cannot be read again', async (value, fault) => {
    plain.sandbox.beginCase()
    const { end, faults, data } = await plain.setup(`data["headers"] = {}; data["request"] = {"json": ${value}}`)
    expect(end).toEqual({ kind: 'done' })
    expect(faults).toEqual({ request: fault })
    expect(JSON.parse(data)).toEqual({ headers: {}, request: null })
  })

  test('what can be read again goes to the host as text behind a mark, and comes back as what it was', async () => {
    plain.sandbox.beginCase()
    const { faults, data } = await plain.setup(`
data["request"] = {
    "json": {"a": b"\\xd5'", "b": {5}, "c": (1, 2), 3: OrderedDict(x=1j), "k": {(1,): 2}},
    "data": {None: {5}, "b": bytearray(b"ab"), "empty": b""},
}
data["headers"] = "{'X': '\${{x}}'}"`)
    expect(faults).toEqual({})
    expect(JSON.parse(data)).toEqual({
      headers: { X: '${{x}}' },
      request: {
        json: {
          a: `\0python:bytes:b"\\xd5'"`,
          b: '\0python:set:{5}',
          c: [1, 2],
          3: { x: '\0python:complex:1j' },
          k: '\0python:tuple as a key:{(1,): 2}',
        },
        data: { None: [5], b: "\0python:bytes:bytearray(b'ab')", empty: '' },
      },
    })
    const changed = data.replace('ab', '中').replace('${{x}}', 'y')
    const teardown = await plain.sandbox.runScript({
      phase: 'teardown',
      data: changed,
      env: '{}',
      ENV: '{}',
      script: `request = data["request"]
print(request["json"]["a"], request["json"]["b"], request["json"]["3"], data["headers"])`,
    })
    expect(printed(teardown)).toEqual([`b"\\xd5'" {5} {'x': 1j} {'X': 'y'}`])
  })
})

describe('variables', () => {
  test('what JSON cannot hold stays what it is for the scripts of the run, and stands as its text for the rest', async () => {
    const given = await givenCase(pool, { ENV: '{"big": 1.0}' })
    const outcome = await given.setup(`
import decimal, fractions
env.call, env.pair, env.set, env.bytes, env.nan = len, (1, {2}), {1}, b'x', float('nan')
env.price, env.half, env.whole = decimal.Decimal('1.50'), fractions.Fraction(1, 2), decimal.Decimal('5')
env.numbers = {1: 'a', (2,): 'b'}
ENV[7] = env.shared = []`)
    expect(outcome).toMatchObject({ end: { kind: 'done' }, log: [] })
    expect(JSON.parse(outcome.env)).toEqual({
      call: '<built-in function len>',
      pair: [1, '{2}'],
      set: '{1}',
      bytes: "b'x'",
      nan: 'nan',
      price: 1.5,
      half: 0.5,
      whole: 5,
      numbers: { 1: 'a', '(2,)': 'b' },
      shared: [],
    })
    given.sandbox.beginCase()
    const next = await given.teardown(`
env.shared.append(1)
print(env.call('ab'), env.pair, env.set, env.bytes, env.nan, repr(env.price), env.numbers, ENV[7])`)
    expect(printed(next)).toEqual(["2 (1, {2}) {1} b'x' nan Decimal('1.50') {1: 'a', (2,): 'b'} [1]"])
    expect(next.changes).toEqual({
      env: { set: { shared: '[1]' }, deleted: [] },
      ENV: { set: { 7: '[1]' }, deleted: [] },
    })
    given.sandbox.close()
  })

  test('a debug run, whose variables outlast it, says that only the text is kept', async () => {
    const outcome = await debug.setup('ENV.when = {1}\nenv.mine = {1}')
    expect(lines(outcome)).toEqual([
      ['WARNING', '【WARNING】  |   全局变量when的值不能保存为JSON，本次运行之后只保留其文本'],
    ])
    expect((await debug.teardown('print(ENV.when)')).log).toHaveLength(1)
  })
})

describe('what is left for the end of a case', () => {
  test('is told, and cleanups run last one first, each of them', async () => {
    const given = await givenCase(pool)
    const setup = await given.setup(`
test.addCleanup(print, 'first')
test.addCleanup(test.fail, 'no')
test.addCleanup(int, 'x')
test.addCleanup(test.skipTest, 'why')`)
    expect(setup.pending).toBe(true)
    expect((await given.teardown('')).pending).toBe(true)
    const { data, env, ENV } = setup
    const cleanup = await given.sandbox.runScript({ phase: 'cleanup', script: '', data, env, ENV })
    expect(cleanup).toMatchObject({ pending: false, end: { kind: 'error', type: 'ValueError' } })
    expect(lines(cleanup)).toEqual([
      ['WARNING', '【WARNING】  |   断言失败:\nno'],
      ['DEBUG', 'first'],
    ])
    given.sandbox.close()
  })

  test('a part that fails does not end the script, and is the verdict', async () => {
    const given = await givenCase(pool)
    const script = 'for n in (1, 2):\n  with test.subTest(n=n): test.assertEqual(n, 2)\nprint("on")'
    const outcome = await given.setup(script)
    expect(outcome).toMatchObject({ end: { kind: 'done' }, pending: true })
    expect(lines(outcome)).toEqual([
      ['WARNING', '【WARNING】  |   断言失败:\n1 != 2'],
      ['DEBUG', 'on'],
    ])
    const { data, env, ENV } = outcome
    const cleanup = await given.sandbox.runScript({ phase: 'cleanup', script: '', data, env, ENV })
    expect(cleanup).toMatchObject({ end: { kind: 'failed', message: '1 != 2' }, pending: false, log: [] })
    given.sandbox.close()
  })
})
