import { expect, test } from '@jest/globals'
import { correlationIdOf } from './correlation.ts'

const OWN = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/
const TOKEN = `tl_1_${'a'.repeat(43)}`

test('the first that may be one is taken', () => {
  expect(correlationIdOf('build-17.a:b')).toBe('build-17.a:b')
  expect(correlationIdOf(undefined, '', 'a b', 'second', 'third')).toBe('second')
  expect(correlationIdOf('x'.repeat(128))).toBe('x'.repeat(128))
})

test.each(['', 'a b', 'a"b', 'a,b', 'ü', 'a\n', 'x'.repeat(129)])('%j may not be one', (text) => {
  expect(correlationIdOf(text)).toMatch(OWN)
})

test.each([TOKEN, `build-${TOKEN}`, `${TOKEN}.1`])('what holds a token goes nowhere: %s', (text) => {
  expect(correlationIdOf(text)).toMatch(OWN)
  expect(correlationIdOf(text, 'command-7')).toBe('command-7')
})
