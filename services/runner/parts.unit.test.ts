import { expect, test } from '@jest/globals'
import { partsOf } from './parts.ts'

test.each<[string, string[], string[][]]>([
  ['nothing is one part', [], [[]]],
  ['what fits is one part', ['aa', 'bb'], [['aa', 'bb']]],
  ['what does not fit goes into the next, in order', ['aaaaa', 'bb', 'cc'], [['aaaaa'], ['bb', 'cc']]],
  ['what is too heavy is alone', ['a', 'b'.repeat(20), 'c'], [['a'], ['b'.repeat(20)], ['c']]],
  ['bytes count, not letters', ['中文', 'a'], [['中文'], ['a']]],
])('%s', (_, items, parts) => {
  expect(partsOf(items, 10)).toEqual(parts)
})
