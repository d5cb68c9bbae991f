import { describe, expect, test } from '@jest/globals'
import { gather } from './gather.ts'

/** Records the calls, and answers each item in capitals. */
function capitals() {
  const calls: string[][] = []
  const call = async (items: readonly string[]) => {
    calls.push([...items])
    return items.map((item) => item.toUpperCase())
  }
  return { calls, call }
}

describe('gather', () => {
  test('sends what comes together in one call, and answers each item its own result', async () => {
    const { calls, call } = capitals()
    const one = gather(call, { most: 10 })
    expect(await Promise.all(['a', 'b', 'c'].map(one))).toEqual(['A', 'B', 'C'])
    expect(calls).toEqual([['a', 'b', 'c']])
  })

  test('collects while a call is under way, and has one under way at a time', async () => {
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const calls: string[][] = []
    const one = gather(
      async (items: readonly string[]) => {
        calls.push([...items])
        begun.resolve()
        await gate.promise
        return items
      },
      { most: 10 },
    )
    const first = one('a')
    await begun.promise
    const others = ['b', 'c', 'd'].map(one)
    expect(calls).toEqual([['a']])
    gate.resolve()
    await Promise.all([first, ...others])
    expect(calls).toEqual([['a'], ['b', 'c', 'd']])
  })

  test('takes whoever comes back at once along with the next call', async () => {
    const { calls, call } = capitals()
    const one = gather(call, { most: 10 })
    const twice = async (item: string) => one(await one(item))
    await Promise.all(['a', 'b', 'c'].map(twice))
    expect(calls).toEqual([
      ['a', 'b', 'c'],
      ['A', 'B', 'C'],
    ])
  })

  test('takes who was answered along with who came meanwhile', async () => {
    const gate = Promise.withResolvers<void>()
    const calls: string[][] = []
    const one = gather(
      async (items: readonly string[]) => {
        calls.push([...items])
        await gate.promise
        return items
      },
      { most: 10 },
    )
    const twice = async () => {
      await one('a')
      // An answer passes through several hands before its receiver comes back.
      for (let hand = 0; hand < 5; hand++) await Promise.resolve()
      await one('a again')
    }
    const first = twice()
    await Promise.resolve()
    expect(calls).toEqual([['a']])
    const other = one('b')
    gate.resolve()
    await Promise.all([first, other])
    expect(calls).toEqual([['a'], ['b', 'a again']])
  })

  test('keeps nobody who comes alone until the turn of the event loop ends', async () => {
    const { call } = capitals()
    const one = gather(call, { most: 10 })
    await Promise.all([one('a'), one('b')])
    await one('c')
    let turned = false
    setImmediate(() => (turned = true))
    await one('d')
    await one('e')
    expect(turned).toBe(false)
  })

  test('takes at most so many at once', async () => {
    const { calls, call } = capitals()
    const one = gather(call, { most: 2 })
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(one))
    expect(calls).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  test('takes at most so much weight, and one item however heavy', async () => {
    const { calls, call } = capitals()
    const one = gather(call, { most: 10, weight: ({ length }) => length, mostWeight: 4 })
    await Promise.all(['aa', 'bb', 'c', 'dddddd', 'e'].map(one))
    expect(calls).toEqual([['aa', 'bb'], ['c'], ['dddddd'], ['e']])
  })

  test('sends items of one key one after the other, in order, and no key before its turn', async () => {
    const { calls, call } = capitals()
    const one = gather(call, { most: 2, key: (item) => item[0] })
    await Promise.all(['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map(one))
    expect(calls).toEqual([
      ['a1', 'b1'],
      ['c1', 'a2'],
      ['b2', 'a3'],
    ])
  })

  test('fails the items of a failed call alone, and goes on', async () => {
    const one = gather(
      async (items: readonly string[]) => {
        if (items.includes('bad')) throw new Error('lost')
        return items
      },
      { most: 2 },
    )
    const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map(one))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect(await one('d')).toBe('d')
  })

  test('fails when results are missing, rather than wait for ever', async () => {
    const one = gather(async (items: readonly string[]) => items.slice(1), { most: 2 })
    await expect(one('a')).rejects.toThrow('1 items got 0 results')
  })

  test('is idle when all is answered', async () => {
    const { call } = capitals()
    const one = gather(call, { most: 1 })
    await one.idle()
    const order: string[] = []
    const both = ['a', 'b'].map(async (item) => order.push(await one(item)))
    await one.idle().then(() => order.push('idle'))
    await Promise.all(both)
    expect(order).toEqual(['A', 'B', 'idle'])
  })
})
