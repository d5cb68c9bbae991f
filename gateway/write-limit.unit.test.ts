import { expect, test } from '@jest/globals'
import type { Context } from 'koa'
import { RateLimited } from '../contracts/core.ts'
import type { User } from './rest/route.ts'
import { writeLimit } from './write-limit.ts'

const torin: User = { id: 1, username: 'torin', role: 'tester', via: 'login' }
const machine: User = { ...torin, role: 'viewer', via: 'token' }
const other: User = { id: 2, username: 'other', role: 'tester', via: 'login' }

/** How many of `count` writes pass, at a clock that the test moves. */
function limiter(perSecond: number) {
  const clock = { ms: 5_000 }
  const limit = writeLimit(perSecond, () => clock.ms)
  const write = (user: User | undefined): 'passed' | number => {
    try {
      void limit({ state: { user } } as unknown as Context, () => Promise.resolve())
      return 'passed'
    } catch (error) {
      if (error instanceof RateLimited) return error.retryAfter
      throw error
    }
  }
  const passed = (user: User, count: number) =>
    Array.from({ length: count }, () => write(user)).filter((outcome) => outcome === 'passed').length
  return { clock, write, passed }
}

test('a user writes as much as the rate allows, in whatever pieces', () => {
  const { clock, passed } = limiter(100)
  expect(passed(torin, 150)).toBe(100)
  clock.ms += 500
  expect(passed(torin, 100)).toBe(50)
  clock.ms += 10
  expect(passed(torin, 100)).toBe(1)
  clock.ms += 3_600_000
  expect(passed(torin, 150)).toBe(100)
})

test('an API token writes for its owner, and other users are not held up', () => {
  const { passed } = limiter(10)
  expect(passed(torin, 6) + passed(machine, 6)).toBe(10)
  expect(passed(other, 12)).toBe(10)
})

test('who is refused is told when to come again, and is not held up for longer by coming before', () => {
  const { clock, write, passed } = limiter(1)
  expect(write(torin)).toBe('passed')
  for (let nth = 0; nth < 20; nth++) expect(write(torin)).toBe(1)
  clock.ms += 1_000
  expect(passed(torin, 5)).toBe(1)
})

test('0 refuses nothing', () => {
  const { passed } = limiter(0)
  expect(passed(torin, 100_000)).toBe(100_000)
})
