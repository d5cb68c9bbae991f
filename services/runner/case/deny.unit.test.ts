import { describe, expect, test } from '@jest/globals'
import { DEFAULT_TARGET_DENY, parseTargetDeny } from './deny.ts'

describe('by default', () => {
  const deny = parseTargetDeny(DEFAULT_TARGET_DENY)

  test.each([
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    'fd00:ec2::254',
    '[fd00:ec2::254]',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
  ])('%s is denied', (address) => {
    expect(deny.denies(address)).toBe(true)
  })

  test.each([
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '169.253.255.255',
    '169.255.0.0',
    'fec0::1',
    'fd00:ec2::253',
    '0.0.0.0',
    'localhost',
    '',
  ])('%s is not', (address) => {
    expect(deny.denies(address)).toBe(false)
  })
})

test.each(['::ffff:169.254.169.254', '::ffff:169.254.0.0/112'])(
  '%s denies the IPv4 addresses that it holds',
  (range) => {
    const deny = parseTargetDeny(range)
    expect(['169.254.169.254', '::ffff:169.254.169.254', '10.0.0.1'].map((address) => deny.denies(address))).toEqual([
      true,
      true,
      false,
    ])
  },
)

test('whoever denies loopback denies the unspecified address, which leads there', () => {
  expect(parseTargetDeny('127.0.0.0/8').denies('0.0.0.0')).toBe(true)
  expect(parseTargetDeny('127.0.0.0/8').denies('::')).toBe(true)
  expect(parseTargetDeny('::1').denies('0.0.0.0')).toBe(true)
})

test('a single address, spaces, and nothing at all', () => {
  const deny = parseTargetDeny(' 10.1.2.3 , fc00::/7 ,')
  expect([deny.denies('10.1.2.3'), deny.denies('10.1.2.4'), deny.denies('fd12::1')]).toEqual([true, false, true])
  expect(parseTargetDeny('').denies('169.254.169.254')).toBe(false)
})

test.each(['localhost', '10.0.0.0/33', '10.0.0.0/x', '::1/129', '1.2.3.4-5'])('%j is refused at start', (text) => {
  expect(() => parseTargetDeny(text)).toThrow('TARGET_DENY')
})
