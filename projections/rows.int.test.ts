import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { openDatabase } from '../platform/postgres.ts'
import type { Database, Sql } from '../platform/sql.ts'
import { freshDatabase, type TestDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { type RowOf, tableOf } from './rows.ts'

const columns = {
  id: 'bigint',
  name: 'text',
  parent: 'bigint?',
  request: 'json',
  active: 'boolean',
  ratio: 'double precision',
  at: 'timestamptz?',
} as const
const things = tableOf({
  name: 'things',
  key: 'id',
  columns,
  indexes: ['parent', ['parent', 'name'], '(lower(name))', { on: ['name', 'id'], where: 'not active' }],
})
const members = tableOf({
  name: 'members',
  key: ['team', 'user'],
  columns: { team: 'text', user: 'integer', role: 'text?' },
})
const notes = tableOf({ name: 'notes', key: 'id', columns: { id: 'integer', body: 'json?' } })

const thing = (id: number, fields: Partial<RowOf<typeof columns>> = {}): RowOf<typeof columns> => ({
  id,
  name: `thing ${id}`,
  parent: null,
  request: '{}',
  active: true,
  ratio: 0.5,
  at: null,
  ...fields,
})

let fresh: TestDatabase
let db: Database
/** The statements that were sent. */
let sent: string[]
let counted: Sql

beforeAll(async () => {
  fresh = await freshDatabase()
  db = await openDatabase({ connection: fresh.url, log: quiet })
})
afterAll(async () => {
  await db.close()
  await fresh.drop()
})
beforeEach(async () => {
  await db.query('drop table if exists things_v1_g1, members_v1_g1, notes_v1_g1')
  await things.create(db, 'things_v1_g1')
  await members.create(db, 'members_v1_g1')
  await notes.create(db, 'notes_v1_g1')
  sent = []
  counted = { query: (text, values) => (sent.push(text), db.query(text, values)) }
})

test('a table has its key and its indexes, of some rows or of all', async () => {
  const indexes = await db.query<{ indexdef: string }>(
    "select indexdef from pg_indexes where tablename = 'things_v1_g1' order by indexname",
  )
  expect(indexes.map(({ indexdef }) => indexdef.replace(/^.* USING /, '')).toSorted()).toEqual([
    'btree (id)',
    'btree (lower(name))',
    'btree (name, id) WHERE (NOT active)',
    'btree (parent)',
    'btree (parent, name)',
  ])
})

const edit = (fill: Parameters<typeof things.edit>[2]) => things.edit(counted, 'things_v1_g1', fill)
const rows = (select = 'id, name') => db.query(`select ${select} from things_v1_g1 order by id`)

describe('the rows of a read model', () => {
  test('every type comes back as it was put', async () => {
    const row = thing(7, {
      name: 'quote " backslash \\ brace {a,b} NULL 你好\nline',
      parent: 9007199254740991,
      request: '{"b":1,"a":1.0,"a":"\\"\\\\"}',
      active: false,
      ratio: 1e-7,
      at: '2026-01-02 03:04:05.678901+00',
    })
    await edit((batch) => batch.put(row))
    await edit((batch) => batch.put(thing(8, { name: 'NULL' })))
    const seen: unknown[] = []
    await edit((batch) => {
      for (const id of [7, 8]) batch.patch(id, (stored) => (seen.push(stored), stored))
    })
    expect(seen).toEqual([row, thing(8, { name: 'NULL' })])
    expect(await rows('name, parent, request, at is null as timeless')).toEqual([
      { name: row.name, parent: '9007199254740991', request: row.request, timeless: false },
      { name: 'NULL', parent: null, request: '{}', timeless: true },
    ])
  })

  test.each([
    ['alone', [null]],
    ['before others', [null, '{"a":null}']],
    ['between others', ['null', null, '"\\u001e \\u0001"']],
    ['after others', ['[1,\n2]', '""', null]],
  ])('json that is missing stands %s', async (_, bodies) => {
    const given = bodies.map((body, index) => ({ id: index + 1, body }))
    await notes.edit(db, 'notes_v1_g1', (batch) => given.forEach((row) => batch.put(row)))
    expect(await db.query('select * from notes_v1_g1 order by id')).toEqual(given)
  })

  test('what is no JSON fails, and makes no other rows of those that go with it', async () => {
    const bodies = ['1\u001e2', '3', null]
    const put = notes.edit(db, 'notes_v1_g1', (batch) => bodies.forEach((body, id) => batch.put({ id, body })))
    await expect(put).rejects.toThrow('null value in column "id"')
    expect(await db.query('select * from notes_v1_g1')).toEqual([])
  })

  test('a patch leaves alone what it says nothing of', async () => {
    await edit((batch) => batch.put(thing(1, { parent: 3 })))
    // What JavaScript makes of `{ name: maybe }`.
    const nothing = { name: undefined } as unknown as { name: string }
    await edit((batch) => batch.patch(1, { ...nothing, parent: null }))
    expect(await rows('name, parent')).toEqual([{ name: 'thing 1', parent: null }])
  })

  test('a batch of many rows is one insert; patches of stored rows read them by one select', async () => {
    await edit((batch) => {
      for (let id = 1; id <= 500; id++) batch.put(thing(id))
    })
    expect(sent).toHaveLength(1)
    sent = []
    await edit((batch) => {
      for (let id = 1; id <= 500; id++) batch.patch(id, { name: `patched ${id}` })
      batch.remove(3)
    })
    expect(sent.map((text) => text.trim().slice(0, 6))).toEqual(['select', 'insert', 'delete'])
    expect(await db.query(`select count(*)::int as n from things_v1_g1 where name like 'patched%'`)).toEqual([
      { n: 499 },
    ])
  })

  test('nothing is sent when there is nothing to write', async () => {
    await edit(() => {})
    expect(sent).toEqual([])
  })

  test('edits of one row in one batch apply in their order', async () => {
    await edit((batch) => {
      batch.put(thing(1))
      batch.patch(1, (row) => ({ ...row, name: `${row.name}!` }))
      batch.patch(1, { parent: 5 })
      batch.put(thing(2))
      batch.remove(2)
      batch.remove(3)
      batch.put(thing(3))
      batch.remove(4)
      batch.patch(4, { name: 'late' })
    })
    expect(await rows('id, name, parent')).toEqual([
      { id: '1', name: 'thing 1!', parent: '5' },
      { id: '3', name: 'thing 3', parent: null },
    ])
  })

  test('batches of one event each make the rows that one batch makes', async () => {
    const edits: Parameters<typeof things.edit>[2][] = [
      (batch) => batch.put(thing(1, { parent: 1 })),
      (batch) => batch.put(thing(2, { parent: 1 })),
      (batch) => batch.patchWhere({ parent: 1 }, { name: 'both' }),
      (batch) => batch.put(thing(3, { parent: 1 })),
      (batch) => batch.patch(2, (row) => ({ ...row, name: `${row.name} and more`, parent: null })),
      (batch) => batch.removeWhere({ parent: 1, name: 'both' }),
      (batch) => batch.put(thing(4)),
      (batch) => batch.removeWhere({ parent: null, name: 'thing 4' }),
      (batch) => batch.put(thing(4, { name: 'again' })),
    ]
    await edit((batch) => edits.forEach((one) => one(batch)))
    const together = await rows('*')
    await db.query('delete from things_v1_g1')
    for (const one of edits) await edit(one)
    expect(await rows('*')).toEqual(together)
    expect(together).toMatchObject([{ name: 'both and more' }, { name: 'thing 3' }, { name: 'again' }])
  })

  test('a patch of what is not there is passed over', async () => {
    await edit((batch) => batch.patch(99, { name: 'ghost' }))
    expect(await rows()).toEqual([])
  })

  test('a patch must not change the key', async () => {
    await edit((batch) => batch.put(thing(1)))
    await expect(edit((batch) => batch.patch(1, (row) => ({ ...row, id: 2 })))).rejects.toThrow('key')
  })

  test('a removal or patch by no condition at all is refused', async () => {
    await edit((batch) => batch.put(thing(1)))
    await expect(edit((batch) => batch.removeWhere({}))).rejects.toThrow('condition')
    await expect(edit((batch) => batch.patchWhere({}, { name: 'x' }))).rejects.toThrow('condition')
    expect(await rows('id')).toEqual([{ id: '1' }])
  })

  test('a key of two columns', async () => {
    const change = (fill: Parameters<typeof members.edit>[2]) => members.edit(db, 'members_v1_g1', fill)
    await change((batch) => {
      batch.put({ team: 'a', user: 1, role: null })
      batch.put({ team: 'a', user: 2, role: 'tester' })
      batch.put({ team: 'b', user: 1, role: 'viewer' })
    })
    await change((batch) => {
      batch.patch(['a', 1], { role: 'admin' })
      batch.remove(['a', 2])
      batch.put({ team: 'b', user: 1, role: null })
    })
    expect(await db.query('select * from members_v1_g1 order by team, "user"')).toEqual([
      { team: 'a', user: 1, role: 'admin' },
      { team: 'b', user: 1, role: null },
    ])
  })
})
