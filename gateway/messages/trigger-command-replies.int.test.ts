import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { runStream } from '../../contracts/run.ts'
import type { Message } from '../../platform/message-log/port.ts'
import { Refused } from '../../platform/message-log/refused.ts'
import { createTriggerCommands } from '../../services/trigger-commands/trigger-commands.ts'
import { type CommandDesk, openCommandDesk } from '../../test/support/command-desk.ts'
import { commandGateways } from '../../test/support/command-gateways.ts'
import { quiet } from '../../test/support/quiet.ts'
import { until } from '../../test/support/until.ts'

/** What is told of commands, and what is not: over a message log in memory, with all of the platform behind it but the runner. */

let desk: CommandDesk
let token: string
const { consume, stop, dieAfter, newId, runTask, runsOf, rowsOf, revoke } = commandGateways(() => ({ desk, token }))

beforeAll(async () => {
  desk = await openCommandDesk()
  token = await desk.token('tester')
}, 60_000)
afterEach(stop)
afterAll(() => desk.stop())

describe('a gateway that dies between the effect and the outcome: what has happened is told, whatever counts meanwhile', () => {
  const NOW = {
    'the role is lowered': {
      authenticate: async () => ({ id: 1, username: 'admin', role: 'viewer', via: 'token' }) as const,
    },
    'the token is revoked': {},
  }

  test.each(Object.entries(NOW))('%s', async (name, more) => {
    const [id, other] = [newId(), newId()]
    const used = await desk.token('tester')
    await dieAfter(runTask(id, { token: used }))
    const [run] = await runsOf(id)
    if (name.includes('revoked')) await revoke(used)
    consume(more)
    const [reply] = await desk.replies(id)
    expect(reply).toMatchObject({ status: 'accepted' })
    expect(runStream(reply?.record ?? 0)).toBe(run)
    expect(await rowsOf(id)).toMatchObject([{ content: null, record: reply?.record }])

    // A repeat is told the same, and nothing more can be had.
    await desk.publish(runTask(id, { token: used }))
    expect(await desk.replies(id, 2)).toEqual([reply, reply])
    await desk.publish(runTask(other, { token: used }))
    expect(await desk.replies(other)).toMatchObject([{ status: 'refused' }])
    expect(await runsOf(id)).toEqual([run])
    expect(await runsOf(other)).toEqual([])
  })

  test.each(Object.entries(NOW))('of a cancellation: %s', async (name, more) => {
    const [started, id] = [newId(), newId()]
    const running = consume()
    await desk.publish(runTask(started))
    const [{ record } = { record: 0 }] = await desk.replies(started)
    await running.stop()
    const used = await desk.token('tester')
    await dieAfter({ ...runTask(id), type: 'CancelRun', token: used, data: { record } })
    if (name.includes('revoked')) await revoke(used)
    consume(more)
    expect(await desk.replies(id, 2)).toMatchObject([
      { status: 'accepted', record },
      { status: 'finished', record, state: 'cancelled' },
    ])
  })

  test('what had not begun when the token was revoked is refused, and left to a token that counts', async () => {
    const { db, secrets } = desk.ground
    const id = newId()
    const used = await desk.token('tester')
    const { data, type } = runTask(id)
    await createTriggerCommands({ db, cipher: secrets }).begin({ user: 1, id }, JSON.stringify({ type, data }))
    await revoke(used)
    consume()
    await desk.publish(runTask(id, { token: used }))
    expect(await desk.replies(id)).toMatchObject([{ status: 'refused', code: 'token_not_valid' }])
    expect(await runsOf(id)).toEqual([])
    await desk.publish(runTask(id))
    expect(await desk.replies(id, 2)).toMatchObject([{ status: 'refused' }, { status: 'accepted' }])
  })

  test('who makes up a token of that number is told nothing', async () => {
    const id = newId()
    const used = await desk.token('tester')
    const consumer = consume()
    await desk.publish(runTask(id, { token: used }))
    await desk.replies(id)
    await desk.publish(runTask(id, { token: `tl_${used.split('_')[1]}_${'x'.repeat(43)}` }))
    expect(await desk.replies(id, 2)).toMatchObject([{ status: 'accepted' }, { status: 'refused', record: null }])
    await consumer.stop()
  })
})

