import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { runStream } from '../../contracts/run.ts'
import { Unavailable } from '../../platform/unavailable.ts'
import { startRelay } from '../../services/relay.ts'
import { eventsLane } from '../../services/integration-events/lane.ts'
import { createTriggerCommands } from '../../services/trigger-commands/trigger-commands.ts'
import { createTurns, TakenElsewhere } from '../../services/trigger-commands/turns.ts'
import { type CommandDesk, openCommandDesk } from '../../test/support/command-desk.ts'
import { commandGateways, faulty } from '../../test/support/command-gateways.ts'
import { quiet } from '../../test/support/quiet.ts'

/** Commands of CI over a message log in memory, with all of the platform behind them but the runner. */

let desk: CommandDesk
let token: string
const { consume, stop, dieAfter, newId, runTask, runsOf, rowsOf, revoke } = commandGateways(() => ({ desk, token }))

beforeAll(async () => {
  desk = await openCommandDesk()
  token = await desk.token('tester')
}, 60_000)
afterEach(stop)
afterAll(() => desk.stop())

describe('a command', () => {
  test.each<[string, () => object, object]>([
    ['RunTask', () => ({ task: desk.world.task, concurrency: 2 }), { kind: 'task', concurrency: 2 }],
    [
      'RunScene',
      () => ({ scene: desk.world.scene, build: '17', branch: 'main' }),
      { build: { build: '17', branch: 'main' } },
    ],
    ['RunCases', () => ({ cases: desk.world.case }), { kind: 'case', debug: true }],
  ])('%s starts what its REST call starts', async (type, data, requested) => {
    consume()
    const id = newId()
    await desk.publish({ id, type, token, data: { env: desk.world.env, ...data() } })
    const [reply] = await desk.replies(id)
    expect(reply).toEqual({
      version: 1,
      id,
      status: 'accepted',
      record: expect.any(Number),
      all: null,
      success: null,
      fail: null,
      error: null,
      state: null,
      message: '已受理，运行尚未结束',
    })
    const event = (await desk.requested()).find(({ stream }) => stream === runStream(reply?.record ?? 0))
    expect(event).toMatchObject({
      data: { ...requested, tester: 'admin', trigger: 'api' },
      meta: { actor: 1, correlationId: id },
    })
  })

  test('CancelRun ends the run that it names, and is told of its end as well', async () => {
    consume()
    const [started, id] = [newId(), newId()]
    await desk.publish(runTask(started))
    const [{ record } = { record: 0 }] = await desk.replies(started)
    await desk.publish({ id, type: 'CancelRun', token, data: { record } })
    const [accepted, finished] = await desk.replies(id, 2)
    expect(accepted).toMatchObject({ status: 'accepted', record })
    expect(finished).toMatchObject({ status: 'finished', record, state: 'cancelled', all: 0 })

    const late = newId()
    await desk.publish({ id: late, type: 'CancelRun', token, data: { record } })
    expect(await desk.replies(late)).toMatchObject([
      { status: 'refused', record: null, code: 'conflict', message: '运行已结束' },
    ])
    await desk.publish({ id: `${late}-2`, type: 'CancelRun', token, data: { record: 99_999 } })
    expect(await desk.replies(`${late}-2`)).toMatchObject([{ status: 'refused', code: 'not_found' }])
    await desk.publish({ id: `${late}-3`, type: 'CancelRun', token, data: { record: 'x' } })
    expect(await desk.replies(`${late}-3`)).toMatchObject([
      { status: 'refused', code: 'invalid', fields: { record: ['必须是有效的正整数'] } },
    ])
  })

  test('belongs to what the header says, else to its id where that may stand there', async () => {
    consume()
    const [named, unfit] = [newId(), `构建 ${newId()}`]
    await desk.publish(runTask(named), { headers: { 'correlation-id': 'pipeline-7' } })
    const replied = await desk.messages('commands.replies', 1)
    await desk.replies(named)
    await desk.publish(runTask(unfit))
    const [{ record } = { record: 0 }] = await desk.replies(unfit)
    expect(await runsOf('pipeline-7')).toHaveLength(1)
    const event = (await desk.requested()).find(({ stream }) => stream === runStream(record ?? 0))
    expect(event?.meta.correlationId).toMatch(/^[\da-f-]{36}$/)
    expect(replied.at(0)?.headers).toEqual({ 'correlation-id': expect.any(String) })
  })

  test('keeps the numbers of its variables as they were written', async () => {
    consume()
    const id = newId()
    const { task, env } = desk.world
    const data = `{"task":${task},"env":${env},"variables":{"n":1.50,"big":12345678901234567890}}`
    await desk.publish(`{"id":"${id}","type":"RunTask","token":"${token}","data":${data}}`)
    const [{ record } = { record: 0 }] = await desk.replies(id)
    const event = (await desk.requested()).find(({ stream }) => stream === runStream(record ?? 0))
    const { overrides } = event!.data as { overrides: { variables: string } }
    const [project] = await desk.ground.db.query<{ scope: string }>(
      `select scope from data_keys where scope like 'project-%'`,
    )
    expect(await desk.ground.secrets.decrypt(project?.scope ?? '', overrides.variables)).toBe(
      '{"n":1.50,"big":12345678901234567890}',
    )
  })
})

