import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { StreamId } from '../../contracts/core.ts'
import { projectStream } from '../../contracts/project.ts'
import { eventId } from '../../platform/ids.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { meeting, startWritingProcess, times, type WritingProcess } from '../../test/support/writing-process.ts'
import type { Folded } from './folds.ts'
import type { CommandContext, CommandOf, Handling } from './handle.ts'
import { project, type ProjectCommand, type ProjectState } from './project.ts'
import { team, type TeamCommand } from './team.ts'

let database: TestDatabase
let one: WritingProcess
let other: WritingProcess
/** The project of this test: both processes have seen its creation, and nothing else. */
let id = 0
let stream: StreamId

beforeAll(async () => {
  database = await freshDatabase()
  one = await startWritingProcess(database.url)
  other = await startWritingProcess(database.url)
})
afterAll(async () => {
  await Promise.all([one.stop(), other.stop()])
  await database.drop()
})
beforeEach(async () => {
  for (const { around } of [one, other]) Object.assign(around, { before: () => {}, after: () => {} })
  stream = projectStream(++id)
  await send(one, () => ({ type: 'CreateProject', data: { id, name: 'a', leader: 'x' } }))
  await other.folds.read(project, stream)
})

const context = (more: Partial<CommandContext> = {}): CommandContext => ({
  commandId: randomUUID(),
  actor: 1,
  correlationId: 'test',
  ...more,
})
const change = (changes: { name?: string; leader?: string }): ProjectCommand => ({ type: 'ChangeProject', changes })
const send = (
  process: WritingProcess,
  command: CommandOf<ProjectState, ProjectCommand>,
  sent = context(),
  handling: Handling = {},
): Promise<Folded<ProjectState>> => process.handle(project, stream, command, sent, handling)
/** What the rival does: one more change by the other process. */
const rival = (changes: { name?: string; leader?: string } = { leader: randomUUID() }) =>
  send(other, () => change(changes))

const events = async () => (await one.store.load(stream)).map(({ type, data }) => ({ type, ...data }))
const commands = async () => (await one.store.load(stream)).map(({ meta }) => meta.commandId)

/** `command`, and how often it was decided. */
function counted(command: ProjectCommand) {
  const decided = { count: 0, command: () => (decided.count++, command) }
  return decided
}

describe('conflicts', () => {
  test('three of them, and the command is given up as busy, without effect', async () => {
    const decided = counted(change({ name: 'mine' }))
    one.around.before = times(3, rival)
    await expect(send(one, decided.command)).rejects.toMatchObject({ name: 'Rejected', code: 'busy' })
    expect(decided.count).toBe(3)
    expect((await events()).filter((event) => 'name' in event && event.name === 'mine')).toEqual([])
    expect((await commands()).length).toBe(4)
  })

  test('two of them, and the third decision stands', async () => {
    const decided = counted(change({ name: 'mine' }))
    one.around.before = times(2, rival)
    expect(await send(one, decided.command)).toMatchObject({ revision: 3n, state: { name: 'mine' } })
    expect(decided.count).toBe(3)
    expect((await events()).at(-1)).toEqual({ type: 'ProjectChanged', name: 'mine' })
  })

  test('more of them do not stop a command that commutes, before its deadline', async () => {
    one.around.before = times(6, rival)
    const fold = await send(one, () => change({ name: 'mine' }), context(), { commutesForMs: 60_000 })
    expect(fold).toMatchObject({ revision: 7n, state: { name: 'mine' } })
  })

  test("a rival's event is part of what is decided on next", async () => {
    one.around.before = times(1, () => rival({ leader: 'rival' }))
    const command = (state: ProjectState) => change({ leader: state.status === 'live' ? `${state.leader}!` : '' })
    expect(await send(one, command)).toMatchObject({ revision: 2n, state: { leader: 'rival!' } })
  })

  test("a rival's event that forbids the command refuses it", async () => {
    one.around.before = times(1, () => send(other, () => ({ type: 'DeleteProject' })))
    await expect(send(one, () => change({ name: 'mine' }))).rejects.toMatchObject({ code: 'not_found' })
    expect((await events()).map(({ type }) => type)).toEqual(['ProjectCreated', 'ProjectDeleted'])
  })

  test('in one process there are none: commands on a stream wait for each other', async () => {
    const all = Array.from({ length: 20 }, (_, n) => counted(change({ leader: `n${n}` })))
    const folds = await Promise.all(all.map(({ command }) => send(one, command)))
    expect(folds.map(({ revision }) => revision)).toEqual(all.map((_, n) => BigInt(n + 1)))
    expect(all.map(({ count }) => count)).toEqual(all.map(() => 1))
  })
})

