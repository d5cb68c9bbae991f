import { expect, test } from '@jest/globals'
import { quiet } from '../test/support/quiet.ts'
import { untilReached } from './reach.ts'
import { DatabaseUnavailable } from './sql.ts'

const away = (): never => {
  throw new DatabaseUnavailable('db:5432/tests', new Error('refused'))
}

test('a server that is away is waited for, and named', async () => {
  const reasons: string[] = []
  let tries = 0
  const options = {
    log: quiet,
    signal: new AbortController().signal,
    waiting: (reason: string) => reasons.push(reason),
  }
  const answer = await untilReached(async () => (++tries < 3 ? away() : 'there'), options)
  expect(answer).toBe('there')
  expect(reasons).toEqual(Array(2).fill('Postgres at db:5432/tests is not available: refused'))
})

test('an outage is found under what it was wrapped in', async () => {
  let tries = 0
  const wrapped = async (): Promise<string> => {
    if (++tries > 1) return 'there'
    throw new Error('the feed has failed', { cause: new DatabaseUnavailable('db', new Error('refused')) })
  }
  const options = { log: quiet, signal: new AbortController().signal, waiting: () => {} }
  expect(await untilReached(wrapped, options)).toBe('there')
})

test('any other failure is thrown at once', async () => {
  const options = { log: quiet, signal: new AbortController().signal, waiting: () => {} }
  await expect(untilReached(() => Promise.reject(new Error('wrong key')), options)).rejects.toThrow('wrong key')
})

test('the waiting ends when it is interrupted', async () => {
  const interrupted = new AbortController()
  const waiting = (): void => interrupted.abort(new Error('stopped'))
  const options = { log: quiet, signal: interrupted.signal, waiting }
  await expect(untilReached(async () => away(), options)).rejects.toThrow('stopped')
})

test('a server that never answers holds up nobody who wants to go', async () => {
  const interrupted = new AbortController()
  const options = { log: quiet, signal: interrupted.signal, waiting: () => {} }
  const waiting = untilReached(() => new Promise(() => {}), options)
  interrupted.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
})
