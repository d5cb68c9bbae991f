import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { givenCase, givenPool, type GivenCase } from './given-sandbox.ts'

const pool = givenPool()
afterAll(() => pool.stop(), 30_000)

describe('what is saved under the names of secrets', () => {
  let given: GivenCase
  beforeEach(async () => {
    given = await givenCase(pool, { secretPaths: ['tok', 'key'], ENV: '{"tok": "known", "other": "x"}' })
  }, 60_000)
  afterEach(() => given.sandbox.close())

  test('may lie inside a variable', async () => {
    await given.sandbox.begin({ globalFunc: '', debug: false, secretPaths: ['login.token', 'list.1.k', 'a.b'] })
    const { secrets } = await given.setup(`
ENV.login = {'token': 'first', 'user': 'public'}; ENV.login = {'token': ['second']}; ENV.login = 'public'
ENV.list = [{'k': 'public'}, {'k': 'third', 'l': 'public'}]; ENV['a.b'] = 'fourth'; ENV.a = 'public'`)
    expect(secrets).toEqual(['first', 'second', 'third', 'fourth'])
  })

  test('is told, however it was written and whatever became of it; nothing else is', async () => {
    const { secrets } = await given.setup(`
ENV.tok = 'a'; ENV['tok'] = 'b'; env.tok = {'n': [1.5, ('c', None, True)], 'd': 12345678901234567890}
env.update(key='e'); env |= {'key': b'f'}; del env.key; env.setdefault('key', 'g')
test.save_global_variable('tok', 'h'); test.save_env_variable('tok', 'i')
ENV.other = 'public'; ENV[1] = 'public'; env.token = 'public'`)
    expect(secrets).toEqual(['a', 'b', '1.5', 'c', '12345678901234567890', 'e', 'f', 'g', 'h', 'i'])
    expect((await given.setup('ENV.other = 1')).secrets).toEqual([])
  })

  test.each([
    ['fails', 'raise ValueError', 'error'],
    ['prints without end', `while True: print('x' * 10_000)`, 'limit'],
    ['needs too much memory', 'bytearray(10**9)', 'limit'],
  ])('is told of a script that %s, for its log is shown too', async (_, script, kind) => {
    const { end, secrets, log } = await given.setup(`ENV.tok = 'a-token'; print(ENV.tok)\n${script}`)
    expect(end.kind).toBe(kind)
    expect(log[0]?.text).toBe('a-token')
    expect(secrets).toEqual(['a-token'])
  })

  test('beyond measure ends the script, and what it logged is not shown', async () => {
    const outcome = await given.setup(`print('token-1')\nENV.tok = [f'token-{n}' for n in range(10_001)]`)
    expect(outcome.end).toMatchObject({ kind: 'limit', limit: 'output' })
    expect(JSON.stringify(outcome)).not.toContain('token-')
    expect((await given.setup(`ENV.tok = [f'token-{n}' for n in range(10_000)]`)).secrets).toHaveLength(10_000)
  })
})
