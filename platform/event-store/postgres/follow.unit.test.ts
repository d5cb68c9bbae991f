import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Recorded } from '../../../contracts/core.ts'
import { quiet } from '../../../test/support/quiet.ts'
import { Bell } from '../../bell.ts'
import { followPages } from './follow.ts'
import { positionText } from './row.ts'
import { Tail } from './tail.ts'

let stopping = new AbortController()
beforeEach(() => {
  stopping = new AbortController()
})
afterEach(() => stopping.abort())

const event = (position: number): Recorded => ({ position: positionText(position) }) as Recorded

/** A log in memory, in which this process and others store, and a follower that tells what it asks for. */
function given() {
  const bell = new Bell()
  const tail = new Tail()
  const stored: number[] = []
  let words = 0
  let reads = 0
  const pages = followPages({
    after: 0,
    signal: stopping.signal,
    bell,
    near: (position) => tail.after(position, 500),
    isNewest: (position) => tail.endsAt(position),
    words: () => words,
    read: async (position, most) => {
      reads++
      return stored
        .filter((each) => each > position)
        .slice(0, most)
        .map(event)
    },
    log: quiet,
  })
  const store = (): number => stored.push((stored.at(-1) ?? 0) + 1)
  return {
    own() {
      const position = store()
      tail.push(position, [event(position)], 10)
      bell.ring()
    },
    others(told: boolean) {
      store()
      if (!told) return
      words++
      bell.ring()
    },
    next: async () => (await pages.next()).value?.map((each: Recorded) => Number(each.position)),
    reads: () => reads,
  }
}

test('what this process appends is handed out without a read', async () => {
  const { own, next, reads } = given()
  own()
  expect(await next()).toEqual([1])
  own()
  expect(await next()).toEqual([2])
  const waiting = next()
  own()
  expect(await waiting).toEqual([3])
  const before = reads()
  for (let position = 4; position < 20; position++) {
    const following = next()
    own()
    expect(await following).toEqual([position])
  }
  expect(reads()).toBe(before)
})

test('what others append comes with their word, behind own events and between them', async () => {
  const { own, others, next } = given()
  own()
  expect(await next()).toEqual([1])
  const first = next()
  others(true)
  expect(await first).toEqual([2])
  own()
  others(true)
  expect(await next()).toEqual([3])
  expect(await next()).toEqual([4])
  others(false)
  own()
  expect(await next()).toEqual([5, 6])
})

test('what others append without a word comes after a while', async () => {
  const { own, others, next } = given()
  own()
  expect(await next()).toEqual([1])
  own()
  expect(await next()).toEqual([2])
  const waiting = next()
  others(false)
  expect(await waiting).toEqual([3])
})