describe('a reply that its topic refuses for good', () => {
  const refusing = (fits: (value: string) => boolean) => ({
    ...desk.ground.messages,
    async publish(topic: string, batch: readonly Message[]) {
      if (!batch.every(({ value }) => topic !== 'commands.replies' || fits(value))) throw new Refused('too large')
      await desk.ground.messages.publish(topic, batch)
    },
  })
  const wrong = (id: string) => runTask(id, { data: { task: 'x', env: 'x', concurrency: 'x', host: 1 } })

  test('goes out without its words', async () => {
    consume({ messages: refusing((value) => !value.includes('fields')) })
    const id = newId()
    await desk.publish(wrong(id))
    const [reply] = await desk.replies(id)
    expect(reply).toMatchObject({ status: 'refused', code: 'invalid', message: 'env 必须是有效的正整数' })
    expect(reply).not.toHaveProperty('fields')
  })

  test('is given up where that is refused as well, and stops nothing', async () => {
    const [stuck, next] = [newId(), newId()]
    consume({ messages: refusing((value) => !value.includes(stuck)) })
    await desk.publish(wrong(stuck), { key: 'one' })
    await desk.publish(runTask(next), { key: 'one' })
    expect(await desk.replies(next)).toMatchObject([{ status: 'accepted' }])
    expect(await rowsOf(stuck)).toMatchObject([{ content: null, outcome: expect.stringContaining('refused') }])
  })
})

const unsaved = (request: object) => ({
  env: desk.world.env,
  cases: { title: 't', interface: { method: 'get', url: '/' }, request },
})

test('a gateway that goes down while the message log is away complains of nothing; one that stays says why it waits', async () => {
  const told: string[] = []
  const away = Promise.withResolvers<never>()
  away.promise.catch(() => {})
  const log = { ...quiet, warn: (_fields: object, words: string) => void told.push(words) }
  const messages = { ...desk.ground.messages, publish: () => away.promise }
  const leaving = consume({ messages, log })
  const left = leaving.stop()
  away.reject(new Error('the message log is stopped'))
  await left
  expect(told).toEqual([])

  const staying = consume({ messages, log })
  await until('it says so', () => told.length > 0)
  await staying.stop()
  expect(told).toEqual(['commands could not be consumed; it is tried again'])
})

test('what is wrong in 40,000 places is told in a few words, and kept so', async () => {
  consume()
  const id = newId()
  const request = Object.fromEntries(Array.from({ length: 40_000 }, (_, n) => [`${'长'.repeat(150)}${n}`, 1]))
  await desk.publish({ id, type: 'RunCases', token, data: unsaved(request) })
  const [reply] = await desk.replies(id)
  expect(reply).toMatchObject({ status: 'refused', code: 'invalid' })
  expect(reply?.message).toMatch(/^cases\.request 含有未知的键 长.*…$/)
  expect(Array.from(reply?.message ?? '')).toHaveLength(2_000)
  const fields = Object.entries(reply?.fields ?? {})
  expect(fields.length).toBeLessThanOrEqual(20)
  for (const [name, words] of fields) {
    expect(name.length).toBeLessThanOrEqual(100)
    expect(words.length).toBeLessThanOrEqual(5)
    for (const each of words) expect(Array.from(each).length).toBeLessThanOrEqual(200)
  }
  const [row] = await rowsOf(id)
  expect(row?.outcome?.length).toBeLessThan(30_000)
  await desk.publish({ id, token })
  expect(await desk.replies(id, 2)).toEqual([reply, reply])
})

test('a token that stands where none belongs goes no further', async () => {
  consume()
  const foreign = await desk.token('viewer')
  const jwtLike = `ey-no-api-token-${randomUUID()}`
  const before = (await desk.messages('commands.dead', 0)).length
  // Whoever takes a token for the id cannot be answered: the id stands in each reply.
  await desk.publish(runTask(`build ${token}`))
  await desk.publish(runTask(foreign))
  await desk.publish(runTask(jwtLike, { token: jwtLike }))
  const dead = (await desk.messages('commands.dead', before + 3)).slice(before)
  expect(dead.map(({ headers }) => headers?.reason)).toEqual(Array(3).fill('id holds a token'))

  const [named, keyed] = [newId(), newId()]
  await desk.publish(runTask(named), { headers: { 'correlation-id': token } })
  expect(await desk.replies(named)).toMatchObject([{ status: 'accepted' }])
  expect(await runsOf(named)).toHaveLength(1)
  await desk.publish({ id: keyed, type: 'RunCases', token, data: unsaved({ [`x${token}`]: 1, [foreign]: 1 }) })
  expect(await desk.replies(keyed)).toMatchObject([
    {
      status: 'refused',
      message: expect.stringMatching(/^cases\.request 含有未知的键 x\*{6}、\*{6}，/),
      fields: { 'cases.request': [expect.stringMatching(/^含有未知的键 x\*{6}、\*{6}，/)] },
    },
  ])
  const unknown = newId()
  await desk.publish(runTask(unknown, { token: jwtLike }), { headers: { 'correlation-id': `x${jwtLike}` } })
  expect(await desk.replies(unknown)).toMatchObject([{ status: 'refused', code: 'token_not_valid' }])

  const rows = await desk.ground.db.query('select id, outcome from trigger_commands')
  const told = [await desk.messages('commands.replies', 0), dead, await desk.requested(), rows]
  const text = JSON.stringify(told, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
  for (const secret of [token, foreign, jwtLike]) expect(text).not.toContain(secret)
})
