import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { tracesOf } from './command.ts'

test('what is kept of a message that cannot be read tells of the bytes that came, and not of what stands for them', () => {
  const raw = Buffer.from([0xff, 0xfe])
  const hash = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
  expect(tracesOf({ key: '', value: raw.toString(), raw })).toEqual({ version: 1, bytes: 2, sha256: hash(raw) })
  expect(tracesOf({ key: '', value: '文' })).toEqual({ version: 1, bytes: 3, sha256: hash('文') })
})