describe('once per user and id', () => {
  test('however often it comes, at once and later, with whatever other data', async () => {
    consume()
    consume()
    const id = newId()
    const deliveries = Array.from({ length: 12 }, (_, n) =>
      desk.publish(n === 0 ? runTask(id) : { id, type: n % 2 ? 'RunScene' : 'x', token, data: { n } }, {
        key: `k${n}`,
      }),
    )
    await Promise.all(deliveries)
    const replies = await desk.replies(id, 12)
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
    await desk.publish({ id, token })
    expect(await desk.replies(id, 13)).toEqual(Array(13).fill(replies[0]))
    // Whichever was the first: it is what the others did.
    const runs = await runsOf(id)
    expect(runs).toEqual(replies[0]?.status === 'accepted' ? [runStream(replies[0].record ?? 0)] : [])
  })

  test('keeps what it asked for encrypted, and only until there is an outcome', async () => {
    const id = newId()
    let fail = true
    consume({
      db: faulty(desk.ground.db, (text) => {
        if (fail && text.startsWith('update trigger_commands set outcome')) throw new Unavailable('Postgres', 'gone')
      }),
    })
    await desk.publish(runTask(id, { data: { ...runTask(id).data, variables: { password: 'hidden-value' } } }))
    while ((await runsOf(id)).length === 0) await desk.requested()
    const [pending] = await rowsOf(id)
    expect(pending).toMatchObject({ user_id: 1, content: expect.stringMatching(/^v1\./), outcome: null, record: null })
    expect(JSON.stringify(pending)).not.toContain('hidden-value')
    fail = false
    const [reply] = await desk.replies(id)
    expect(await rowsOf(id)).toMatchObject([{ content: null, record: reply?.record }])
    expect(await runsOf(id)).toEqual([runStream(reply?.record ?? 0)])
    expect(JSON.stringify(await rowsOf(id))).not.toContain(token)
  })

  test('of another user it is another command', async () => {
    consume()
    const { users } = desk.ground.access
    const context = { commandId: randomUUID(), actor: 1, correlationId: 'test' }
    const made = await users.create({ username: 'other', password: 'a password', role: 'tester' }, context)
    const { id: user, username, role } = made.member
    const other = await desk.token('tester', { id: user, username, role, via: 'login' })
    const id = newId()
    await desk.publish(runTask(id))
    await desk.publish(runTask(id, { token: other }))
    const [one, two] = await desk.replies(id, 2)
    expect(one?.record).not.toBe(two?.record)
    expect(await rowsOf(id)).toMatchObject([{ record: one?.record }, { user_id: user, record: two?.record }])
  })

  test('a refusal is an outcome: it stays when what was missing is there', async () => {
    consume()
    const id = newId()
    await desk.publish(runTask(id, { data: { task: 99_999, env: desk.world.env } }))
    const [refused] = await desk.replies(id)
    expect(refused).toMatchObject({
      status: 'refused',
      record: null,
      code: 'unknown_reference',
      fields: { task: expect.any(Array) },
    })
    await desk.publish(runTask(id))
    expect(await desk.replies(id, 2)).toEqual([refused, refused])
    expect(await runsOf(id)).toEqual([])
  })

  test('a gateway that dies between the run and the outcome is followed by one that finds the run', async () => {
    const id = newId()
    await dieAfter(runTask(id))
    const [run] = await runsOf(id)
    expect(run).toBeDefined()
    consume()
    const [reply] = await desk.replies(id)
    expect(runStream(reply?.record ?? 0)).toBe(run)
    expect(await runsOf(id)).toEqual([run])
  })

  test('what the first delivery asked for is done by the second, whatever that says', async () => {
    const { db, secrets } = desk.ground
    const { env, task, scene } = desk.world
    const id = newId()
    // A gateway has died as soon as it knew of the command.
    const content = JSON.stringify({ type: 'RunTask', data: { env, task } })
    await createTriggerCommands({ db, cipher: secrets }).begin({ user: 1, id }, content)
    consume()
    await desk.publish({ id, type: 'RunScene', token, data: { env, scene } })
    const [reply] = await desk.replies(id)
    const event = (await desk.requested()).find(({ stream }) => stream === runStream(reply?.record ?? 0))
    expect(event?.data).toMatchObject({ kind: 'task', task })
  })

  test('a reply that does not get out comes with the next try', async () => {
    const id = newId()
    const { messages } = desk.ground
    let failures = 0
    consume({
      messages: {
        ...messages,
        async publish(topic, batch) {
          if (batch.length > 0 && failures++ < 2) throw new Unavailable('Kafka', 'gone')
          await messages.publish(topic, batch)
        },
      },
    })
    await desk.publish(runTask(id))
    const replies = await desk.replies(id)
    expect(replies).toMatchObject([{ status: 'accepted' }])
    expect(failures).toBe(3)
    expect(await runsOf(id)).toHaveLength(1)
  })

  test('only one process at a time carries it out', async () => {
    const [here, there] = [createTurns(desk.ground.db), createTurns(desk.ground.db)]
    const name = { user: 1, id: newId() }
    const order: string[] = []
    const entered = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const first = here.take(name, async () => {
      entered.resolve()
      await leave.promise
      order.push('first')
    })
    await entered.promise
    const second = here.take(name, async () => order.push('second'))
    await expect(there.take(name, async () => order.push('there'))).rejects.toThrow(TakenElsewhere)
    await there.take({ ...name, user: 2 }, async () => order.push('another'))
    leave.resolve()
    await Promise.all([first, second])
    await there.take(name, async () => order.push('there'))
    expect(order).toEqual(['another', 'first', 'second', 'there'])
    await Promise.all([here.stop(), there.stop()])
  })
})

