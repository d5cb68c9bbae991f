import { expect, test } from '@jest/globals'
import type { Role } from '../contracts/user.ts'
import type { GivenEvent } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { listUsers } from './users.ts'

const given = givenRows()

const added = (id: number, username: string, role: Role): GivenEvent => ({
  stream: 'team',
  type: 'MemberAdded',
  data: { id, username, role },
})
const changed = (id: number, changes: { role?: Role; active?: boolean }): GivenEvent => ({
  stream: 'team',
  type: 'MemberChanged',
  data: { id, ...changes },
})

test('a member has the role and the flag that were said last', async () => {
  const models = await given(
    added(1, 'admin', 'admin'),
    added(2, '测试员A', 'viewer'),
    changed(2, { role: 'tester' }),
    changed(2, { active: false }),
    changed(1, { active: false }),
    changed(1, { role: 'viewer', active: true }),
    changed(9, { role: 'admin' }),
  )
  expect(await listUsers(models, {}, ALL)).toEqual({
    rows: [
      { id: 1, username: 'admin', role: 'viewer', active: true },
      { id: 2, username: '测试员A', role: 'tester', active: false },
    ],
    count: 2,
  })
})

test('a user whom the team does not know is not listed, and no password is in any row', async () => {
  const models = await given(
    { stream: 'user-x', type: 'UserCreated', data: { id: 1, username: 'half', password_hash: 'scrypt$hash' } },
    { stream: 'user-x', type: 'PasswordChanged', data: { password_hash: 'scrypt$other' } },
  )
  expect(await models.query(`select * from ${models.table('users')}`)).toEqual([])
})

test('a list is by id, in pages', async () => {
  const models = await given(added(12, 'c', 'viewer'), added(2, 'a', 'admin'), added(3, 'b', 'tester'))
  const ids = async (limit: number, offset: number) => {
    const { rows, count } = await listUsers(models, {}, { limit, offset })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids(2, 0)).toEqual([[2, 3], 3])
  expect(await ids(2, 2)).toEqual([[12], 3])
})
