import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto'
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

/** Runs Python that asserts; its own assertions are the test's. */
async function holds(script: string, given = plain): Promise<void> {
  const outcome = await given.setup(script)
  expect(outcome.end).toEqual({ kind: 'done' })
}

describe('names', () => {
  test('all that scripts use without import are there', () =>
    holds(`
for name in ('test', 'data', 'env', 'ENV', 'db', 'global_func', 'global_tools', 'print', 'json', 're', 'os', 'jsonpath',
             'unittest', 'OrderedDict', 'Number', 'importlib', 'wraps', 'DEBUG', 'fk'):
    assert name in globals(), name
assert 'response' not in globals()
assert isinstance(test, unittest.TestCase) and isinstance(3, Number) and callable(jsonpath)
assert global_tools is global_func and DEBUG is False`))

  test('functions, lambdas and comprehensions see them and each other', () =>
    holds(`
x = 2
def double(n): return n * x
assert [double(n) + x for n in (1, 2)] == [4, 6]
assert (lambda: double(len(data)))() == 0
class Thing:
    def twice(self): return double(x)
assert Thing().twice() == 4`))

  test('of setup are there in teardown, and not in the next case', async () => {
    await plain.setup('token = "t"\nimport math\ndata = 5\nprint = None\ntest.mine = 1')
    const teardown = await plain.teardown('print(token, math.floor(1.5), type(data).__name__, test.mine)')
    expect(printed(teardown)).toEqual(['t 1 dict 1'])
    plain.sandbox.beginCase()
    expect((await plain.setup('token')).end).toMatchObject({ kind: 'error', type: 'NameError' })
  })

  test('that a setup script rebinds stay so in teardown, but for those of the case itself', async () => {
    plain.sandbox.beginCase()
    await plain.setup('json = ENV = fk = 1\ndata = test = env = print = 2')
    const teardown = await plain.teardown('print(json, ENV, fk, type(data).__name__, test.env is env)')
    expect(printed(teardown)).toEqual(['1 1 1 dict True'])
  })

  test('declared global are there in the cases that follow, until they are deleted', async () => {
    const given = await givenCase(pool)
    await given.setup(
      'global token, gone\ntoken = gone = 1\nown = 2\ndef count():\n  global counted\n  counted = 3\ncount()',
    )
    given.sandbox.beginCase()
    expect(printed(await given.setup('print(token, counted, "own" in globals())\nglobal gone\ndel gone'))).toEqual([
      '1 3 False',
    ])
    given.sandbox.beginCase()
    expect(printed(await given.setup('print("gone" in globals(), token)'))).toEqual(['False 1'])
    given.sandbox.close()
  })

  test('that unittest had until Python 3.12 are there', async () => {
    await holds(`
test.assertEquals(1, 1); test.assertNotEquals(1, 2); test.assert_(True); test.failIf(False)
test.assertRegexpMatches('abc', 'b'); test.assertDictContainsSubset({'a': 1}, {'a': 1, 'b': 2})`)
    const { end } = await plain.setup(`test.assertDictContainsSubset({'a': 1, 'c': 3}, {'a': 2})`)
    expect(end).toMatchObject({
      kind: 'failed',
      message: "Missing: 'c'; Mismatched values: 'a', expected: 1, actual: 2",
    })
  })

  test('the engine is importable under both of its names', () =>
    holds(`
from apitestengine.core.tools import *
from ApiTestEngine.core import tools
import apitestengine.core.tools as lower
assert lower is tools and len(random_mobile()) == 11 and base64_encode('a') == 'YQ=='
from requests.exceptions import ConnectionError as Refused, Timeout
import requests
assert issubclass(requests.exceptions.ConnectTimeout, Timeout) and issubclass(Refused, IOError)
from faker import Faker
assert Faker('zh_CN').name() and jsonpath({'a': 1}, 'a') == [1]
import hashlib, hmac, datetime, decimal, uuid, random, urllib.parse, zoneinfo, xml.etree.ElementTree, statistics`))

  test('the standard library that scripts may have works without ever being imported before', () =>
    holds(`
import sys
broken = []
for name in ('argparse', 'bisect', 'bz2', 'calendar', 'cmath', 'colorsys', 'configparser', 'copy', 'csv', 'dataclasses',
    'difflib', 'email.message', 'enum', 'fractions', 'graphlib', 'gzip', 'heapq', 'html.parser', 'http.client', 'imaplib',
    'inspect', 'ipaddress', 'itertools', 'logging', 'lzma', 'numbers', 'pickle', 'pprint', 'queue', 'secrets', 'shlex',
    'sqlite3', 'string', 'tarfile', 'tempfile', 'textwrap', 'threading', 'tomllib', 'typing', 'unicodedata', 'zipfile', 'zlib'):
    try:
        __import__(name)
    except Exception as problem:
        broken.append(f'{name}: {problem!r}')
assert not broken, broken`))
})

