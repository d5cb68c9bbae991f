import { describe, expect, test } from '@jest/globals'
import { Recent } from './recent.ts'

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, nth) => from + nth)

describe('what was used last', () => {
  test('is kept, and at most so much in all', () => {
    const recent = new Recent<number, string>(10)
    for (const key of numbers(1, 100)) {
      recent.set(key, `value ${key}`)
      const kept = numbers(1, 100).filter((candidate) => recent.peek(candidate) !== undefined)
      expect(kept.length).toBeLessThanOrEqual(10)
      expect(kept).toEqual(expect.arrayContaining(numbers(Math.max(1, key - 4), key)))
    }
  })

  test('stays while it is asked for', () => {
    const recent = new Recent<number, string>(10)
    recent.set(0, 'hot')
    for (const key of numbers(1, 100)) {
      recent.set(key, 'cold')
      expect(recent.get(0)).toBe('hot')
    }
    expect(recent.get(1)).toBeUndefined()
  })

  test('is the value that was set last, in whichever half the one before was', () => {
    const recent = new Recent<number, string>(4)
    recent.set(1, 'first')
    recent.set(2, 'other')
    recent.set(1, 'second')
    expect(recent.get(1)).toBe('second')
    for (const key of numbers(3, 5)) recent.set(key, 'other')
    expect(recent.get(1)).not.toBe('first')
  })

  test('is gone when it was deleted, in both halves', () => {
    const recent = new Recent<number, string>(4)
    recent.set(1, 'first')
    recent.set(2, 'other')
    recent.set(1, 'second')
    recent.delete(1)
    expect(recent.get(1)).toBeUndefined()
    recent.delete(2)
    expect(recent.get(2)).toBeUndefined()
  })
})