describe('an append that fails', () => {
  const lost = new Error('the connection was lost')
  const fail = () => {
    throw lost
  }

  test('after its commit has its one effect, and the right answer', async () => {
    const sent = context()
    const decided = counted(change({ name: 'mine' }))
    one.around.after = times(1, fail)
    expect(await send(one, decided.command, sent)).toMatchObject({ revision: 1n, state: { name: 'mine', leader: 'x' } })
    expect(decided.count).toBe(1)
    expect(await events()).toEqual([
      { type: 'ProjectCreated', id, name: 'a', leader: 'x' },
      { type: 'ProjectChanged', name: 'mine' },
    ])
  })

  test('after its commit is answered with what it did, not with what a rival did after it', async () => {
    one.around.after = times(1, async () => {
      await rival({ name: 'later' })
      throw lost
    })
    expect(await send(one, () => change({ name: 'mine' }))).toMatchObject({ revision: 1n, state: { name: 'mine' } })
    expect((await events()).length).toBe(3)
    expect(await one.folds.refresh(project, stream)).toMatchObject({ revision: 2n, state: { name: 'later' } })
  })

  test('after its commit, of the first event of a stream too', async () => {
    one.around.after = times(1, fail)
    const fresh = projectStream(++id)
    const create = (): ProjectCommand => ({ type: 'CreateProject', data: { id, name: 'b', leader: '' } })
    const fold = await one.handle(project, fresh, create, context(), { fresh: true })
    expect(fold).toMatchObject({ revision: 0n, state: { status: 'live', name: 'b' } })
    expect(await one.store.load(fresh)).toHaveLength(1)
  })

  test('before its commit is decided again, and its events keep their ids', async () => {
    const sent = context()
    const decided = counted(change({ name: 'mine' }))
    one.around.before = times(2, fail)
    expect(await send(one, decided.command, sent)).toMatchObject({ revision: 1n })
    expect(decided.count).toBe(3)
    expect((await one.store.load(stream)).at(-1)?.id).toBe(eventId(sent.commandId, stream, 0))
  })

  test('three times before its commit is the error that it was, and no conflict', async () => {
    one.around.before = fail
    await expect(send(one, () => change({ name: 'mine' }))).rejects.toBe(lost)
    expect(await events()).toHaveLength(1)
  })

  test('and was refused for its size is not tried again', async () => {
    const decided = counted(change({ name: 'long'.repeat(70_000) }))
    await expect(send(one, decided.command)).rejects.toMatchObject({ code: 'too_large' })
    expect(decided.count).toBe(1)
  })
})

describe('the same command', () => {
  test('twice at once in one process is done once, and answered alike', async () => {
    const sent = context()
    const folds = await Promise.all([
      send(one, () => change({ name: 'mine' }), sent),
      send(one, () => change({ name: 'mine' }), sent),
    ])
    expect(folds).toEqual([folds[0], folds[0]])
    expect((await commands()).filter((command) => command === sent.commandId)).toHaveLength(1)
  })

  test('at once in two processes, both decided before either appends, is done once and answered alike', async () => {
    const sent = context()
    const both = meeting(2)
    for (const { around } of [one, other]) around.before = both
    const folds = await Promise.all([one, other].map((process) => send(process, () => change({ name: 'mine' }), sent)))
    for (const fold of folds) expect(fold).toMatchObject({ revision: 1n, state: { name: 'mine' } })
    expect((await commands()).filter((command) => command === sent.commandId)).toHaveLength(1)
  })

  test('later is answered with what it did then, however much came after it', async () => {
    const sent = context()
    const first = await send(one, () => change({ name: 'mine' }), sent)
    await rival({ name: 'later' })
    await one.folds.refresh(project, stream)
    const again = counted(change({ name: 'mine' }))
    const { revision, state, position } = await send(one, again.command, sent)
    expect({ revision, state, position }).toEqual({
      revision: first.revision,
      state: first.state,
      position: first.position,
    })
    expect(again.count).toBe(0)
  })

  test('is found where it stands by a process that has never seen the stream', async () => {
    const sent = context()
    await send(one, () => change({ name: 'mine' }), sent)
    const third = await startWritingProcess(database.url)
    try {
      await send(third, () => change({ name: 'mine' }), sent)
    } finally {
      await third.stop()
    }
    expect(await events()).toHaveLength(2)
  })
})