describe('variables', () => {
  test('only what a script changed is told, however it changed it', async () => {
    const given = await givenCase(pool, {
      env: '{"keep": 1, "list": [1], "gone": 1, "same": 2}',
      ENV: '{"host": "h", "n": 1.0}',
    })
    const { changes, env, ENV } = await given.setup(`
env.attribute = 1
env['item'] = 12345678901234567890
env['list'].append(2)
env['same'] = 2
del env['gone']
ENV.update(n=2.0)
ENV.setdefault('d', 'x')
env.setdefault('keep', 5)
ENV.pop('host')`)
    expect(changes).toEqual({
      env: { set: { attribute: '1', item: '12345678901234567890', list: '[1, 2]', same: '2' }, deleted: ['gone'] },
      ENV: { set: { n: '2.0', d: '"x"' }, deleted: ['host'] },
    })
    expect(env).toBe('{"keep": 1, "list": [1, 2], "same": 2, "attribute": 1, "item": 12345678901234567890}')
    expect(ENV).toBe('{"n": 2.0, "d": "x"}')
    given.sandbox.close()
  })

  test('save, get and delete work on their own scopes', async () => {
    const given = await givenCase(pool, { ENV: '{"g": 1}' })
    const outcome = await given.setup(`
test.save_env_variable('t', [1])
test.save_global_variable('u', '值')
assert test.get_env_variable('t') == [1] and test.get_env_variable('u') is None and env.t == [1] and test.env is env
assert test.get_global_variable('u') == ENV.u == '值' and test.get_global_variable('none') is None
test.delete_global_variable('g')
test.save_env_variable('x', 1)
test.delete_env_variable('x')`)
    expect(outcome.end).toEqual({ kind: 'done' })
    expect(outcome.changes).toEqual({
      env: { set: { t: '[1]' }, deleted: [] },
      ENV: { set: { u: '"\\u503c"' }, deleted: ['g'] },
    })
    expect(lines(outcome)).toContainEqual(['INFO', '【INFO】  |   删除全局变量:g'])
    expect((await given.setup('test.delete_env_variable("never")')).end).toMatchObject({
      kind: 'error',
      type: 'KeyError',
    })
    expect((await given.setup('env.never')).end).toMatchObject({
      kind: 'error',
      type: 'KeyError',
      message: "'never'",
      traceback: expect.stringMatching(/^KeyError: 'never'$/m),
    })
    await holds('assert getattr(env, "never", 5) == 5 and not hasattr(ENV, "never")')
    given.sandbox.close()
  })

  test('a debug run keeps a temporary variable as a global one, warns, and can delete it again', async () => {
    const saved = await debug.setup(`test.save_env_variable('t', 5)`)
    expect(lines(saved)).toEqual([
      ['INFO', '【INFO】  |   -----------设置临时变量-------------'],
      ['DEBUG', '变量名:t'],
      ['DEBUG', '变量值:5'],
      ['WARNING', '【WARNING】  |   提示: 调试模式运行,设置的临时变量均保存到Debug全局变量中'],
    ])
    expect(saved.changes).toEqual({ env: { set: {}, deleted: [] }, ENV: { set: { t: '5' }, deleted: [] } })
    const deleted = await debug.teardown(`assert test.get_env_variable('t') == 5\ntest.delete_env_variable('t')`)
    expect(deleted.end).toEqual({ kind: 'done' })
    expect(deleted.changes.ENV.deleted).toEqual(['t'])
  })
})

