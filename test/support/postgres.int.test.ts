import { expect, test } from '@jest/globals'
import { freshDatabase, query } from './postgres.ts'

test('each fresh database is empty, apart from others, and gone after its drop, open sessions or not', async () => {
  const [one, other] = await Promise.all([freshDatabase(), freshDatabase()])
  await query(one.url, 'create table t as select 1 as number')
  expect(await query(other.url, `select to_regclass('t') as t`)).toEqual([{ t: null }])

  const asleep = query(one.url, 'select pg_sleep(600)').catch((error: unknown) => String(error))
  const active = `select from pg_stat_activity where query like '%sleep(600)' and state = 'active'`
  while ((await query(other.url, active)).length === 0);
  await Promise.all([one.drop(), other.drop()])
  expect(await asleep).toMatch(/terminat/)
  await expect(query(one.url, 'select 1')).rejects.toThrow(/does not exist/)
})
