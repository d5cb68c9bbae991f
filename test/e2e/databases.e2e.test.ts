import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenPostgres } from '../given-databases.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { startTarget } from '../support/target.ts'

/** A case that looks into the database behind its target, through the environment's `db`. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>
let postgres: Awaited<ReturnType<typeof givenPostgres>>
let project: number

beforeAll(async () => {
  postgres = await givenPostgres()
  platform = await startTestPlatform()
  target = await startTarget((_, response) => response.end('{"id": 7}'))
  project = (await platform.call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id
}, 60_000)
afterAll(async () => {
  await platform.stop()
  await target.stop()
  await postgres.stop()
}, 60_000)

async function run(db: readonly object[], scripts: object) {
  const env = { name: '本地', host: target.url, project, db }
  const { id } = (await platform.call('POST', '/api/testPro/envs/', env)).body
  const cases = { title: '用例', interface: { url: '/', method: 'get', name: '查询' }, ...scripts }
  return (await platform.call('POST', '/api/TestInterFace/cases/run/', { env: id, cases })).body
}

test('a case prepares rows, compares an answer with them, and shows no password of its database', async () => {
  const { password } = postgres.entry.config as { password: string }
  const result = await run([postgres.entry], {
    setup_script: `
db.pg.execute('create table orders (id int, price numeric, secret text)')
db.pg.execute('insert into orders values (%s, %s, %s)', [7, '1.50', ${JSON.stringify(password)}])
test.save_env_variable('secret', db.pg.execute('select secret from orders')['secret'])`,
    request: { params: { secret: '${{secret}}' } },
    teardown_script: `
row = db.pg.execute('select * from orders where id = %(id)s', {'id': response.json()['id']})
print(row)
test.assertion('相等', 1.5, float(row['price']))`,
  })
  expect([result.state, result.log_data.findLast(([level]: [string]) => level === 'ERROR')]).toEqual([
    '成功',
    undefined,
  ])
  expect(result.assertions).toEqual([{ method: '相等', expected: 1.5, actual: 1.5, passed: true }])
  expect(result.log_data).toContainEqual([
    'DEBUG',
    expect.stringContaining("{'id': 7, 'price': Decimal('1.50'), 'secret': '******'}"),
  ])
  expect(target.seen.at(-1)?.url).toContain(encodeURIComponent(password))
  expect(JSON.stringify(result)).not.toContain(password)
  // The run has ended, and its connections with it.
  while (postgres.connections() > 0) await new Promise((resolve) => setImmediate(resolve))
}, 60_000)

test('a database that is set up wrongly fails the case that uses it, and says which field', async () => {
  const db = [{ name: 'pg', type: 'postgres', config: { ...postgres.entry.config, port: 'x' } }]
  expect((await run(db, { teardown_script: 'pass' })).state).toBe('成功')
  const result = await run(db, { setup_script: `db.pg.execute('select 1')` })
  expect(result.state).toBe('错误')
  expect(JSON.stringify(result.log_data)).toContain('数据库 pg 的配置有误：config.port 必须是 1 到 65535 的整数')
}, 60_000)

test('a database at an address in TARGET_DENY is not reached', async () => {
  const config = { ...postgres.entry.config, host: '169.254.169.254' }
  const result = await run([{ name: 'pg', type: 'mysql', config }], { setup_script: `db.pg.execute('select 1')` })
  expect([result.state, JSON.stringify(result.log_data)]).toEqual(['错误', expect.stringContaining('TARGET_DENY')])
}, 60_000)
