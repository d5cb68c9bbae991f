import { describe, expect, test } from '@jest/globals'
import ipaddr from 'ipaddr.js'
import { ipRange, isInRange } from './ip-ranges.ts'

const holds = (range: string, address: string): boolean | undefined => {
  const read = ipRange(range)
  return read && isInRange(ipaddr.parse(address), read)
}

describe('a range', () => {
  test.each([
    ['10.0.0.0/8', '10.1.2.3', '11.0.0.1'],
    ['10.1.2.3', '10.1.2.3', '10.1.2.4'],
    ['2001:db8::/32', '2001:db8::1', '2001:db9::1'],
    ['::1', '::1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3', '10.1.2.4'],
    ['::ffff:10.0.0.0/104', '10.1.2.3', '11.0.0.1'],
    ['::ffff:0:0/96', '8.8.8.8', '2001:db8::1'],
    // More than what is mapped: it stays as it is.
    ['::/0', '2001:db8::1', '8.8.8.8'],
  ])('%s holds %s and not %s', (range, inside, outside) => {
    expect([holds(range, inside), holds(range, outside)]).toEqual([true, false])
  })

  test.each(['', 'all', '10.0.0.0/33', '::1/129', '10.0.0.1:80', 'localhost', '10.0.0.0/'])('%j is none', (text) => {
    expect(ipRange(text)).toBe(undefined)
  })
})
