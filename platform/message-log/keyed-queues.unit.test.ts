import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { KeyedQueues } from './keyed-queues.ts'

describe('items that wait by key', () => {
  let ready: number
  let queues: KeyedQueues<string>
  beforeEach(() => {
    jest.useFakeTimers()
    ready = 0
    queues = new KeyedQueues(() => ready++)
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  test('are begun in the order of their keys, one of each key', () => {
    queues.add('a', 'a1')
    queues.add('a', 'a2')
    queues.add('b', 'b1')
    expect([queues.begin(), queues.begin(), queues.begin()]).toEqual([
      { key: 'a', item: 'a1' },
      { key: 'b', item: 'b1' },
      undefined,
    ])
    queues.done('b')
    queues.done('a')
    expect(queues.begin()).toEqual({ key: 'a', item: 'a2' })
    expect(ready).toBe(3)
  })

  test('come again after a failure, before the next of their key', () => {
    queues.add('a', 'a1')
    queues.add('a', 'a2')
    queues.begin()
    queues.failed('a')
    expect(queues.begin()).toBeUndefined()
    jest.advanceTimersByTime(10)
    expect(queues.begin()).toEqual({ key: 'a', item: 'a1' })
  })

  test('are forgotten when they are dropped, but for what is begun, which holds up its key to its end', () => {
    for (const item of ['a1', 'a2']) queues.add('a', item)
    for (const item of ['b1', 'b2']) queues.add('b', item)
    queues.begin()
    queues.drop(() => true)
    expect(queues.begin()).toBeUndefined()
    queues.add('a', 'a1 again')
    queues.add('b', 'b1 again')
    expect([queues.begin(), queues.begin()]).toEqual([{ key: 'b', item: 'b1 again' }, undefined])
    queues.done('a')
    expect(queues.begin()).toEqual({ key: 'a', item: 'a1 again' })
  })

  test('are dropped while they wait for their next try, and what comes then waits for nothing and is begun once', () => {
    queues.add('a', 'a1')
    queues.begin()
    queues.failed('a')
    queues.drop((item) => item === 'a1')
    queues.add('a', 'a2')
    expect(queues.begin()).toEqual({ key: 'a', item: 'a2' })
    jest.advanceTimersByTime(10_000)
    expect(queues.begin()).toBeUndefined()
  })

  test('stay where they do not fit', () => {
    for (const item of ['drop', 'keep', 'drop']) queues.add('a', item)
    queues.drop((item) => item === 'drop')
    expect(queues.begin()).toEqual({ key: 'a', item: 'keep' })
    queues.done('a')
    expect(queues.begin()).toBeUndefined()
  })
})
