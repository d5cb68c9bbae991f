import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithMariadb, startMariadb, type TestMariadb } from '../../../test/support/mariadb.ts'
import { givenPool } from '../sandbox/given-sandbox.ts'
import { type GivenScripts, givenScripts } from '../../../test/given-databases.ts'

/** MySQL's side, by a real MariaDB and scripts in a real sandbox. What is expected is what pymysql gives. */
describeWithMariadb('MySQL from scripts', () => {
  const pool = givenPool({ scriptTimeoutMs: 60_000 })
  let server: TestMariadb
  let given: GivenScripts
  const config = () => {
    const { host, port, user, password, database } = server
    return { host, port, user, password, database }
  }

  beforeAll(async () => {
    server = await startMariadb()
    given = await givenScripts(pool, [{ name: 'shop', type: 'mysql', config: config() }])
  }, 120_000)
  afterAll(async () => {
    await given?.close()
    await pool.stop()
    await server?.stop()
  }, 60_000)

  test('types', async () => {
    const script = `
db.shop.execute('''create or replace table kinds (i int, u bigint unsigned, d decimal(12,2), f float, g double, dt datetime(3), day date,
  span time(1), y year, s varchar(20), t text, b blob, bits bit(4), j json, e enum('a','b'), n int)''')
db.shop.execute('''insert into kinds values (-5, 18446744073709551615, 1.50, 1.1, 0.1, '2024-02-29 23:59:59.125', '2024-02-29', '-25:00:01.5', 2024,
  '中文😀', 'long', x'00ff', b'101', '{"a": 1}', 'b', null)''')
print(db.shop.execute('select * from kinds'))
print(db.shop.execute('select * from kinds where i < %s', [0]))
`
    const row =
      "{'i': -5, 'u': 18446744073709551615, 'd': Decimal('1.50'), 'f': 1.1, 'g': 0.1, " +
      "'dt': datetime.datetime(2024, 2, 29, 23, 59, 59, 125000), 'day': datetime.date(2024, 2, 29), " +
      "'span': datetime.timedelta(days=-2, seconds=82798, microseconds=500000), 'y': 2024, 's': '中文😀', 't': 'long', " +
      "'b': b'\\x00\\xff', 'bits': b'\\x05', 'j': '{\"a\": 1}', 'e': 'b', 'n': None}"
    expect(await given.prints(script)).toEqual([row, row])
  })

  /** What a call fails with. */
  const failing = (call: string): string => `
try:
    ${call}
    print('nothing wrong')
except Exception as problem:
    print(type(problem).__name__, problem.args[0], len(problem.args))`

  test('zero dates and spans stay what pymysql makes of them', async () => {
    const script = `
db.shop.execute("set sql_mode = ''")
for row in (db.shop.execute("select cast('0000-00-00' as date) d, cast('2024-02-00 00:00:00' as datetime) t, cast('838:59:59' as time) s"),):
    print(row)`
    expect(await given.prints(script)).toEqual([
      "{'d': '0000-00-00', 't': '2024-02-00 00:00:00', 's': datetime.timedelta(days=34, seconds=82799)}",
    ])
  })

  test('values go as they are, whatever they hold', async () => {
    const script = `
import datetime, decimal
db.shop.execute('create or replace table v (i bigint, u bigint unsigned, d decimal(30, 10), g double, s text, b blob, yes bool, day date, ts datetime(6), span time, n int)')
zone = datetime.timezone(datetime.timedelta(hours=8))
values = [-2**63, 2**64 - 1, decimal.Decimal('12345678901234567890.0123456789'), 0.1, "'; drop table v; -- %s \\\\ \\x00 ? 😀", b'\\x00\\xff%s', True,
  datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3, 4, zone), datetime.timedelta(hours=-30), None]
db.shop.execute('insert into v values (' + ', '.join(['%s'] * 11) + ')', values)
row = list(db.shop.execute('select * from v where i = %(i)s and u = %(u)s and d = %(d)s', {'i': values[0], 'u': values[1], 'd': values[2]}).values())
values[8] = values[8].replace(tzinfo=None)
print([a == b or (a, b) for a, b in zip(row, values)])
print(db.shop.execute_all("select n, '100%%' s from (select 1 n union select 2 union select 3) x where n in %s order by n limit %s", [[1, 3, 5], 2]))
print(db.shop.execute('select %s n', [5]))`
    expect(await given.prints(script)).toEqual([
      `[${Array(11).fill('True').join(', ')}]`,
      "[{'n': 1, 's': '100%'}, {'n': 3, 's': '100%'}]",
      "{'n': 5}",
    ])
  })

  test('each statement commits by itself, and one session lasts as long as the run', async () => {
    const script = `
print(db.shop.execute('create or replace table kept (id int auto_increment primary key, name varchar(9))'))
print(db.shop.execute("insert into kept (name) values ('a'), ('b')"), db.shop.execute_all('delete from kept where id = 2'))
print(db.shop.execute('select last_insert_id() id, @@autocommit auto'))
print(db.shop.execute_all('select a.id, b.id, b.name from kept a join kept b'))
db.shop.execute('start transaction'); db.shop.execute("insert into kept (name) values ('c')"); db.shop.execute('rollback')
print(db.shop.execute('select count(*) n from kept'), db.shop.execute('select 1 from kept where false'))`
    expect(await given.prints(script)).toEqual([
      'None',
      'None []',
      "{'id': 1, 'auto': 1}",
      "[{'id': 1, 'b.id': 1, 'name': 'a'}]",
      "{'n': 1} None",
    ])
  })

  test('of a procedure the first result counts', async () => {
    const script = `
db.shop.execute('create or replace procedure several() begin select 1 a union select 2; select 3 b; end')
print(db.shop.execute_all('call several()'), db.shop.execute_all('call several()', []), db.shop.execute('select 4 c'))`
    expect(await given.prints(script)).toEqual(["[{'a': 1}, {'a': 2}] [{'a': 1}, {'a': 2}] {'c': 4}"])
  })

  test('errors have the numbers of MySQL, and the next statement runs', async () => {
    const script =
      failing(`db.shop.execute('selec 1')`) +
      failing(`db.shop.execute('select * from nowhere where a = %s', [1])`) +
      failing(`db.shop.execute('')`) +
      failing(`db.shop.execute('select 1; select 2')`) +
      failing(`db.shop.execute('select ?', [])`) +
      failing(`db.shop.execute('select %s', [float('inf')])`) +
      `\nprint(db.shop.execute('select 1 as n'))`
    expect(await given.prints(script)).toEqual([
      'DatabaseError 1064 2',
      'DatabaseError 1146 2',
      'DatabaseError 1065 2',
      'DatabaseError 1064 2',
      expect.stringMatching(/^DatabaseError \d+ 2$/),
      'DatabaseError MySQL 没有 inf 这样的数 1',
      "{'n': 1}",
    ])
  })

  test('a wrong password is told by the server, and told nobody', async () => {
    const wrong = await givenScripts(pool, [
      { name: 'shop', type: 'mysql', config: { ...config(), password: 'Wr0ng-word' } },
    ])
    const outcome = await wrong.setup(`db.shop.execute('select 1')`)
    await wrong.close()
    expect(outcome.end).toMatchObject({ kind: 'error', message: expect.stringMatching(/^\(1045, .*Access denied/) })
    expect(JSON.stringify(outcome)).not.toContain('Wr0ng-word')
  })

  test('no server reads a file of the platform', async () => {
    const script = failing(`db.shop.execute("load data local infile '/etc/passwd' into table kept")`)
    const [told] = await given.prints(script)
    expect(told).toMatch(/^DatabaseError \d+ 2$/)
  })

  test('limits of time, rows and bytes are exceptions that name them', async () => {
    const small = await givenScripts(pool, [{ name: 'shop', type: 'mysql', config: config() }], {
      queryMs: 3_000,
      rows: 10,
      bytes: 64 * 1024,
    })
    const script =
      failing(`db.shop.execute('select sleep(60)')`) +
      failing(`db.shop.execute_all('select seq from seq_1_to_11')`) +
      failing(`db.shop.execute_all('select seq from seq_1_to_11 where seq > %s', [0])`) +
      failing(`db.shop.execute("select repeat('x', 70000)")`) +
      `\nprint(len(db.shop.execute_all('select seq from seq_1_to_10')), db.shop.execute('select seq from seq_1_to_100000'))`
    expect(await small.prints(script)).toEqual([
      'DatabaseError 查询超过 3 秒的时间限制，已中止 1',
      'DatabaseError 查询结果超过 10 行的限制，请缩小查询范围 1',
      'DatabaseError 查询结果超过 10 行的限制，请缩小查询范围 1',
      'DatabaseError 查询结果超过 0.0625 MiB 的限制，请缩小查询范围 1',
      "10 {'seq': 1}",
    ])
    await small.close()
  })

  test('a server that has gone is asked anew, and the end of a run leaves no session', async () => {
    const scripts = await givenScripts(pool, [{ name: 'own', type: 'mysql', config: config() }])
    const [id] = await scripts.prints(`print(db.own.execute('select connection_id() id')['id'])`)
    await given.prints(`db.shop.execute('kill ${id}')`)
    const script =
      failing(`db.own.execute('select 1')`) + `\nprint(db.own.execute('select connection_id() <> ${id} fresh'))`
    const told = await scripts.prints(script)
    expect(told.at(-1)).toBe("{'fresh': 1}")
    await scripts.close()
    const sessions = async () =>
      given.prints(
        `print(db.shop.execute("select count(*) n from information_schema.processlist where user = 'tester'"))`,
      )
    while ((await sessions())[0] !== "{'n': 1}") await new Promise((resolve) => setImmediate(resolve))
  })
})
