import { expect, test } from '@jest/globals'
import { given } from '../../test/given.ts'
import { apiToken } from './api-token.ts'

const data = { id: 3, owner: 1, name: 'jenkins', role: 'tester', hash: 'ab'.repeat(32), team_revision: 5 } as const
const issued = { type: 'ApiTokenIssued', data } as const
const revoked = { type: 'ApiTokenRevoked', data: {} } as const

test('a token is issued once, and says since when', () => {
  given(apiToken).when({ type: 'IssueApiToken', data }).gives(issued)
  given(apiToken, issued).when({ type: 'IssueApiToken', data }).refused('conflict')
  expect(given(apiToken, issued).state).toEqual({
    status: 'live',
    created_at: '2026-11-21T18:00:00.000000+08:00',
    ...data,
  })
})

test('a token is revoked once, nothing of its secret is left in the state, and its id is not given again', () => {
  given(apiToken, issued).when({ type: 'RevokeApiToken' }).gives(revoked)
  given(apiToken, issued, revoked).when({ type: 'RevokeApiToken' }).refused('not_found')
  given(apiToken).when({ type: 'RevokeApiToken' }).refused('not_found')
  given(apiToken, issued, revoked).when({ type: 'IssueApiToken', data }).refused('conflict')
  expect(given(apiToken, issued, revoked).state).toEqual({ status: 'revoked', id: 3, owner: 1 })
})