describe('who may', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['no token', async () => undefined, 'not_authenticated'],
    ['null', async () => null, 'not_authenticated'],
    ['a number', async () => 17, 'token_not_valid'],
    ['an unknown token', async () => `tl_1_${'x'.repeat(43)}`, 'token_not_valid'],
    ['a token that was revoked', () => revoked(), 'token_not_valid'],
    ["a login's token", () => jwt(), 'token_not_valid'],
  ])('%s: nothing but the refusal', async (_, tokenOf, code) => {
    consume()
    const id = newId()
    await desk.publish(runTask(id, { token: await tokenOf() }))
    const [reply] = await desk.replies(id)
    expect(reply).toMatchObject({
      status: 'refused',
      record: null,
      code,
      message: expect.stringMatching(/\p{Script=Han}/u),
    })
    expect(await rowsOf(id)).toEqual([])
    expect(await runsOf(id)).toEqual([])
  })

  test('a viewer may not', async () => {
    consume()
    const id = newId()
    await desk.publish(runTask(id, { token: await desk.token('viewer') }))
    expect(await desk.replies(id)).toMatchObject([
      { status: 'refused', code: 'forbidden', message: '没有权限执行该操作' },
    ])
    expect(await runsOf(id)).toEqual([])
  })

  async function revoked(): Promise<string> {
    const text = await desk.token('tester')
    await revoke(text)
    return text
  }

  async function jwt(): Promise<string> {
    const body = { username: 'admin', password: 'admin-password' }
    return ((await desk.post('/api/users/login/', body)) as { token: string }).token
  }
})