describe('the log', () => {
  test('has each line as the engine that cases were written for wrote it', async () => {
    const outcome = await debug.setup(`
test.debug_log('d', 1); test.info_log('i', 2); test.warning_log('w'); test.error_log('e'); test.critical_log('c')
test.exception_log('x'); test.save_log('own', 'INFO'); test.print('p', 1, None); print({'a': 1})`)
    expect(lines(outcome)).toEqual([
      ['DEBUG', 'd1'],
      ['INFO', '【INFO】  |   i2'],
      ['WARNING', '【WARNING】  |   w'],
      ['ERROR', '【ERROR】  |   e'],
      ['CRITICAL', '【CRITICAL】  |   c'],
      ['EXCEPT', 'x'],
      ['INFO', '【INFO】  |   own'],
      ['DEBUG', 'p 1 None'],
      ['DEBUG', "{'a': 1}"],
    ])
    expect(outcome.log.map(({ source }) => source)).toEqual([...Array<string>(7).fill('script'), 'print', 'print'])
  })

  test('keeps the DEBUG lines of print and save_log outside of debug runs, and no other', async () => {
    const outcome = await plain.setup(
      `test.debug_log('d')\nprint('p')\ntest.save_log('s', 'DEBUG')\ntest.json_extract({'a': 1}, '$.a')`,
    )
    expect(lines(outcome)).toEqual([
      ['DEBUG', 'p'],
      ['DEBUG', 's'],
      ['INFO', '【INFO】  |   -----------jsonpath提取数据-----------'],
    ])
  })

  test('print takes sep and end, works in functions, and a line that is not ended is continued', async () => {
    const outcome = await plain.setup(`
def say(*words): print(*words, sep='-')
say(1, 2)
print('a', end='')
print('b', end='; ')
print('c')
print()
print('x\\ny')
import sys, io
sys.stdout.write('raw\\nrest')
print('to', 'a file', file=io.StringIO())`)
    expect(printed(outcome)).toEqual(['1-2', 'ab; c', '', 'x\ny', 'raw', 'rest'])
  })

  test('extraction writes its source, expression and result', async () => {
    const outcome = await debug.setup(`
assert test.json_extract({'a': [{'b': 5}]}, '$.a[*].b') == 5 and test.json_extract({}, '$.x') == ''
assert test.re_extract('id=42;', r'id=(\\d+)') == '42' and test.re_extract('x', 'y(z)') == ''
assert test.re_extract('abc', 'b.') == 'bc' and test.re_extract('ab', 'a(x)?') is None`)
    expect(outcome.end).toEqual({ kind: 'done' })
    expect(lines(outcome).slice(0, 4)).toEqual([
      ['INFO', '【INFO】  |   -----------jsonpath提取数据-----------'],
      ['DEBUG', "\n数据源：{'a': [{'b': 5}]}"],
      ['DEBUG', '\n提取表达式：$.a[*].b'],
      ['DEBUG', '\n提取结果:5'],
    ])
    expect(lines(outcome)).toContainEqual(['INFO', '【INFO】  |   -----------正则提取数据------------'])
  })
})

describe('assertion', () => {
  test.each<[string, string, string, string]>([
    ['相等', '1', '1.0', '2'],
    ['不相等', '1', '2', '1'],
    ['相等忽略大小写', '"OK"', '"ok"', '"no"'],
    ['包含', '"b"', '"abc"', '"xyz"'],
    ['不包含', '2', '[1]', '[1, 2]'],
    ['大于', '1', '2', '1'],
    ['小于', '2', '1', '2'],
    ['大于等于', '2', '2', '1'],
    ['小于等于', '2', '2', '3'],
    ['正则匹配', 'r"^\\d+$"', '123', '"12a"'],
  ])('%s holds and does not hold as its name says', async (method, expected, passing, failing) => {
    const passed = await debug.teardown(`test.assertion('${method}', ${expected}, ${passing})`)
    expect(passed.end).toEqual({ kind: 'done' })
    expect(passed.assertions).toMatchObject([{ method, passed: true }])
    const failed = await debug.teardown(`test.assertion('${method}', ${expected}, ${failing})`)
    expect(failed.end).toMatchObject({ kind: 'failed' })
    expect(failed.assertions).toMatchObject([{ method, passed: false }])
  })

  test('writes its lines, and the failure as the old engine words it', async () => {
    const outcome = await debug.teardown(`test.assertion('相等', 201, 201)\ntest.assertion('相等', 'a', 'b')`)
    expect(lines(outcome)).toEqual([
      ['INFO', '【INFO】  |   ----------断言----------'],
      ['DEBUG', '比较方式:相等'],
      ['DEBUG', '预期结果:201'],
      ['DEBUG', '实际结果:201'],
      ['INFO', '【INFO】  |   断言通过!'],
      ['INFO', '【INFO】  |   ----------断言----------'],
      ['DEBUG', '比较方式:相等'],
      ['DEBUG', '预期结果:a'],
      ['DEBUG', '实际结果:b'],
      ['WARNING', "【WARNING】  |   断言失败:\n'a' != 'b'\n- a\n+ b\n"],
    ])
    expect(outcome.assertions).toEqual([
      { method: '相等', expected: '201', actual: '201', passed: true },
      { method: '相等', expected: '"a"', actual: '"b"', passed: false },
    ])
  })

  test.each(['eq', '等于', '', '相等 '])('by the name %p is an error', async (name) => {
    const { end } = await plain.teardown(`test.assertion('${name}', 1, 1)`)
    expect(end).toMatchObject({ kind: 'error', type: 'TypeError', message: `断言比较方法${name},不支持!` })
  })
})

