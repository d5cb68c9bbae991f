import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createServer, type AddressInfo } from 'node:net'
import { givenPool } from '../sandbox/given-sandbox.ts'
import { type Entry, type GivenScripts, givenPostgres, givenScripts } from '../../../test/given-databases.ts'

/** Postgres' side, and what is the same for both kinds, by the tests' own server and scripts in a real sandbox. */
// Patient: what is tested are the limits of databases, and a machine may be slow.
const pool = givenPool({ scriptTimeoutMs: 60_000 })
let postgres: Awaited<ReturnType<typeof givenPostgres>>
let given: GivenScripts
let entry: Entry

beforeAll(async () => {
  postgres = await givenPostgres()
  ;({ entry } = postgres)
  given = await givenScripts(pool, [entry, { ...entry, name: 'again' }])
}, 60_000)
afterAll(async () => {
  await given.close()
  await pool.stop()
  await postgres.stop()
}, 60_000)

/** How a script fails when it does; what it prints is the error's arguments. */
const failing = (call: string): string => `
try:
    ${call}
    print('nothing wrong')
except db.DatabaseError as problem:
    print(problem.args, problem.pgcode)`

describe('values', () => {
  test('come as psycopg2 has them', async () => {
    const script = `
row = db.pg.execute('''select 1::int2 i, 9223372036854775807 big, 1.50::numeric d, 'NaN'::numeric nan, 0.1::float8 f, true yes, '中文😀' s,
  '\\\\x00ff'::bytea b, date '2024-02-29' as day, timestamp '2024-02-29 23:59:59.125' as ts, timestamptz '2024-02-29 23:59:59+08' at time zone 'utc' utc,
  time '01:02:03' as tm, interval '1 mon -2 days -03:04:05.5' span, json '{"a": [1, 2.5]}' j, '[1]'::jsonb jb, array[1, null, 3] list,
  array[['a','b,'],['c','"d"']] nested, null n, uuid '00000000-0000-0000-0000-000000000001' u, 'infinity'::date forever''')
for name, value in row.items(): print(name, repr(value))`
    expect(await given.prints(script)).toEqual([
      'i 1',
      'big 9223372036854775807',
      "d Decimal('1.50')",
      "nan Decimal('NaN')",
      'f 0.1',
      'yes True',
      "s '中文😀'",
      "b b'\\x00\\xff'",
      'day datetime.date(2024, 2, 29)',
      'ts datetime.datetime(2024, 2, 29, 23, 59, 59, 125000)',
      'utc datetime.datetime(2024, 2, 29, 15, 59, 59)',
      'tm datetime.time(1, 2, 3)',
      'span datetime.timedelta(days=27, seconds=75354, microseconds=500000)',
      "j {'a': [1, 2.5]}",
      'jb [1]',
      'list [1, None, 3]',
      `nested [['a', 'b,'], ['c', '"d"']]`,
      'n None',
      "u '00000000-0000-0000-0000-000000000001'",
      "forever 'infinity'",
    ])
  })

  test('a moment has its offset', async () => {
    const script = `print(db.pg.execute("select timestamptz '2024-02-29 23:59:59+08' t")['t'].timestamp())`
    expect(await given.prints(script)).toEqual(['1709222399.0'])
  })

  test('go as they are, whatever they hold', async () => {
    const script = `
import datetime, decimal, uuid
db.pg.execute('create temp table v (i int8, d numeric, f float8, s text, b bytea, yes bool, day date, ts timestamp, at timestamptz, span interval, u uuid, n int)')
zone = datetime.timezone(datetime.timedelta(hours=8))
values = [2**63 - 1, decimal.Decimal('1E+3'), 0.1, "'; drop table v; -- %s \\\\", b'\\x00%s', True, datetime.date(2024, 2, 29),
  datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.datetime(2024, 2, 29, tzinfo=zone), datetime.timedelta(days=-1, seconds=1), uuid.UUID(int=1), None]
db.pg.execute('insert into v values (' + ', '.join(['%s'] * 12) + ')', values)
row = list(db.pg.execute('select * from v').values())
print([a == b or (a, b) for a, b in zip(row, values[:10] + [str(values[10]), None])])`
    expect(await given.prints(script)).toEqual([`[${Array(12).fill('True').join(', ')}]`])
  })

  test('may be named, a list, or a single one', async () => {
    const script = `
print(db.pg.execute_all('select * from generate_series(1, 9) n where n in %(these)s or n = %(one)s', {'these': (2, 3), 'one': 7}))
print(db['pg'].execute("select %s::int as n, '100%%' as s", 5))`
    expect(await given.prints(script)).toEqual(["[{'n': 2}, {'n': 3}, {'n': 7}]", "{'n': 5, 's': '100%'}"])
  })
})

