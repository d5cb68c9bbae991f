import { describe, expect, test } from '@jest/globals'
import { beginReply, scriptReply } from './outcome.ts'

const whole = {
  seq: 1,
  end: { kind: 'done' },
  log: [['DEBUG', 'a', 'print']],
  data: '{"id": 12345678901234567890}',
  env: '{}',
  ENV: '{}',
  changes: { env: { set: { a: '1.0' }, deleted: [] }, ENV: { set: {}, deleted: ['b'] } },
  faults: {},
  pending: false,
  assertions: [{ method: '相等', expected: '1', actual: '"x"', passed: false }],
  secrets: ['token'],
}

describe('a reply to a script', () => {
  test('is read as it is, numbers as texts', () => {
    expect(scriptReply.parse(whole)).toEqual({ ...whole, log: [{ level: 'DEBUG', text: 'a', source: 'print' }] })
  })

  test.each<[string, object]>([
    ['an end that no script has', { end: { kind: 'success' } }],
    ['a limit that only the host sees', { end: { kind: 'limit', limit: 'time' } }],
    ['data that is no JSON', { data: '{' }],
    ['data that is no object', { data: '[1]' }],
    ['a variable that is no JSON', { changes: { env: { set: { a: 'NaN' }, deleted: [] }, ENV: whole.changes.ENV } }],
    ['a log line of another shape', { log: [['DEBUG', 1, 'print']] }],
    ['a source of its own', { log: [['DEBUG', 'a', 'host']] }],
    ['an assertion without a verdict', { assertions: [{ method: '相等', expected: '1', actual: '1' }] }],
    ['a secret that is no text', { secrets: [1] }],
    ['more secrets than a script may save', { secrets: Array.from({ length: 10_001 }, String) }],
    ['no sequence', { seq: undefined }],
  ])('with %s is refused', (_, change) => {
    expect(scriptReply.safeParse({ ...whole, ...change }).success).toBe(false)
  })

  test('names beyond the schema are left out', () => {
    expect(scriptReply.parse({ ...whole, admin: true })).not.toHaveProperty('admin')
    expect(scriptReply.parse({ ...whole, end: { kind: 'done', state: '成功' } }).end).toEqual({ kind: 'done' })
  })
})

test('a reply to begin is a failure, none, or a limit', () => {
  expect(beginReply.safeParse({ seq: 1, failure: null }).success).toBe(true)
  expect(beginReply.safeParse({ seq: 1, end: { kind: 'limit', limit: 'memory' }, log: [], secrets: [] }).success).toBe(
    true,
  )
  expect(beginReply.safeParse({ seq: 1, failure: 'x' }).success).toBe(false)
})