describe('the end of a script', () => {
  test('an AssertionError fails the case, with its own line of the script and no frame of the engine', async () => {
    const { end, log } = await plain.setup(`x = 1\n\ndef check():\n    test.assertEqual(x, 2, '数量')\ncheck()`)
    expect(end).toEqual({
      kind: 'failed',
      message: '1 != 2 : 数量',
      traceback: [
        'Traceback (most recent call last):',
        '  File "<setup_script>", line 5, in <module>',
        '    check()',
        '    ~~~~~^^',
        '  File "<setup_script>", line 4, in check',
        `    test.assertEqual(x, 2, '数量')`,
        '    ~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^',
        'AssertionError: 1 != 2 : 数量',
        '',
      ].join('\n'),
    })
    expect(log.at(-1)?.text).toBe('【ERROR】  |   前置脚本执行错误:\n1 != 2 : 数量')
  })

  test.each<[string, string, string]>([
    ['1 / 0', 'ZeroDivisionError', 'division by zero'],
    ['raise SystemExit(3)', 'SystemExit', '3'],
    ["input('name?')", 'EOFError', '键盘输入'],
    ['breakpoint()', 'RuntimeError', '调试器'],
    ["import socket\nsocket.create_connection(('127.0.0.1', 80))", 'OSError', '脚本中没有网络'],
    ["import urllib.request\nurllib.request.urlopen('http://127.0.0.1')", 'URLError', '脚本中没有网络'],
    ['import threading\nthreading.Thread(target=print).start()', 'RuntimeError', 'thread'],
    ['exit()', 'SystemExit', 'None'],
    ['raise KeyboardInterrupt', 'KeyboardInterrupt', ''],
    ['def f(: pass', 'SyntaxError', 'invalid syntax'],
    ["db.orders.execute('select 1')", 'AttributeError', '环境中没有名为 orders 的数据库'],
    ["import requests\nrequests.get('http://x')", 'ConnectionError', '网络'],
    ['def f(): f()\nf()', 'RecursionError', 'maximum recursion depth exceeded'],
    ['class E(Exception):\n  def __str__(self): raise ValueError\nraise E', 'E', 'E'],
  ])('%p is an error', async (script, type, message) => {
    const { end, log } = await plain.teardown(script)
    expect(end).toMatchObject({ kind: 'error', type, message: expect.stringContaining(message) })
    expect(end).toMatchObject({ traceback: expect.stringContaining(type) })
    expect(end).toMatchObject({ traceback: expect.not.stringContaining('case_engine') })
    // What is no Exception goes past the engine, which has no words for it.
    if (type === 'SystemExit' || type === 'KeyboardInterrupt') expect(log).toEqual([])
    else expect(log.at(-1)).toMatchObject({ level: 'ERROR', text: expect.stringContaining('后置脚本执行错误:\n') })
  })

  test('skipTest is told apart; fail is a failure', async () => {
    const skipped = await plain.setup(`test.skipTest('later')`)
    expect(skipped.end).toEqual({ kind: 'skipped', message: 'later' })
    expect(lines(skipped)).toEqual([['INFO', '【INFO】  |   跳过用例:later']])
    expect((await plain.setup(`test.fail('no')`)).end).toMatchObject({ kind: 'failed', message: 'no' })
  })

  test('Windows line ends are line ends', async () => {
    const script = "mobile = global_func.random_mobile()\r\ntest.save_global_variable('user_mobile',mobile)"
    expect(JSON.parse((await plain.setup(script)).changes.ENV.set['user_mobile'] ?? '')).toMatch(/^1\d{10}$/)
  })
})