describe('a statement', () => {
  test('that gives no rows gives None, or an empty list', async () => {
    const script = `
print(db.pg.execute('select 1 where false'), db.pg.execute_all('select 1 where false'))
print(db.pg.execute('create temp table nothing (n int)'), db.pg.execute_all('insert into nothing values (1)'), db.pg.execute(''))`
    expect(await given.prints(script)).toEqual(['None []', 'None [] None'])
  })

  test('gives the rows of the last one when it is several', async () => {
    expect(
      await given.prints(
        `print(db.pg.execute_all('select 1 a; select 2 b'), db.pg.execute('select 1; set work_mem = 128'))`,
      ),
    ).toEqual(["[{'b': 2}] None"])
  })

  test('commits by itself, and one session lasts as long as the run', async () => {
    await given.prints(`
db.pg.execute('create table kept (n int)')
db.pg.execute('insert into kept values (1)')
db.pg.execute('create temp table mine (n int)')`)
    given.sandbox.beginCase()
    const script = `
db.pg.execute('insert into mine values (5)')
print(db.again.execute('select n from kept'), db.pg.execute('select n from mine'))
db.pg.execute('begin')
db.pg.execute('insert into kept values (2)')
print(db.again.execute('select count(*) n from kept'))
db.pg.execute('rollback')
print(db.pg.execute('select count(*) n from kept'))`
    expect(await given.prints(script)).toEqual(["{'n': 1} {'n': 5}", "{'n': 1}", "{'n': 1}"])
    expect(postgres.connections()).toBe(2)
  })

  test('that is wrong is an exception with what the database says, and the next one runs', async () => {
    expect(await given.prints(failing(`db.pg.execute('select * from nowhere')`))).toEqual([
      `('relation "nowhere" does not exist',) 42P01`,
    ])
    expect(await given.prints(failing(`db.pg.execute('select 1 / %s', [0])`))).toEqual(["('division by zero',) 22012"])
    expect(await given.prints(failing(`db.pg.execute('select %s, %s', [0])`))).toEqual([
      "('SQL 中的占位符多于给出的 1 个参数',) None",
    ])
    expect(await given.prints(`print(db.pg.execute('select 1 as n'))`)).toEqual(["{'n': 1}"])
    const { end } = await given.setup(`db.pg.execute('select * from nowhere')`)
    expect(end).toMatchObject({ kind: 'error', type: 'DatabaseError', message: 'relation "nowhere" does not exist' })
    expect(end).toMatchObject({ traceback: expect.not.stringContaining('case_engine') })
  })

  test.each([
    ['db.nowhere', 'AttributeError', '环境中没有名为 nowhere 的数据库，已配置的有：pg、again'],
    ["db['nowhere']", 'KeyError', '环境中没有名为 nowhere 的数据库，已配置的有：pg、again'],
    ['db.pg.execute(5)', 'TypeError', 'sql 必须是字符串'],
    ["db.pg.execute('select %s', [{}])", 'TypeError', 'SQL 的参数不能是 dict'],
    ["db.pg.execute('select 1' + ' ' * 1_100_000)", 'DatabaseError', 'SQL 和参数超过 1 MiB 的限制'],
  ])('%s is an error in words', async (script, type, message) => {
    const { end } = await given.setup(script)
    expect(end).toMatchObject({ kind: 'error', type, message: expect.stringContaining(message) })
  })
})

