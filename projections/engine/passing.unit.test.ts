import { expect, test } from '@jest/globals'
import { Passing } from './passing.ts'

/** Longer than the test may take: what resolves was woken. */
const FOR_EVER = 60_000
const never = new AbortController().signal

function given() {
  let here = '0'
  const passing = new Passing({
    here: () => here,
    elsewhere: () => false,
    stored: () => Promise.resolve(undefined),
  })
  return {
    passing,
    moveTo(position: string) {
      here = position
      passing.check()
    },
  }
}

test('who comes to wait wakes whoever rests until someone does', async () => {
  const { passing, moveTo } = given()
  const rest = passing.untilAsked(FOR_EVER, never)
  const passed = passing.passed('1', FOR_EVER)
  await rest
  moveTo('1')
  expect(await passed).toBe(true)
})

test('there is no rest while someone waits', async () => {
  const { passing, moveTo } = given()
  const passed = passing.passed('1', FOR_EVER)
  await passing.untilAsked(FOR_EVER, never)
  moveTo('1')
  expect(await passed).toBe(true)
})

test('what is passed already wakes nobody, and a rest ends with its signal', async () => {
  const { passing, moveTo } = given()
  moveTo('1')
  const leaving = new AbortController()
  let rested = false
  const rest = passing.untilAsked(FOR_EVER, leaving.signal).then(() => (rested = true))
  expect(await passing.passed('1', FOR_EVER)).toBe(true)
  expect(rested).toBe(false)
  leaving.abort()
  await rest
})
