import { expect, test } from '@jest/globals'
import LongestFirst from './longest-first.ts'

/** The names of files in the order in which they are begun, given their bytes and, where they are known, milliseconds. */
function begun(files: Readonly<Record<string, readonly [bytes: number, milliseconds?: number]>>): readonly string[] {
  const config = { cache: false }
  const hasteFS = { getSize: (path: string) => files[path]?.[0] }
  const sequencer = new LongestFirst({} as never)
  Object.assign(sequencer, { time: ({ path }: { path: string }) => files[path]?.[1] })
  const tests = Object.keys(files).map((path) => ({ path, context: { config, hasteFS } }))
  // eslint-disable-next-line unicorn/no-array-sort -- of a sequencer
  return sequencer.sort(tests as never).map(({ path }) => path)
}

test('where no time is known, those that start servers are begun first, and of a kind the largest', () => {
  const files = {
    'a.unit.test.ts': [9_000],
    'b.int.test.ts': [5_000],
    'c.kafka.test.ts': [1_000],
    'd.e2e.test.ts': [2_000],
    'e.e2e.test.ts': [4_000],
    'f.kafka.test.ts': [3_000],
    'g.unit.test.ts': [9_500],
  } as const
  expect(
    begun(files)
      .map((name) => name.slice(0, 1))
      .join(''),
  ).toBe('efdcbga')
})

test('where times are known, they alone count; what has none may be long', () => {
  const files = {
    'a.unit.test.ts': [1, 700],
    'b.kafka.test.ts': [1, 300],
    'c.int.test.ts': [1, 900],
    'd.unit.test.ts': [1],
  } as const
  expect(begun(files)).toEqual(['d.unit.test.ts', 'c.int.test.ts', 'a.unit.test.ts', 'b.kafka.test.ts'])
})
