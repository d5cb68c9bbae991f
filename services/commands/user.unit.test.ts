import { expect, test } from '@jest/globals'
import type { UserEvent } from '../../contracts/user.ts'
import { given, recorded } from '../../test/given.ts'
import { user, type UserState } from './user.ts'

const created = { type: 'UserCreated', data: { id: 1, username: 'a', password_hash: 'x' } } as const
const changed = { type: 'PasswordChanged', data: { password_hash: 'y' } } as const

/** Seconds since 1970 at which the events of a specification begin; each stands a second after the one before it. */
const BEGIN = Date.parse('2026-11-21T18:00:00+08:00') / 1000

const loggedOut = (session: string, expires: number) => ({ type: 'LoggedOut', data: { session, expires } }) as const

function endedBy(...events: UserEvent[]): readonly string[] {
  const state = recorded(events).reduce<UserState>((folded, event) => user.evolve(folded, event), user.initial)
  return state.status === 'live' ? [...state.logged_out.keys()] : ['not live']
}

test('a session is ended once', () => {
  const command = { type: 'LogOut', session: 's', expires: BEGIN + 100 } as const
  given(user, created)
    .when(command)
    .gives(loggedOut('s', BEGIN + 100))
  given(user, created, loggedOut('s', BEGIN + 100))
    .when(command)
    .gives()
  given(user, created, loggedOut('other', BEGIN + 100))
    .when(command)
    .gives(loggedOut('s', BEGIN + 100))
  given(user).when(command).refused('not_found')
})

test('ended sessions are remembered while a token of theirs could still be shown, and no longer', () => {
  const events = [created, loggedOut('first', BEGIN + 2), loggedOut('second', BEGIN + 100)]
  expect(endedBy(...events)).toEqual(['first', 'second'])
  // The third logout comes at BEGIN + 3, when the first session's last token has ended by itself.
  expect(endedBy(...events, loggedOut('third', BEGIN + 100))).toEqual(['second', 'third'])
})

test('a session that ends this very second is remembered', () => {
  expect(endedBy(created, loggedOut('first', BEGIN + 2), loggedOut('second', BEGIN + 100))).toContain('first')
})

test('a new password ends all sessions: none of them needs to be remembered', () => {
  expect(endedBy(created, loggedOut('s', BEGIN + 100), changed)).toEqual([])
})
