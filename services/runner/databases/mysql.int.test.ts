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
})
