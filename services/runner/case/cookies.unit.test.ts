import { describe, expect, test } from '@jest/globals'
import { RunCookies } from './cookies.ts'
import { prepareUrl } from './url.ts'

function taking(url: string, ...cookies: readonly string[]): RunCookies {
  const jar = new RunCookies()
  jar.take(
    prepareUrl(url),
    cookies.map((cookie) => ['Set-Cookie', cookie] as const),
  )
  return jar
}

const sent = (jar: RunCookies, url: string) => jar.header(prepareUrl(url), [])

describe('what is sent where', () => {
  const jar = taking(
    'http://app.shop.test/a/b',
    'host=1',
    'shop=2; Domain=shop.test; Path=/',
    'deep=3; Path=/a/b',
    'safe=4; Secure; Path=/',
    'gone=5; Max-Age=0',
    'foreign=6; Domain=other.test',
  )

  test.each([
    ['http://app.shop.test/a/x', 'host=1; shop=2'],
    ['http://app.shop.test/a/b/c', 'deep=3; host=1; shop=2'],
    ['http://app.shop.test/', 'shop=2'],
    ['http://www.shop.test/a/b', 'shop=2'],
    ['http://other.test/', undefined],
  ])('%s', (url, header) => {
    expect(sent(jar, url)).toBe(header)
  })

  test.each(['http://localhost:8080/', 'http://127.0.0.1:8080/', 'http://[::1]:8080/', 'http://intranet/'])(
    'a target at %s keeps its cookies, on every port',
    (url) => {
      expect(sent(taking(url, 'a=1'), url.replace('8080', '9090'))).toBe('a=1')
    },
  )

  test.each([
    ['http://intranet/', 'intranet'],
    ['http://127.0.0.1/', '127.0.0.1'],
    ['http://app.shop.local/', 'shop.local'],
  ])('%s may name its domain %s', (url, domain) => {
    expect(sent(taking(url, `a=1; Domain=${domain}`), url)).toBe('a=1')
  })

  test('a local target is no exception for secure cookies, and a prefix demands nothing', () => {
    const jar = taking('http://127.0.0.1/', 'a=1; Secure', '__Secure-b=2', '__Host-c=3; Path=/x')
    expect([sent(jar, 'http://127.0.0.1/x'), sent(jar, 'https://127.0.0.1/x')]).toEqual([
      '__Host-c=3; __Secure-b=2',
      '__Host-c=3; a=1; __Secure-b=2',
    ])
  })

  test('secure cookies are for https', () => {
    const secure = taking('https://h.test/', 'a=1; Secure')
    expect([sent(secure, 'https://h.test/'), sent(secure, 'http://h.test/')]).toEqual(['a=1', undefined])
  })
})

test("the case's own cookies stand behind the jar's and are not kept", () => {
  const jar = taking('http://h.test/', 'a=jar')
  expect(jar.header(prepareUrl('http://h.test/'), [['a', 'own']])).toBe('a=jar; a=own')
  expect(sent(jar, 'http://h.test/')).toBe('a=jar')
})

test('what was taken is told, what is malformed or foreign is passed over', () => {
  const taken = new RunCookies().take(prepareUrl('http://h.test/x/y'), [
    ['set-cookie', 'a=1; HttpOnly'],
    ['Set-Cookie', 'b=2; Domain=other.test'],
    ['Set-Cookie', ''],
    ['X', 'c=3'],
    ['Set-Cookie', '=4'],
    ['Set-Cookie', 'gone=5; Max-Age=0'],
    ['Set-Cookie', 'a=6; Path=/x'],
    ['Set-Cookie', 'a=1; Path=/x'],
  ])
  expect(taken).toEqual([{ name: 'a', value: '1', domain: 'h.test', path: '/x' }])
})

test('a snapshot is plain JSON from which a run goes on', () => {
  const jar = taking('http://h.test/', 'a=1', 'b=2; Max-Age=1000')
  const copy = new RunCookies(JSON.parse(JSON.stringify(jar.snapshot())) as ReturnType<RunCookies['snapshot']>)
  expect(sent(copy, 'http://h.test/')).toBe('a=1; b=2')
})
