import { describe, expect, test } from '@jest/globals'
import { Partition } from './partition.ts'

function fetched(count: number, bytes = 1): Partition {
  const partition = new Partition()
  for (let offset = 0; offset < count; offset++) partition.add(offset, bytes, `key-${offset}`)
  partition.fetchedUpTo(count - 1)
  return partition
}

describe('a partition', () => {
  test('has no position before anything was fetched', () => {
    expect(new Partition().position).toBeUndefined()
  })

  test('is at the oldest message that is not handled, whatever is handled behind it', () => {
    const partition = fetched(4)
    expect(partition.position).toBe(0)
    partition.handled(1)
    partition.handled(2)
    expect(partition.position).toBe(0)
    partition.handled(0)
    expect(partition.position).toBe(3)
    partition.handled(3)
    expect(partition.position).toBe(4)
  })

  test('goes past what the broker keeps to itself at the end of what was fetched', () => {
    const partition = fetched(1)
    partition.fetchedUpTo(5)
    partition.handled(0)
    expect(partition.position).toBe(6)
  })

  test.each([
    ['a thousand messages', 999, 1],
    ['four megabytes', 3, 1024 * 1024],
  ])('is full with %s, and has room again when half of it is handled', (_, almost, bytes) => {
    const partition = fetched(almost, bytes)
    expect(partition.full).toBe(false)
    partition.add(almost, bytes, 'last')
    expect(partition.full).toBe(true)
    const half = (almost + 1) / 2
    for (let offset = 0; offset < half - 1; offset++) partition.handled(offset)
    expect(partition.roomy).toBe(false)
    partition.handled(half)
    expect(partition.roomy).toBe(true)
  })

  test('is not full of what fails, nor of what waits behind that, until there is far too much of it', () => {
    const partition = fetched(0)
    const megabyte = 1024 * 1024
    for (let offset = 0; offset < 8; offset++) partition.add(offset, megabyte, offset < 4 ? 'one' : 'other')
    expect(partition.full).toBe(true)
    partition.failed('one')
    expect(partition.full).toBe(true)
    partition.failed('other')
    expect([partition.full, partition.roomy, partition.failing]).toEqual([false, true, true])
    for (let offset = 8; offset < 16; offset++) partition.add(offset, megabyte, 'one')
    expect(partition.full).toBe(true)
    for (let offset = 8; offset < 16; offset++) partition.handled(offset)
    partition.failed('one')
    // One that is handled shows that its lane goes on: the rest of it is on its way again.
    partition.handled(0)
    partition.handled(4)
    expect([partition.full, partition.failing]).toEqual([true, false])
  })
})
