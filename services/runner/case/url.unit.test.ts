import { describe, expect, test } from '@jest/globals'
import { CaseFault } from './fault.ts'
import { prepareUrl } from './url.ts'

/** Every expectation was printed by requests 2.27.1: the prepared URL. */
test.each([
  ['http://h', '', 'http://h/'],
  ['http://h?x=1', '', 'http://h/?x=1'],
  ['http://h#f', 'a=1', 'http://h/?a=1#f'],
  ['http://h/a b', '', 'http://h/a%20b'],
  [' http://h/x ', '', 'http://h/x%20'],
  ['http://h/a\tb\n', '', 'http://h/a%09b%0A'],
  ['HTTP://Ho.COM:80/A/../b/./c', '', 'http://ho.com:80/b/c'],
  ['http://h/..//x/', '', 'http://h/x/'],
  ['http://h//double', '', 'http://h//double'],
  ['http://h/中文?q=中 文', '', 'http://h/%E4%B8%AD%E6%96%87?q=%E4%B8%AD%20%E6%96%87'],
  ['http://h/x?é=ü', '', 'http://h/x?%C3%A9=%C3%BC'],
  ['http://h/%7euser/%zz/%e4', '', 'http://h/%257Euser/%25zz/%25E4'],
  ['http://h/%2f%41', '', 'http://h/%2FA'],
  ['http://h/%', '', 'http://h/%25'],
  ['http://h/?a=中%E4', '', 'http://h/?a=%E4%B8%AD%E4'],
  ['http://h/a?b=%20+c%2B', '', 'http://h/a?b=%20+c%2B'],
  ['http://h/a|b{c}[d]"\'<>^`\\x', '', "http://h/a%7Cb%7Bc%7D%5Bd%5D%22'%3C%3E%5E%60%5Cx"],
  ['http://h\\x/', '', 'http://h/%5Cx/'],
  ['http://h/a?b#c?d', '', 'http://h/a?b#c?d'],
  ['http://h/a;b=c?d', '', 'http://h/a;b=c?d'],
  ['http://h/p?x=1#frag', 'a=%C3%A9%26%3D', 'http://h/p?x=1&a=%C3%A9%26%3D#frag'],
  ['http://h/p?', '', 'http://h/p'],
  ['http://h/p', 'a=1&b=中', 'http://h/p?a=1&b=%E4%B8%AD'],
  ['http://h/+(&$])', ']"', 'http://h/+(&$%5D)?]%22'],
  ['http://h/*#~\\{\\?]! &', '`%', 'http://h/*?%60%#~%5C%7B%5C?%5D!%20&'],
  ['http://h/中"+b>$', '%zz_);[', 'http://h/%25E4%25B8%25AD%2522+b%253E$?%25zz_);['],
  ['http://exämple.com/ü', '', 'http://xn--exmple-cua.com/%C3%BC'],
  ['http://[::1]:80/x', '', 'http://[::1]:80/x'],
  ['http://u:p%40@h/x', '', 'http://u:p%40@h/x'],
  ['http://a@b@c/', '', 'http://a%40b@c/'],
  ['http://h:/', '', 'http://h/'],
  ['http://h:080/', '', 'http://h:80/'],
])('%s with the query %j', (written, query, href) => {
  expect(prepareUrl(written, query).href).toBe(href)
})

describe('what goes on the wire', () => {
  test.each([
    ['http://u:p@h:8080/a?b#c', '', 'http://h:8080', '/a?b'],
    ['https://h#f', 'x=1', 'https://h', '/?x=1'],
    // On the wire urllib3 encodes once more what the shown address may hold.
    ['http://h/p', 'a=[1]', 'http://h', '/p?a=%5B1%5D'],
    ['http://h/p', 'a=%2f', 'http://h', '/p?a=%2F'],
    // A `#` in a text query begins the fragment, as it does in requests.
    ['http://h/p', 'a=1#b', 'http://h', '/p?a=1'],
    ['http://[FE80::1]/', '', 'http://[fe80::1]', '/'],
  ])('%s', (written, query, origin, path) => {
    expect(prepareUrl(written, query)).toMatchObject({ origin, path })
  })

  test.each([
    ['http://u:p%40:x@h/', { user: 'u', password: 'p@:x' }],
    ['http://u:@h/', { user: 'u', password: '' }],
    ['http://:p@h/', { user: '', password: 'p' }],
    ['http://u@h/', undefined],
    ['http://h/', undefined],
  ])('credentials of %s', (written, credentials) => {
    expect(prepareUrl(written).credentials).toEqual(credentials)
  })
})

test.each([
  '',
  '/path',
  'h/path',
  'ftp://h/',
  'localhost:8080/x',
  'http://',
  'http:///x',
  'http://?x',
  'http://h:99999/',
  'http://h:abc/',
  'http://*.x/',
  'http://.x/',
  'http://a b/',
  'http://[::1/',
  'http://h]/',
  'http://h/\ud800',
  'javascript://h/',
])('%j is refused', (written) => {
  expect(() => prepareUrl(written)).toThrow(CaseFault)
})
