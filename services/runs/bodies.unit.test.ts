import { expect, test } from '@jest/globals'
import { mostShown } from './bodies.ts'

test('of a body 64 KiB are shown, less where there are thousands of cases, and never less than an event holds', () => {
  const kib = (cases: number): number => mostShown(cases) / 1024
  expect([0, 1, 1_000, 1_024, 2_000, 3_000, 4_096, 100_000].map(kib)).toEqual([64, 64, 64, 64, 32, 21, 16, 16])
})
