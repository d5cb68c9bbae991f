import { describe, expect, test } from '@jest/globals'
import { createLogger } from './logger.ts'

function logged(write: (log: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = []
  write(createLogger('info', { write: (line) => void lines.push(line) }))
  return lines
}

describe('the log', () => {
  test('is one JSON object a line, with level and time', () => {
    const [line = ''] = logged((log) => log.warn({ stream: 'case-1' }, 'said\ntwice'))
    expect(JSON.parse(line)).toEqual({ level: 'warn', time: expect.any(String), stream: 'case-1', msg: 'said\ntwice' })
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(Date.parse((JSON.parse(line) as { time: string }).time)).not.toBeNaN()
  })

  test('leaves out what is below its level', () => {
    expect(logged((log) => log.debug({}, 'x'))).toEqual([])
  })

  test('never shows what is named a secret, at either depth, and leaves what it was given as it was', () => {
    const fields = { user: 1, password: 'p1', headers: { authorization: 'p2', accept: 'a' }, list: [1] }
    const [line = ''] = logged((log) => log.info(fields, 'x'))
    expect(JSON.parse(line)).toMatchObject({
      user: 1,
      password: '[redacted]',
      headers: { authorization: '[redacted]', accept: 'a' },
      list: [1],
    })
    expect(fields.headers.authorization).toBe('p2')
    expect(fields.password).toBe('p1')
  })

  test('tells of an error its words, code, stack and causes, and none of its other properties', () => {
    const cause = Object.assign(new Error('inner'), { parameters: ['s3cret'] })
    const err = Object.assign(new TypeError('outer', { cause }), {
      code: '23505',
      detail: 'Key (token)=(s3cret)',
      token: 's3cret',
    })
    const [line = ''] = logged((log) => log.error({ err }, 'x'))
    expect(JSON.parse(line)).toMatchObject({
      err: {
        type: 'TypeError',
        message: 'outer',
        code: '23505',
        stack: expect.any(String),
        cause: { message: 'inner' },
      },
    })
    expect(line).not.toContain('s3cret')
  })

  test('does not end on a cause that is its own', () => {
    const err = new Error('round')
    err.cause = err
    expect(logged((log) => log.error({ err }, 'x'))).toHaveLength(1)
  })
})
