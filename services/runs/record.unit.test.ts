import { expect, test } from '@jest/globals'
import { durationOf, passRate } from './record.ts'

test('a run took from its first claim to its end, nothing when nobody claimed it, and is not known before', () => {
  const started_at = '2026-11-21T15:56:54.606147+08:00'
  const finished_at = '2026-11-21T15:57:56.106149+08:00'
  expect(durationOf({ started_at, finished_at })).toBe(61.500002)
  // The platform's time zone was changed meanwhile.
  expect(durationOf({ started_at, finished_at: '2026-11-21T07:57:56.106149+00:00' })).toBe(61.500002)
  expect(durationOf({ started_at: null, finished_at })).toBe(0)
  expect(durationOf({ started_at, finished_at: null })).toBeNull()
})

test.each([
  [0, 0, '0.00'],
  [3, 1, '33.33'],
  [3, 3, '100.00'],
])('of %d cases %d passed: %s', (all, success, rate) => {
  expect(passRate({ all, success })).toBe(rate)
})