describe('waiting', () => {
  test('time.sleep waits, and refuses what Python refuses', () =>
    holds(`
import time
began = time.monotonic()
time.sleep(0.05)
assert time.monotonic() - began >= 0.05
time.sleep(0)
for bad, refused in ((-1, ValueError), ('1', TypeError), (None, TypeError), (float('nan'), ValueError), (float('inf'), OverflowError)):
    test.assertRaises(refused, time.sleep, bad)`))

  test('the functions of the environment can sleep too', async () => {
    const given = await givenCase(pool, {
      globalFunc: 'import time\ndef wait():\n    time.sleep(0.001)\n    return "waited"',
    })
    await holds(`assert global_func.wait() == 'waited'`, given)
    given.sandbox.close()
  })

  test('coroutines run side by side, time out, and hand each other things, in loop after loop', () =>
    holds(`
import asyncio
async def after(seconds, value):
    await asyncio.sleep(seconds)
    return value
async def main():
    assert await asyncio.gather(after(0.02, 'a'), after(0.01, 'b')) == ['a', 'b']
    try:
        await asyncio.wait_for(after(60, None), 0.01)
        raise AssertionError('it waited')
    except TimeoutError:
        pass
    queue = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.put('c'))
        return await queue.get()
for _ in range(2):
    assert asyncio.run(main()) == 'c'
loop = asyncio.new_event_loop()
assert loop.run_until_complete(after(0.001, 'd')) == 'd'
loop.close()`))

  test.each([
    ['nothing that would ever happen', 'await asyncio.get_running_loop().create_future()', '永远等待'],
    ['a connection', "await asyncio.open_connection('127.0.0.1', 80)", '没有网络'],
  ])('waiting for %s is refused', async (_, wait, message) => {
    const { end } = await plain.setup(`import asyncio\nasync def main(): ${wait}\nasyncio.run(main())`)
    expect(end).toMatchObject({ kind: 'error', message: expect.stringContaining(message) })
  })
})

describe('global_func', () => {
  test('has the built-ins and what the environment defines, print included', async () => {
    const given = await givenCase(pool, {
      globalFunc: `from apitestengine.core.tools import *\ndef sign(text):\n    print('signing', text)\n    return md5_encrypt(text)\nLIMIT = 3`,
    })
    const outcome = await given.setup(`
import global_func as again
from ApiTestEngine.core import tools
from ApiTestEngine.core.tools import sign
assert again is global_func is tools and global_tools.LIMIT == 3 and sign is tools.sign
assert global_func.sign('a') == '0cc175b9c0f1b6a831c399e269772661'
assert global_func.base64_encode('中') == '5Lit' and abs(global_func.get_timestamp() - __import__('time').time()) < 5`)
    expect(outcome.end).toEqual({ kind: 'done' })
    expect(printed(outcome)).toEqual(['signing a'])
    given.sandbox.close()
  })

  test.each<[string, string, string]>([
    ['def broken(:', 'SyntaxError', 'line 1'],
    ['x = 1\nimport no_such_module', 'ModuleNotFoundError', '<global_func>", line 2'],
  ])('%p makes every script an error that shows where', async (globalFunc, type, place) => {
    const sandbox = await pool.open()
    expect(await sandbox.begin({ globalFunc, debug: false })).toMatchObject({ kind: 'error', type })
    for (const phase of ['setup', 'teardown'] as const) {
      const outcome = await sandbox.runScript({ phase, script: 'print(1)', data: '{}', env: '{}', ENV: '{}' })
      expect(outcome.end).toMatchObject({ kind: 'error', type, traceback: expect.stringContaining(place) })
      expect(outcome.log).toMatchObject([{ level: 'ERROR', text: expect.stringContaining('全局工具函数执行错误:') }])
    }
    sandbox.close()
  })

  test('rsa_encrypt is read by the owner of the key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    for (const type of ['spki', 'pkcs1'] as const) {
      const pem = publicKey.export({ type, format: 'pem' }) as string
      const outcome = await plain.setup(`print(global_func.rsa_encrypt('密码123', ${JSON.stringify(pem)}))`)
      // Decrypted by hand: OpenSSL answers wrong padding of PKCS#1 v1.5 with random bytes instead of an error.
      const block = privateDecrypt(
        { key: privateKey, padding: constants.RSA_NO_PADDING },
        Buffer.from(printed(outcome)[0] ?? '', 'base64'),
      )
      expect([...block.subarray(0, 2)]).toEqual([0, 2])
      const end = block.indexOf(0, 2)
      expect(end).toBeGreaterThanOrEqual(10)
      expect(block.toString('utf8', end + 1)).toBe('密码123')
    }
    const { end } = await plain.setup(`global_func.rsa_encrypt('x', 'no key')`)
    expect(end).toMatchObject({ kind: 'error', type: 'ValueError' })
  })
})