describe('what is wrong', () => {
  test.each<[string, object, string, string]>([
    ['no type', { type: undefined }, 'type', '为必填项'],
    ['an unknown type', { type: 'RunAll' }, 'type', '必须是 RunTask、RunScene、RunCases、CancelRun 之一'],
    ['another version', { version: 2 }, 'version', '必须是 1'],
    ['no data', { data: undefined }, 'data', '为必填项'],
    ['data that is no object', { data: [1] }, 'data', '必须是 JSON 对象'],
    ['a field that is missing', { data: { task: 1 } }, 'env', '为必填项'],
    ['a field that is no number', { data: { task: 'x', env: 1 } }, 'task', '必须是有效的正整数'],
    ['what nothing can store', { data: { task: 1, env: 1, build: 'a\u0000' } }, 'data', '不能含有空字符（U+0000）'],
  ])('%s is refused by its name', async (_, more, field, words) => {
    consume()
    const id = newId()
    await desk.publish(runTask(id, more))
    const replies = await desk.replies(id)
    expect(replies).toMatchObject([{ status: 'refused', code: 'invalid', fields: { [field]: [words] } }])
    expect(await rowsOf(id)).toMatchObject([{ content: null, record: null }])
  })

  test('what cannot be read is put aside without its text, and stops nothing', async () => {
    consume()
    const secret = `"token":"${token}","variables":{"password":"hidden"}`
    const poison = [
      '',
      'null',
      `[{${secret}}]`,
      `{${secret}`,
      `{${secret}}`,
      `{"id":17,${secret}}`,
      `{"id":"",${secret}}`,
      `{"id":" ",${secret}}`,
      `{"id":"a\\u0000",${secret}}`,
      `{"id":"\\ud800",${secret}}`,
      `{"id":"${'x'.repeat(256)}",${secret}}`,
      '['.repeat(10_000),
    ]
    for (const value of poison) await desk.publish(value, { key: token, headers: { authorization: token } })
    const id = newId()
    await desk.publish(runTask(id), { key: token })
    expect(await desk.replies(id)).toMatchObject([{ status: 'accepted' }])
    const dead = await desk.messages('commands.dead', poison.length)
    expect(dead).toHaveLength(poison.length)
    const text = JSON.stringify(dead)
    for (const kept of [token, 'hidden', 'password', 'variables']) expect(text).not.toContain(kept)
    expect(
      dead.map(({ key, headers, value }) => [
        key,
        Object.keys(headers ?? {}),
        Object.keys(JSON.parse(value) as object),
      ]),
    ).toEqual(poison.map(() => ['', ['reason'], ['version', 'bytes', 'sha256']]))
    expect(dead.map(({ headers }) => headers?.reason).slice(0, 3)).toEqual([
      'no JSON: unexpected end at offset 0',
      'no JSON object',
      'no JSON object',
    ])
  })

  test('what passes is waited for, while others go on', async () => {
    let away = true
    const { authenticate } = desk.ground.access.apiTokens
    const patient = await desk.token('tester')
    consume({
      async authenticate(text) {
        if (away && text === patient) throw new Unavailable('Postgres at db:5432', 'gone')
        return authenticate(text)
      },
    })
    const [waits, goesOn] = [newId(), newId()]
    await desk.publish(runTask(waits, { token: patient }), { key: 'a' })
    await desk.publish(runTask(goesOn), { key: 'b' })
    expect(await desk.replies(goesOn)).toMatchObject([{ status: 'accepted' }])
    away = false
    expect(await desk.replies(waits)).toMatchObject([{ status: 'accepted' }])
  })

  test('what nobody can explain is given up in the end, and stops nothing', async () => {
    let tries = 0
    const broken = desk.routes.map((route) =>
      route.path === '/api/testFlow/scenes/run/'
        ? { ...route, handle: () => Promise.reject(new TypeError(`a mistake of ours, the ${++tries}th time`)) }
        : route,
    )
    consume({ routes: broken })
    const [given, next] = [newId(), newId()]
    await desk.publish({ id: given, type: 'RunScene', token, data: { scene: desk.world.scene, env: desk.world.env } })
    await desk.publish(runTask(next))
    expect(await desk.replies(given)).toMatchObject([
      { status: 'refused', code: 'internal_error', message: expect.not.stringContaining('mistake') },
    ])
    expect(tries).toBe(10)
    expect(await desk.replies(next)).toMatchObject([{ status: 'accepted' }])
  }, 60_000)
})

describe('the end of the run', () => {
  const ended = { status: 'finished', state: 'error', all: 0, message: '结束' }

  test('is told by the relay, though the gateway is gone', async () => {
    const { store, messages, db, secrets } = desk.ground
    const id = newId()
    const gateway = consume()
    await desk.publish(runTask(id))
    const [accepted] = await desk.replies(id)
    await gateway.stop()
    await desk.end(accepted?.record ?? 0)
    const lanes = [eventsLane({ commands: createTriggerCommands({ db, cipher: secrets }) })]
    const relay = startRelay({ store, messages, db, lanes, log: quiet })
    try {
      const [, finished] = await desk.replies(id, 2)
      expect(finished).toMatchObject({ ...ended, id, record: accepted?.record })
      const told = await desk.messages('events', 1)
      expect(told[0]?.headers?.['content-type']).toMatch(/^application\/cloudevents\+json/)
    } finally {
      await relay.stop()
    }
  })

  test('is told again to a repeat, and by the gateway where the run ended before it knew whom to tell', async () => {
    const id = newId()
    let ends = 0
    consume({
      routes: desk.routes.map((route) =>
        route.path === '/api/testTask/tasks/run/'
          ? {
              ...route,
              async handle(call) {
                const answer = await route.handle(call)
                ends++
                await desk.end((answer.body as { record: number }).record)
                return answer
              },
            }
          : route,
      ),
    })
    await desk.publish(runTask(id))
    const [accepted, finished] = await desk.replies(id, 2)
    expect(accepted?.status).toBe('accepted')
    expect(finished).toMatchObject({ ...ended, record: accepted?.record })
    await desk.publish(runTask(id))
    expect(await desk.replies(id, 4)).toEqual([accepted, finished, accepted, finished])
    expect(ends).toBe(1)
  })
})
