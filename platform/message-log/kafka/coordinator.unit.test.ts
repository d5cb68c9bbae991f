import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { GroupDescription } from 'kafkajs'
import { watchCoordinator } from './coordinator.ts'

const SESSION_MS = 10_000

describe('a member that has heard nothing of its coordinator', () => {
  let heard: number
  let told: number
  let answer: () => Promise<Partial<GroupDescription>>
  let watching: { stop(): void }
  beforeEach(() => {
    jest.useFakeTimers()
    ;[heard, told] = [performance.now(), 0]
    answer = async () => ({ state: 'Stable' })
    watching = watchCoordinator(
      { describeGroup: async () => (await answer()) as GroupDescription },
      { unheardMs: () => performance.now() - heard, sessionMs: SESSION_MS, moved: () => void told++ },
    )
  })
  afterEach(() => {
    watching.stop()
    jest.useRealTimers()
  })

  test('is told when that answers others for five seconds, a session later', async () => {
    await jest.advanceTimersByTimeAsync(SESSION_MS + 4_500)
    expect(told).toBe(0)
    await jest.advanceTimersByTimeAsync(1_500)
    expect(told).toBeGreaterThan(0)
  })

  test('is not told while it hears of it, nor when it hears of it again in time', async () => {
    await jest.advanceTimersByTimeAsync(SESSION_MS + 4_000)
    heard = performance.now()
    await jest.advanceTimersByTimeAsync(SESSION_MS + 4_000)
    for (let nth = 0; nth < 20; nth++) {
      heard = performance.now()
      await jest.advanceTimersByTimeAsync(3_000)
    }
    expect(told).toBe(0)
  })

  test.each([
    ['the brokers are away', () => Promise.reject(new Error('away'))],
    ['nobody answers', () => new Promise<never>(() => {})],
    ['the group waits for its members', async () => ({ state: 'PreparingRebalance' as const })],
  ])('waits while %s', async (_, how) => {
    answer = how
    await jest.advanceTimersByTimeAsync(10 * SESSION_MS)
    expect(told).toBe(0)
  })

  test('waits as long again when the brokers were away once more', async () => {
    await jest.advanceTimersByTimeAsync(SESSION_MS + 4_000)
    answer = () => Promise.reject(new Error('away'))
    await jest.advanceTimersByTimeAsync(1_000)
    answer = async () => ({ state: 'Stable' })
    await jest.advanceTimersByTimeAsync(4_500)
    expect(told).toBe(0)
  })
})