test('fk makes valid Chinese values', () =>
  holds(`
import datetime
prefixes = set()
for _ in range(300):
    mobile = fk.phone_number()
    assert re.fullmatch(r'1[3-9]\\d{9}', mobile), mobile
    prefixes.add(mobile[:3])
    ssn = fk.ssn()
    assert re.fullmatch(r'[1-6]\\d{16}[0-9X]', ssn), ssn
    total = sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(ssn[:17]))
    assert (total + (10 if ssn[17] == 'X' else int(ssn[17]))) % 11 == 1, ssn
    born = datetime.datetime.strptime(ssn[6:14], '%Y%m%d')
    assert 17 < (datetime.datetime.now() - born).days / 365.25 < 92, ssn
    assert int(fk.ssn(gender='M')[16]) % 2 == 1 and int(fk.ssn(gender='F')[16]) % 2 == 0
    assert re.fullmatch('[\\u4e00-\\u9fff]{2,3}', fk.name()), fk.name()
    assert re.fullmatch(r'\\d{6}', fk.postcode()) and re.search(r'(省|市|区).*号 \\d{6}$', fk.address())
    assert re.fullmatch(r'[a-z0-9]+@example\\.(com|net|org)', fk.email()) and fk.company().endswith('有限公司')
    assert all(0 <= int(part) <= 255 for part in fk.ipv4().split('.')) and fk.city().endswith('市')
    datetime.date.fromisoformat(fk.date())
    card = [int(d) for d in reversed(fk.credit_card_number())]
    assert (sum(card[::2]) + sum(sum(divmod(2 * d, 10)) for d in card[1::2])) % 10 == 0
assert len(prefixes) > 20
assert isinstance(global_func.random_date_time(), datetime.datetime) and global_func.radom_date_time
assert len({fk.unique.name() for _ in range(100)}) == 100`))

test('fk makes what is asked for seldom, with check digits that are right', () =>
  holds(`
import datetime, decimal
for _ in range(100):
    digits = [int(d) for d in fk.isbn13(separator='')]
    assert sum(digits[::2] + [3 * d for d in digits[1::2]]) % 10 == 0, digits
    digits = [10 if d == 'X' else int(d) for d in fk.isbn10(separator='')]
    assert sum(d * (10 - i) for i, d in enumerate(digits)) % 11 == 0, digits
    for code in (fk.ean8(), fk.upc_a()):
        assert sum(int(d) * (3 - i % 2 * 2) for i, d in enumerate(code)) % 10 == 0, code
    iban = fk.iban()
    assert int(''.join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1, iban
    assert len(fk.swift()) in (8, 11) and 6 <= fk.randomize_nb_elements(10) <= 14 and re.fullmatch('#(..){3}', fk.safe_hex_color())
    assert fk.date_this_century().year >= 2000 and isinstance(fk.latitude(), decimal.Decimal) and isinstance(fk.locale(), str)
    assert datetime.datetime(1970, 1, 1) <= fk.date_time_between_dates() <= datetime.datetime.now()
assert [type(make()) for make in (fk.pylist, fk.pytuple, fk.pyset, fk.pydict, fk.pydecimal)] == [list, tuple, set, dict, decimal.Decimal]
assert json.loads(fk.json(num_rows=2))[1]['name'] and json.loads(fk.json({'x': 'pyint'}, num_rows=1))['x'] >= 0`))

test('randomness is not that of the snapshot', async () => {
  const draw = 'import random, uuid\nprint(random.random(), fk.phone_number(), uuid.uuid4())'
  const [one, other] = [await givenCase(pool), await givenCase(pool)]
  const [first, second] = [printed(await one.setup(draw))[0], printed(await other.setup(draw))[0]]
  for (const [index, value] of (first ?? '').split(' ').entries())
    expect((second ?? '').split(' ')[index]).not.toBe(value)
  one.sandbox.close()
  other.sandbox.close()
})

test('time is the host’s, in its zone', async () => {
  const before = Date.now()
  const outcome = await plain.setup(
    'import time, datetime\nprint(time.time(), datetime.datetime.now().astimezone().utcoffset().total_seconds())',
  )
  const [seconds, offset] = (printed(outcome)[0] ?? '').split(' ').map(Number)
  expect((seconds ?? 0) * 1000).toBeGreaterThanOrEqual(before - 1)
  expect((seconds ?? 0) * 1000).toBeLessThanOrEqual(Date.now() + 1)
  expect(offset).toBe(0 - new Date().getTimezoneOffset() * 60)
})
