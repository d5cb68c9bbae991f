import { stat } from 'node:fs/promises'
import { setImmediate as begun } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { Rejected } from '../../contracts/core.ts'
import { checkPassword, hashPassword } from './passwords.ts'

test('a password is the one behind its hash, and no other is', async () => {
  const [stored, again] = await Promise.all([hashPassword('密码 of torin'), hashPassword('密码 of torin')])
  expect(stored).toMatch(/^scrypt\$32768\$8\$1\$[0-9a-f]{32}\$[0-9a-f]{64}$/)
  expect(again).not.toBe(stored)
  expect(await checkPassword('密码 of torin', stored)).toBe(true)
  expect(await checkPassword('密码 of torim', stored)).toBe(false)
  expect(await checkPassword('密码 of torin', undefined)).toBe(false)
})

test('many checks at once leave threads to those who read files', async () => {
  let done = 0
  const checks = Array.from({ length: 12 }, async () => {
    await checkPassword('guess', undefined)
    done++
  })
  await begun()
  await stat('.')
  // With every thread at work on a guess some would be done before the file's turn. Two at most end while nobody listens.
  expect(done).toBeLessThanOrEqual(2)
  await Promise.all(checks)
})

test('more checks than can be made within seconds are refused at once, and those before them are made', async () => {
  const cheap = `scrypt$16$8$1$${'0'.repeat(32)}$${'0'.repeat(64)}`
  const check = () =>
    checkPassword('guess', cheap).catch((error: unknown) => (error instanceof Rejected ? error.code : error))
  const outcomes = await Promise.all(Array.from({ length: 110 }, check))
  expect(outcomes.filter((outcome) => outcome === false)).toHaveLength(100)
  expect(outcomes.filter((outcome) => outcome === 'busy')).toHaveLength(10)
  expect(await check()).toBe(false)
})
