import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { certainlyAmong, clientAddress, clientOf } from './address.ts'

const address = clientAddress(['127.0.0.0/8', '2001:db8:ffff::/48'])

describe('an entry with a port counts as its address', () => {
  test.each([
    ['5.5.5.5:1234', '5.5.5.5'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['::ffff:5.5.5.5', '::ffff:5.5.5.5'],
    ['2001:db8::1', '2001:db8::1'],
    ['5.5.5.5', '5.5.5.5'],
    // Whoever wrote it first is not believed, with a port or without.
    ['9.9.9.9:1, 5.5.5.5:1234', '5.5.5.5'],
  ])('%s', (forwardedFor, client) => {
    expect(address('127.0.0.1', forwardedFor)).toBe(client)
  })

  test.each([
    ['5.5.5.5:1234, 127.0.0.9:8080', '5.5.5.5'],
    ['[2001:db8::1]:443, [2001:db8:ffff::2]:443', '2001:db8::1'],
    ['5.5.5.5:1234, [::ffff:127.0.0.9]:80', '5.5.5.5'],
  ])('and so does that of a proxy of ours: %s', (forwardedFor, client) => {
    expect(address('127.0.0.1', forwardedFor)).toBe(client)
  })

  test.each([
    'unknown',
    '1234:80',
    '5.5.5.5:',
    '5.5.5.5:x',
    '[5.5.5.5]:80',
    '[nonsense]:80',
    '5.5.5.5.5:80',
    '_hidden',
  ])('and what is none stays as it is: %s', (entry) => {
    expect(address('127.0.0.1', entry)).toBe(entry)
  })
})

test('of a connection that is no proxy of ours the header is not looked at', () => {
  expect(address('8.8.8.8', '5.5.5.5:1234')).toBe('8.8.8.8')
})

test('addresses that are configured as a dual-stack log shows them are the IPv4 addresses that they hold', () => {
  const mapped = clientAddress(['::ffff:10.0.0.5', '::ffff:172.16.0.0/108'])
  expect(mapped('10.0.0.5', '5.5.5.5')).toBe('5.5.5.5')
  expect(mapped('::ffff:172.20.0.1', '5.5.5.5')).toBe('5.5.5.5')
  expect(mapped('10.0.0.6', '5.5.5.5')).toBe('10.0.0.6')
})

describe('whether a client is for certain the machine itself', () => {
  const isMachine = certainlyAmong(['127.0.0.0/8'])
  const asked = (headers: IncomingHttpHeaders, trusted: readonly string[] = ['127.0.0.1']): boolean =>
    isMachine(clientOf(trusted)({ socket: { remoteAddress: '127.0.0.1' }, headers } as IncomingMessage))

  test.each<IncomingHttpHeaders>([
    { 'x-real-ip': '5.5.5.5' },
    { forwarded: 'for=5.5.5.5' },
    { via: '1.1 proxy' },
    { 'x-forwarded-for': '' },
    { 'x-forwarded-for': ' , ' },
    { 'x-forwarded-for': '', 'x-real-ip': '127.0.0.1' },
  ])('a trusted proxy that names no client hands on one that is not known: %j', (headers) => {
    expect(asked(headers)).toBe(false)
  })

  test.each<IncomingHttpHeaders>([
    { 'x-forwarded-for': '5.5.5.5', via: '1.1 proxy' },
    { 'x-forwarded-for': 'unknown' },
  ])('another client is not, nor is one without an address: %j', (headers) => {
    expect(asked(headers)).toBe(false)
  })

  test('the machine is, by itself and through a trusted proxy that names it', () => {
    expect(asked({})).toBe(true)
    expect(asked({ 'x-forwarded-for': '127.0.0.2', 'x-real-ip': '127.0.0.2', via: '1.1 proxy' })).toBe(true)
  })

  test.each<IncomingHttpHeaders>([{ 'x-forwarded-for': '127.0.0.2' }, { via: '1.1 proxy' }])(
    'through a proxy that is not trusted nobody is: %j',
    (headers) => {
      expect(asked(headers, [])).toBe(false)
    },
  )
})
