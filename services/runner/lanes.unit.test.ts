import { expect, test } from '@jest/globals'
import { inLanes, type Lane } from './lanes.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lanes that write down what they do; `slow` items rest until they are let go. */
function watched(slow: readonly string[] = []) {
  const log: string[] = []
  const held = new Map<string, () => void>()
  let lanes = 0
  const openLane = (): Lane<string> => {
    const name = (lanes += 1)
    return {
      async alone(item) {
        log.push(`${item} alone`)
        await turn()
        log.push(`${item} not alone any more`)
      },
      async rest(item) {
        log.push(`${item} in ${name}`)
        if (item === 'bad') throw new Error('bad luck')
        if (slow.includes(item)) await new Promise<void>((resolve) => held.set(item, resolve))
      },
      async close() {
        log.push(`close ${name}`)
      },
    }
  }
  return { log, held, openLane }
}

test('the first items are alone one after the other, before any lane goes on', async () => {
  const { log, openLane } = watched()
  await inLanes(['a', 'b', 'c'], 2, openLane, new AbortController())
  expect(log.slice(0, 6)).toEqual([
    'a alone',
    'a not alone any more',
    'b alone',
    'b not alone any more',
    'a in 1',
    'b in 2',
  ])
  expect(log.slice(6).toSorted()).toEqual(['c in 1', 'close 1', 'close 2'])
})

test('a lane that is done takes the next item, in order, and there are no more lanes than items', async () => {
  const { log, held, openLane } = watched(['a'])
  const going = inLanes(['a', 'b', 'c', 'd'], 2, openLane, new AbortController())
  while (!log.includes('d in 2')) await turn()
  expect(log.filter((line) => line.includes(' in '))).toEqual(['a in 1', 'b in 2', 'c in 2', 'd in 2'])
  held.get('a')?.()
  await going
  const few = watched()
  await inLanes(['a'], 8, few.openLane, new AbortController())
  expect(few.log).toContain('close 1')
  expect(few.log).not.toContain('close 2')
})

test('a lane that fails stops the others, which are all closed before it is told', async () => {
  const { log, held, openLane } = watched(['a'])
  const failing = new AbortController()
  failing.signal.addEventListener('abort', () => held.get('a')?.())
  await expect(inLanes(['a', 'bad', 'c'], 2, openLane, failing)).rejects.toThrow('bad luck')
  expect(failing.signal.aborted).toBe(true)
  expect(log.filter((line) => line.startsWith('c in'))).toEqual([])
  expect(log.slice(-2)).toEqual(['close 1', 'close 2'])
})