describe('a question that a script forges', () => {
  const forged = (question: string): string => `
import sys, json
up = sys._getframe()
while 'channel' not in up.f_locals: up = up.f_back
channel = up.f_locals['channel']
data = json.dumps(${question}).encode()
os.write(channel, (len(data) | 1 << 31).to_bytes(4, 'little') + data)
head = os.read(channel, 8)
print(os.read(channel, int.from_bytes(head[:4], 'little')).decode())`

  test('reaches no database but those of its own environment', async () => {
    const other = await givenScripts(pool, [{ ...entry, name: 'elsewhere' }])
    await other.prints(`db.elsewhere.execute('select 1')`)
    const question = `{'db': 'elsewhere', 'sql': 'select 1', 'params': None, 'all': True}`
    const [told] = await given.prints(forged(question))
    expect(told).toBe('{"error":["环境中没有名为 elsewhere 的数据库"],"pgcode":null}')
    const [reached] = await other.prints(forged(question))
    expect(reached).toContain('"rows":[["1"]]')
    await other.close()
  })

  test.each([
    `{'db': 'pg', 'sql': 'select 1', 'params': None}`,
    `{'db': 'pg', 'sql': 'select 1', 'params': [['int', '1; drop']], 'all': True}`,
    `{'db': 'pg', 'sql': 'select 1', 'params': [['code', 'x']], 'all': True}`,
    `{'db': 'pg', 'sql': 'select 1', 'params': None, 'all': True, 'host': 'elsewhere'}`,
    `[]`,
  ])('and has another shape ends the interpreter: %s', async (question) => {
    const own = await givenScripts(pool, [entry])
    expect((await own.setup(forged(question))).end).toMatchObject({ kind: 'limit', limit: 'crash' })
    expect(await own.prints(`print(db.pg.execute('select 1 as n'))`)).toEqual(["{'n': 1}"])
    await own.close()
  })
})

describe('limits', () => {
  let small: GivenScripts
  beforeAll(async () => {
    small = await givenScripts(pool, [entry], { queryMs: 30_000, rows: 10, bytes: 64 * 1024 })
  }, 60_000)
  afterAll(() => small.close())
  const works = `print(db.pg.execute('select 1 as n'))`

  test('of time is an exception that names it, and the next statement runs', async () => {
    const quick = await givenScripts(pool, [entry], { queryMs: 2_000 })
    expect(await quick.prints(failing(`db.pg.execute('select pg_sleep(60)')`) + `\n${works}`)).toEqual([
      "('查询超过 2 秒的时间限制，已中止',) None",
      "{'n': 1}",
    ])
    await quick.close()
  })

  test('of rows is one too; the first row of many is no matter', async () => {
    const rows = (count: number): string => `'select n from generate_series(1, ${count}) n'`
    expect(
      await small.prints(
        `print(len(db.pg.execute_all(${rows(10)})))` +
          failing(`db.pg.execute_all(${rows(11)})`) +
          `\nprint(db.pg.execute(${rows(100_000)}))`,
      ),
    ).toEqual(['10', "('查询结果超过 10 行的限制，请缩小查询范围',) None", "{'n': 1}"])
  })

  test('of bytes is one too, for one row as for many', async () => {
    const big = (bytes: number): string => `"select repeat('x', ${bytes}) s"`
    const told = "('查询结果超过 0.0625 MiB 的限制，请缩小查询范围',) None"
    expect(
      await small.prints(
        failing(`db.pg.execute(${big(60_000)})`) +
          failing(`db.pg.execute(${big(70_000)})`) +
          failing(`db.pg.execute_all(${big(30_000)} + ' from generate_series(1, 3)')`) +
          `\n${works}`,
      ),
    ).toEqual(['nothing wrong', told, told, "{'n': 1}"])
  })

  test('what is left of a script’s time is a limit that it still hears of', async () => {
    const brief = givenPool({ size: 0, scriptTimeoutMs: 4_000 })
    const short = await givenScripts(brief, [entry])
    const [told] = await short.prints(failing(`db.pg.execute('select pg_sleep(60)')`))
    expect(told).toMatch(/^\('查询用完了脚本剩余的 [\d.]+ 秒时间，已中止',\)/)
    await short.close()
    await brief.stop()
  }, 60_000)
})

