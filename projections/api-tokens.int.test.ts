import { expect, test } from '@jest/globals'
import { apiTokenStream } from '../contracts/user.ts'
import type { GivenEvent } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { listApiTokens } from './api-tokens.ts'

const given = givenRows()

const issued = (id: number, fields: { owner?: number; name?: string; team_revision?: number } = {}): GivenEvent => ({
  stream: apiTokenStream(id),
  type: 'ApiTokenIssued',
  data: { id, owner: 1, name: `token ${id}`, role: 'tester', hash: 'ab'.repeat(32), team_revision: 3, ...fields },
})
const revoked = (id: number): GivenEvent => ({ stream: apiTokenStream(id), type: 'ApiTokenRevoked', data: {} })

const MINE = { owner: 1, after: -1 }

test('a user sees their own tokens that were not revoked, by id', async () => {
  const models = await given(issued(12), issued(2), issued(3), issued(4, { owner: 2 }), revoked(3))
  const at = (second: number) => `2026-11-21T18:00:0${second}.000000+08:00`
  expect(await listApiTokens(models, MINE, ALL)).toEqual({
    rows: [
      { id: 2, name: 'token 2', role: 'tester', created_at: at(1) },
      { id: 12, name: 'token 12', role: 'tester', created_at: at(0) },
    ],
    count: 2,
  })
  expect((await listApiTokens(models, { owner: 2, after: -1 }, ALL)).rows.map(({ id }) => id)).toEqual([4])
})

test('those that a deactivation ended are not shown', async () => {
  const models = await given(issued(1, { team_revision: 4 }), issued(2, { team_revision: 5 }), issued(3))
  const ids = async (after: number) => (await listApiTokens(models, { owner: 1, after }, ALL)).rows.map(({ id }) => id)
  expect(await ids(4)).toEqual([2])
  expect(await ids(5)).toEqual([])
})

test('no hash is in any row', async () => {
  const models = await given(issued(1))
  const [row] = await models.query(`select * from ${models.table('api_tokens')}`)
  expect(JSON.stringify(row)).not.toContain('abab')
})

test('a list is searched by name, and comes in pages', async () => {
  const models = await given(
    issued(1, { name: 'Jenkins' }),
    issued(2, { name: 'gitlab' }),
    issued(3, { name: 'jenkins 2' }),
  )
  const search = await listApiTokens(models, { ...MINE, search: 'JENKINS' }, ALL)
  expect(search.rows.map(({ id }) => id)).toEqual([1, 3])
  const second = await listApiTokens(models, MINE, { limit: 2, offset: 2 })
  expect([second.rows.map(({ id }) => id), second.count]).toEqual([[3], 3])
})
