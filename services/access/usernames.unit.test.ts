import { expect, test } from '@jest/globals'
import { usernameFault } from './usernames.ts'

test.each(['torin', '测试员 A', 'Zoë van der Berg', 'O’Neill', 'e\u0301lan', '😀', 'नमस्ते', 'a', '"; drop', '-_.@'])(
  '%j is a good name',
  (username) => {
    expect(usernameFault(username)).toBeUndefined()
  },
)

test.each([' admin', 'admin ', '\u3000admin', 'admin\u00a0', '\tadmin', 'admin\n', 'admin\u0085', '\u2028admin'])(
  '%j begins or ends with white space',
  (username) => {
    expect(usernameFault(username)).toBe('不能以空白字符开头或结尾')
  },
)

test.each([
  ['a\u0000b', 'U+0000'],
  ['a\tb', 'U+0009'],
  ['a\u007fb', 'U+007F'],
  ['a\u0085b', 'U+0085'],
  ['\u200badmin', 'U+200B'],
  ['admin\ufeff', 'U+FEFF'],
  ['ad\u00admin', 'U+00AD'],
  ['a\u200db', 'U+200D'],
  ['\u202enimda', 'U+202E'],
  ['a\u2028b', 'U+2028'],
  ['a\u2029b', 'U+2029'],
  ['a\u{e0041}b', 'U+E0041'],
  ['\u2800', 'U+2800'],
  ['a\u3164', 'U+3164'],
  ['\u115fx', 'U+115F'],
  ['a\u034fb', 'U+034F'],
  ['a\ufe0f', 'U+FE0F'],
])('%j has something unseen in it', (username, code) => {
  expect(usernameFault(username)).toBe(`不能含有控制字符或不可见的格式字符（${code}）`)
})

test.each([
  ['a\u00a0b', 'U+00A0'],
  ['a\u2003b', 'U+2003'],
  ['a\u202fb', 'U+202F'],
  ['a\u3000b', 'U+3000'],
])('%j has white space that is no ordinary space', (username, code) => {
  expect(usernameFault(username)).toBe(`只能含有普通空格（U+0020），不能含有其他空白字符（${code}）`)
})

test('spaces stand alone', () => {
  expect(usernameFault('a  b')).toBe('不能含有连续的空格')
})