describe('a way to a database', () => {
  const unreachable = {
    type: 'postgres',
    config: { host: '127.0.0.1', port: 1, user: 'u', password: 'S3cret-word' },
  }

  /** What a script hears of each of them. */
  async function toldOf(entries: readonly object[], limits = {}): Promise<readonly string[]> {
    const scripts = await givenScripts(
      pool,
      entries.map((each, nth) => ({ ...each, name: `x${nth}` })),
      limits,
    )
    const messages: string[] = []
    for (const nth of entries.keys()) {
      const { end, log } = await scripts.setup(`db.x${nth}.execute('select 1')`)
      expect(end).toMatchObject({ kind: 'error', type: 'DatabaseError' })
      expect(JSON.stringify([end, log])).not.toContain('S3cret-word')
      messages.push((end as { message: string }).message)
    }
    await scripts.close()
    return messages
  }
  const told = async (entry: object, limits = {}): Promise<string> => (await toldOf([entry], limits))[0] ?? ''

  test('that leads nowhere is told in words', async () => {
    const config = { ...unreachable.config, host: 'nowhere.invalid' }
    expect(
      await toldOf([
        unreachable,
        { ...unreachable, type: 'mysql' },
        { ...unreachable, config },
        { ...unreachable, config: { ...config, port: 'x' } },
      ]),
    ).toEqual([
      expect.stringMatching(/^连接被拒绝：/),
      expect.stringMatching(/^\(2003, '连接被拒绝：/),
      expect.stringMatching(/^域名解析失败：/),
      '数据库 x3 的配置有误：config.port 必须是 1 到 65535 的整数',
    ])
  }, 60_000)

  test('with a wrong password is told by the server', async () => {
    const config = { ...entry.config, password: 'S3cret-word' }
    expect(await told({ type: 'postgres', config })).toMatch(/password authentication failed/)
  }, 60_000)

  test.each(['postgres', 'mysql'])(
    'that says nothing is given up: %s',
    async (type) => {
      const silent = createServer((socket) => socket.resume())
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      const config = { ...unreachable.config, port: (silent.address() as AddressInfo).port }
      expect(await told({ ...unreachable, type, config }, { connectMs: 200 })).toContain(
        '连接数据库 x0 超过 0.2 秒的时间限制',
      )
      await new Promise((resolve) => silent.close(resolve))
    },
    60_000,
  )

  test.each(['postgres', 'mysql'])(
    'that TARGET_DENY forbids is not taken, by whatever name: %s',
    async (type) => {
      let connections = 0
      const server = createServer((socket) => {
        connections += 1
        socket.destroy()
      })
      await new Promise<void>((resolve) => server.listen(0, resolve))
      const { port } = server.address() as AddressInfo
      const hosts = ['127.0.0.1', '[::1]', '::ffff:127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0.0.0.0']
      const entries = hosts.map((host) => ({ ...unreachable, type, config: { ...unreachable.config, host, port } }))
      for (const message of await toldOf(entries, { deny: '127.0.0.0/8,::1' })) {
        expect(message).toMatch(/被禁止访问\(TARGET_DENY\)|域名解析失败/)
      }
      expect(connections).toBe(0)
      await new Promise((resolve) => server.close(resolve))
    },
    60_000,
  )

  test('gets no password but the environment’s own', async () => {
    const seen: string[] = []
    const listening = createServer((socket) => {
      // Asks for the password in clear, and reads what comes.
      socket.once('data', () => {
        socket.once('data', (bytes: Buffer) => {
          seen.push(bytes.toString('utf8', 5))
          socket.destroy()
        })
        socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]))
      })
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as AddressInfo
    process.env['PGPASSWORD'] = 'of-the-platform'
    try {
      await told({ ...unreachable, config: { host: '127.0.0.1', port, user: 'u' } })
    } finally {
      delete process.env['PGPASSWORD']
    }
    expect(seen).toEqual(['\0'])
    await new Promise((resolve) => listening.close(resolve))
  }, 60_000)
})

describe('the end of a run', () => {
  test('closes its connections, also one with a statement under way', async () => {
    const before = postgres.connections()
    const scripts = await givenScripts(pool, [entry, { ...entry, name: 'slow' }])
    await scripts.prints(`db.pg.execute('select 1'); db.slow.execute('select 1')`)
    expect(postgres.connections()).toBe(before + 2)
    const under = scripts.setup(`db.slow.execute('select pg_sleep(60)')`)
    scripts.sandbox.close()
    await expect(under).rejects.toThrow('closed')
    await scripts.databases.close()
    await closedDownTo(before)
  }, 60_000)

  test('a script that is ended in the middle of a statement leaves a run that goes on', async () => {
    const brief = givenPool({ size: 0, scriptTimeoutMs: 3_000 })
    const scripts = await givenScripts(brief, [entry])
    const { end } = await scripts.setup(`
while True:
    try: db.pg.execute('select pg_sleep(60)')
    except Exception: pass`)
    expect(end).toMatchObject({ kind: 'limit', limit: 'time' })
    expect(await scripts.prints(`print(db.pg.execute('select 1 as n'))`)).toEqual(["{'n': 1}"])
    await scripts.close()
    await brief.stop()
  }, 60_000)

  /** The far end of a connection hears of its end a little later. */
  async function closedDownTo(count: number): Promise<void> {
    while (postgres.connections() > count) await new Promise((resolve) => setImmediate(resolve))
    expect(postgres.connections()).toBe(count)
  }
})
