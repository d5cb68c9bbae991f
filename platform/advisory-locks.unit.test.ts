import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { ADVISORY_LOCKS } from './advisory-locks.ts'

test('no two locks share a number', () => {
  const numbers = Object.values(ADVISORY_LOCKS)
  expect(new Set(numbers).size).toBe(numbers.length)
})

test("the event store's schema takes the lock of appends and no other", () => {
  const schema = readFileSync(new URL('event-store/postgres/schema.sql', import.meta.url), 'utf8')
  const taken = schema.matchAll(/advisory\w*lock\w*\(([^)]*)\)/g)
  expect(taken.map(([, number]) => Number(number)).toArray()).toEqual([ADVISORY_LOCKS.appends])
})
