import { describe, expect, test } from '@jest/globals'
import { v5 } from 'uuid'
import { commandId, eventId, newCommandId } from './ids.ts'

const UUID_V5 = /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

describe('derived ids', () => {
  // Stored events and remembered commands carry them: another derivation would make a repeated command a new one.
  test('stay what they were in every version', () => {
    expect(commandId('1 POST /api/testPro/projects/', 'key')).toBe('1ec290fa-dfad-58d3-b1cb-86a4d2bc3923')
    expect(eventId('3f0c6e0e-3f0e-4c39-9d6b-0a8f5e2f7c11', 'project-1', 0)).toBe('d9c7e2ac-b650-5b5b-b838-f3669786eb01')
  })

  test('are those of the standard, whatever the name', () => {
    for (const stream of ['case-1', 'a file 测试😀.csv', 'x'.repeat(300), '']) {
      for (let nth = 0; nth < 20; nth++) {
        const command = newCommandId()
        expect(eventId(command, stream, nth)).toBe(v5(`${nth} ${stream}`, command))
      }
    }
  })

  test('are made of a command that is a uuid', () => {
    for (const command of [
      '',
      'command-1',
      'd9c7e2ac-b650-5b5b-b838-f3669786eb',
      'd9c7e2ac-b650-5b5b-b838-f3669786eb0g',
    ]) {
      expect(() => eventId(command, 'case-1', 0)).toThrow('is no uuid')
    }
  })

  test('are uuids of version 5 that differ by each part', () => {
    const command = newCommandId()
    const ids = [
      commandId('a', 'b c'),
      commandId('a b', 'c'),
      commandId('a', 'b'),
      eventId(command, 'case-1', 0),
      eventId(command, 'case-1', 1),
      eventId(command, 'case-11', 0),
      eventId(newCommandId(), 'case-1', 0),
    ]
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(UUID_V5)
    expect(eventId(command, 'case-1', 0)).toBe(ids[3])
  })
})
