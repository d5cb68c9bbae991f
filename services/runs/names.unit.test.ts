import { expect, test } from '@jest/globals'
import { nameInRun } from './names.ts'

test.each([
  ['回归测试', '回归测试'],
  ['x'.repeat(1_000), 'x'.repeat(1_000)],
  ['😀'.repeat(1_000), '😀'.repeat(1_000)],
  ['x'.repeat(1_001), `${'x'.repeat(999)}…`],
  ['😀'.repeat(30_000), `${'😀'.repeat(999)}…`],
])('%.20s is %.20s in a run', (name, kept) => {
  expect(nameInRun(name)).toBe(kept)
})