describe('what is decided on a cache that is behind', () => {
  test('If-Match of the revision that the cache has is refused when another process went on', async () => {
    await rival({ leader: 'rival' })
    const sent = context({ ifMatch: 0n })
    await expect(send(one, () => change({ name: 'mine' }), sent)).rejects.toMatchObject({
      code: 'precondition_failed',
      field: 'If-Match',
    })
    expect(await events()).toHaveLength(2)
  })

  test('If-Match of an old revision is refused for a change that changes nothing too', async () => {
    await rival({ leader: 'rival' })
    await expect(send(one, () => change({ name: 'a' }), context({ ifMatch: 0n }))).rejects.toMatchObject({
      code: 'precondition_failed',
    })
  })

  test('If-Match of a revision that the cache does not have yet is accepted', async () => {
    await rival({ leader: 'rival' })
    const fold = await send(one, () => change({ name: 'mine' }), context({ ifMatch: 1n }))
    expect(fold).toMatchObject({ revision: 2n, state: { name: 'mine', leader: 'rival' } })
  })

  test('a refusal is decided again on the stream as it is', async () => {
    const member = (number: number): TeamCommand => ({
      type: 'AddMember',
      data: { id: number, username: `u${number}`, role: 'admin' },
    })
    const demote: TeamCommand = { type: 'ChangeMember', id: 1, changes: { role: 'viewer' } }
    await one.handle(team, 'team', () => member(1), context())
    await other.handle(team, 'team', () => member(2), context())
    // As far as this process knows, the first admin is the last one.
    expect(one.folds.peek('team')).toMatchObject({ revision: 0n })
    expect(await one.handle(team, 'team', () => demote, context())).toMatchObject({ revision: 2n })
    // And now the second is, whatever the other process believes.
    const last: TeamCommand = { type: 'ChangeMember', id: 2, changes: { active: false } }
    await expect(other.handle(team, 'team', () => last, context())).rejects.toMatchObject({ code: 'conflict' })
    expect(await one.store.load('team')).toHaveLength(3)
  })

  test('a change that would change nothing there is made when it changes what is stored', async () => {
    await rival({ name: 'b' })
    expect(await send(one, () => change({ name: 'a' }))).toMatchObject({ revision: 2n, state: { name: 'a' } })
  })

  test('a change that changes nothing is no event, and is answered with the newest state', async () => {
    await rival({ leader: 'rival' })
    expect(await send(one, () => change({ name: 'a' }))).toMatchObject({ revision: 1n, state: { leader: 'rival' } })
    expect(await events()).toHaveLength(2)
  })
})

describe('folds', () => {
  test('take what the log brings when it is next, pass over what is known, and do not jump a gap', async () => {
    await rival({ name: 'b' })
    await rival({ name: 'c' })
    const [created, first, second] = await other.store.load(stream)
    if (!created || !first || !second) throw new Error('three events were written')
    const seen = () => one.folds.peek<ProjectState>(stream)
    one.folds.observe([second])
    expect(seen()).toMatchObject({ revision: 0n, state: { name: 'a' } })
    one.folds.observe([created, first])
    expect(seen()).toMatchObject({ revision: 1n, state: { name: 'b' }, position: first.position })
    one.folds.observe([first, second])
    expect(seen()).toMatchObject({ revision: 2n, state: { name: 'c' } })
    expect(seen()?.commands.get(second.meta.commandId)).toBe(2n)
  })

  test('are known as they stood at any revision', async () => {
    await send(one, () => change({ name: 'b' }))
    await send(one, () => change({ name: 'c' }))
    const names = await Promise.all([0n, 1n, 2n].map((revision) => one.folds.at(project, stream, revision)))
    expect(names.map(({ state }) => state.status === 'live' && state.name)).toEqual(['a', 'b', 'c'])
  })

  test('never go back: what was loaded before an append does not replace what came of it', async () => {
    const fresh = await one.folds.refresh(project, stream)
    await send(one, () => change({ name: 'b' }))
    expect(one.folds.advance(project, stream, fresh, [])).toMatchObject({ revision: 1n, state: { name: 'b' } })
  })

  test('of streams without events are not kept', async () => {
    expect(await one.folds.read(project, 'project-0')).toMatchObject({ revision: -1n, state: { status: 'none' } })
    expect(one.folds.peek('project-0')).toBeUndefined()
    one.folds.forget(stream)
    expect(one.folds.peek(stream)).toBeUndefined()
  })
})
