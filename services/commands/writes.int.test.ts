import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Rejected } from '../../contracts/core.ts'
import { projectStream } from '../../contracts/project.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { meeting, startWritingProcess, times, type WritingProcess } from '../../test/support/writing-process.ts'
import { aggregates } from './aggregates.ts'
import type { CommandContext } from './handle.ts'
import { project, type ProjectCommand, type ProjectState } from './project.ts'
import type { SceneCommand, SceneState } from './scene.ts'
import type { Outcome } from './writes.ts'

let database: TestDatabase
let one: WritingProcess
let other: WritingProcess

beforeAll(async () => {
  database = await freshDatabase()
  one = await startWritingProcess(database.url)
  other = await startWritingProcess(database.url)
})
afterAll(async () => {
  await Promise.all([one.stop(), other.stop()])
  await database.drop()
})
beforeEach(() => {
  for (const { around } of [one, other]) Object.assign(around, { before: () => {}, after: () => {} })
})

/** A write without an idempotency key, or with one: then sent again it is the same command. */
const context = (more: Partial<CommandContext> = {}): CommandContext => ({
  commandId: randomUUID(),
  actor: 1,
  correlationId: 'test',
  ...more,
})
const keyed = (more: Partial<CommandContext> = {}) => context({ requestHash: 'the hash of a body', ...more })

type Answer = Promise<Outcome<ProjectState>>
const create = (process: WritingProcess, sent: CommandContext, name = 'a'): Answer =>
  process.writes.create(aggregates.project, (id): ProjectCommand => createCommand(id, name), sent)
const createCommand = (id: number, name = 'a'): ProjectCommand => ({
  type: 'CreateProject',
  data: { id, name, leader: '' },
})
const change = (process: WritingProcess, id: number, sent: CommandContext, name: string): Answer =>
  process.writes.change(
    aggregates.project,
    id,
    (): ProjectCommand => ({ type: 'ChangeProject', changes: { name } }),
    sent,
  )

/** All that stands in the log by a command: stream and revision. */
const effects = async (commandId: string) =>
  (
    await one.db.query<{ stream: string; revision: string }>(
      `select stream, revision from events where meta->>'commandId' = $1 order by position`,
      [commandId],
    )
  ).map(({ stream, revision }) => `${stream}@${revision}`)
const remembered = async (commandId: string) =>
  (await one.db.query('select ids, revision from commands where command_id = $1', [commandId]))[0]
/** What an answer is rendered from. */
const shown = ({ id, state, revision, position }: Outcome<ProjectState>) => ({ id, state, revision, position })

describe('a write', () => {
  test('is answered after the read models have passed it, and leaves nothing to remember without a key', async () => {
    const sent = context()
    const { id, position, state } = await create(one, sent)
    expect(state).toMatchObject({ status: 'live', id, name: 'a' })
    expect(one.shown.at(-1)).toBe(position)
    expect(await effects(sent.commandId)).toEqual([`project-${id}@0`])
    expect(await remembered(sent.commandId)).toBeUndefined()
    const changed = await change(one, id, context(), 'b')
    expect(changed).toMatchObject({ id, revision: 1n, state: { name: 'b' } })
    expect(one.shown.at(-1)).toBe(changed.position)
  })

  test('that is refused is thrown, and its key is free for another body', async () => {
    const sent = keyed()
    await expect(change(one, 2_000_000, sent, 'b')).rejects.toMatchObject({ code: 'not_found' })
    expect(await remembered(sent.commandId)).toBeUndefined()
    const { id } = await create(one, context())
    const again = await change(one, id, { ...sent, requestHash: 'another' }, 'b')
    expect(again).toMatchObject({ revision: 1n, state: { name: 'b' } })
  })
})

describe('a key that comes again', () => {
  test('answers a create with the first id and what was created, however it was changed since', async () => {
    const sent = keyed()
    const first = await create(one, sent)
    await change(one, first.id, context(), 'changed')
    for (const process of [one, other]) expect(shown(await create(process, sent))).toEqual(shown(first))
    expect(await effects(sent.commandId)).toEqual([`project-${first.id}@0`])
  })

  test('answers a change with what it made, and the wait for the read models is that of the first', async () => {
    const { id } = await create(one, context())
    const sent = keyed()
    const first = await change(one, id, sent, 'b')
    await change(one, id, context(), 'c')
    for (const process of [one, other]) {
      expect(shown(await change(process, id, sent, 'b'))).toEqual(shown(first))
      expect(process.shown.at(-1)).toBe(first.position)
    }
    expect(await effects(sent.commandId)).toEqual([`project-${id}@1`])
  })

  test('answers a change that changed nothing with what stood then, and does not make it now', async () => {
    const { id } = await create(one, context())
    const sent = keyed()
    const first = await change(one, id, sent, 'a')
    expect(first).toMatchObject({ revision: 0n, state: { name: 'a' } })
    await change(other, id, context(), 'b')
    for (const process of [one, other]) expect(shown(await change(process, id, sent, 'a'))).toEqual(shown(first))
    expect(await effects(sent.commandId)).toEqual([])
  })

  test('answers a create that would be refused by now', async () => {
    const sent = keyed()
    const first = await create(one, sent)
    const refuse = (): never => {
      throw new Rejected('unknown_reference', 'what it hangs on was deleted meanwhile')
    }
    for (const { writes } of [one, other]) {
      expect(shown(await writes.create(aggregates.project, refuse, sent))).toEqual(shown(first))
    }
    expect(await remembered(sent.commandId)).toMatchObject({ ids: [first.id] })
  })

  test('with another body is refused, and what was first done stays', async () => {
    const sent = keyed()
    const { id } = await create(one, sent)
    const another = { ...sent, requestHash: 'another' }
    await expect(create(other, another, 'b')).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    expect(await effects(sent.commandId)).toEqual([`project-${id}@0`])
    expect(shown(await create(other, sent))).toMatchObject({ id })
  })

  test('twice at once creates one thing, in one process and in two', async () => {
    const here = keyed()
    const both = await Promise.all([create(one, here), create(one, here)])
    expect(both.map(shown)).toEqual([shown(both[0]), shown(both[0])])
    expect(await effects(here.commandId)).toHaveLength(1)

    const there = keyed()
    const met = meeting(2)
    for (const { around } of [one, other]) around.before = met
    const apart = await Promise.all([create(one, there), create(other, there)])
    expect(apart.map(shown)).toEqual([shown(apart[0]), shown(apart[0])])
    expect(await effects(there.commandId)).toEqual([`project-${apart[0].id}@0`])
  })

  test('waits for what becomes of the first: where that is refused it is decided anew, and remembered', async () => {
    const sent = keyed()
    const refused = one.writes.create(
      aggregates.project,
      async () => {
        // Long enough for the other to be through, if it did not wait.
        for (let trips = 0; trips < 30; trips++) await one.db.query('select 1')
        throw new Rejected('unknown_reference', 'what it hangs on is not there yet')
      },
      sent,
    )
    const [first, second] = await Promise.allSettled([refused, create(one, sent)])
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled'])
    expect(await effects(sent.commandId)).toHaveLength(1)
    await create(one, sent)
    expect(await effects(sent.commandId)).toHaveLength(1)
  })
})

describe('a process that was killed', () => {
  const killed = new Error('killed')
  const die = () => {
    throw killed
  }

  test('between remembering a create and its append: the key creates, under the id that was drawn', async () => {
    const sent = keyed()
    const id = await one.ids.nextId('project')
    await one.memory.begin({ commandId: sent.commandId, requestHash: 'the hash of a body', ids: [id] })
    const answer = await create(other, sent)
    expect(answer).toMatchObject({ id, revision: 0n })
    expect(shown(await create(one, sent))).toEqual(shown(answer))
    expect(await effects(sent.commandId)).toEqual([`project-${id}@0`])
  })

  test('between remembering a change and its append: the key changes', async () => {
    const { id } = await create(one, context())
    const sent = keyed()
    await one.memory.begin({ commandId: sent.commandId, requestHash: 'the hash of a body', ids: [] })
    expect(await change(other, id, sent, 'b')).toMatchObject({ revision: 1n, state: { name: 'b' } })
    expect(await effects(sent.commandId)).toEqual([`project-${id}@1`])
  })

  test('between append and answer: the key answers what was done', async () => {
    const sent = keyed()
    one.around.after = die
    const store = one.store.load
    // All that it would do after the append fails with it.
    Object.assign(one.store, { load: () => Promise.reject(killed) })
    await expect(create(one, sent)).rejects.toBe(killed)
    Object.assign(one.store, { load: store })
    const [effect] = await effects(sent.commandId)
    const answer = await create(other, sent)
    expect(`project-${answer.id}@0`).toBe(effect)
    expect(await effects(sent.commandId)).toHaveLength(1)
  })

  test('an error that may have been a commit leaves the key remembered', async () => {
    const sent = keyed()
    one.around.before = die
    await expect(create(one, sent)).rejects.toBe(killed)
    one.around.before = () => {}
    const row = await remembered(sent.commandId)
    const { id, revision } = await create(one, sent)
    expect([[id], revision]).toEqual([row?.['ids'], 0n])
    expect(await effects(sent.commandId)).toHaveLength(1)
  })
})

describe('a sequence that is behind its streams, as after a restore', () => {
  /** The next `count` ids are those of projects that exist; answers the first that is free. */
  async function behind(count: number): Promise<number> {
    const last = await one.ids.nextId('project')
    const taken = Array.from({ length: count }, (_, n) => last + 1 + n)
    for (const id of taken) await other.handle(project, projectStream(id), () => createCommand(id, 'old'), context())
    return last + count + 1
  }

  test('a create without a key takes the next free id, and what was there stays', async () => {
    const free = await behind(3)
    const sent = context()
    expect(await create(one, sent)).toMatchObject({ id: free, revision: 0n, state: { name: 'a', id: free } })
    expect(await effects(sent.commandId)).toEqual([`project-${free}@0`])
    expect((await one.folds.refresh(project, projectStream(free - 1))).state).toMatchObject({ name: 'old' })
  })

  test('so does one with a key, and the key remembers the id that it got', async () => {
    const free = await behind(2)
    const sent = keyed()
    const first = await create(one, sent)
    expect(first).toMatchObject({ id: free, revision: 0n })
    expect(await remembered(sent.commandId)).toMatchObject({ ids: [free] })
    for (const process of [one, other]) expect(shown(await create(process, sent))).toEqual(shown(first))
    expect(await effects(sent.commandId)).toEqual([`project-${free}@0`])
  })

  test('a key that comes twice at once gets one id, in one process and in two', async () => {
    const [free, here] = [await behind(2), keyed()]
    const both = await Promise.all([create(one, here), create(one, here)])
    expect(both.map(shown)).toEqual([shown(both[0]), shown(both[0])])
    expect(both[0].id).toBeGreaterThanOrEqual(free)
    expect(await effects(here.commandId)).toHaveLength(1)

    await behind(2)
    const there = keyed()
    const met = meeting(2)
    for (const { around } of [one, other]) around.before = met
    const apart = await Promise.all([create(one, there), create(other, there)])
    expect(apart.map(shown)).toEqual([shown(apart[0]), shown(apart[0])])
    expect(await effects(there.commandId)).toEqual([`project-${apart[0].id}@0`])
    expect(await remembered(there.commandId)).toMatchObject({ ids: [apart[0].id] })
  })

  test('a key whose first id was taken after its kill gets another', async () => {
    const sent = keyed()
    const free = await behind(1)
    await one.memory.begin({ commandId: sent.commandId, requestHash: 'the hash of a body', ids: [free - 1] })
    const { id } = await create(one, sent)
    expect(id).toBeGreaterThanOrEqual(free)
    expect(await effects(sent.commandId)).toEqual([`project-${id}@0`])
  })

  test('a project that was deleted keeps its id', async () => {
    const free = await behind(1)
    await other.handle(project, projectStream(free - 1), () => ({ type: 'DeleteProject' }), context())
    expect(await create(one, context())).toMatchObject({ id: free })
  })

  test('and an answer that is lost on the free id is found there', async () => {
    const free = await behind(1)
    const sent = keyed()
    one.around.after = times(1, () => {
      throw new Error('the connection was lost')
    })
    expect(await create(one, sent)).toMatchObject({ id: free, revision: 0n })
    expect(await effects(sent.commandId)).toEqual([`project-${free}@0`])
  })
})

describe('a part that is added to its owner', () => {
  const added = async (step: number): Promise<boolean> =>
    (await one.db.query(`select 1 from events where type = 'StepAdded' and data->>'step' = $1`, [String(step)]))
      .length > 0
  const newScene = async (): Promise<number> => {
    const command = (id: number): SceneCommand => ({ type: 'CreateScene', data: { id, name: 'a', project: 1 } })
    return (await one.writes.create(aggregates.scene, command, context())).id
  }
  const add = (process: WritingProcess, owner: number, sent: CommandContext, sort = 1): Promise<Outcome<SceneState>> =>
    process.writes.add(
      aggregates.scene,
      { owner, kind: 'step', taken: added },
      (step): SceneCommand => ({ type: 'AddStep', data: { step, icase: 1, sort } }),
      sent,
    )
  const told = ({ id, state, revision }: Outcome<SceneState>) => ({
    id,
    revision,
    fields: state.status === 'live' && state.steps.get(id),
  })
  /** The next `count` ids are those of steps of another scene; answers the first that is free. */
  async function behind(count: number): Promise<number> {
    const [owner, last] = [await newScene(), await one.ids.nextId('step')]
    for (let step = last + 1; step <= last + count; step++) {
      const command = (): SceneCommand => ({ type: 'AddStep', data: { step, icase: 1, sort: 1 } })
      await other.handle(aggregates.scene.decider, aggregates.scene.stream(owner), command, context())
    }
    return last + count + 1
  }

  test('gets in between others who write the owner, however many they are', async () => {
    const owner = await newScene()
    const sent = context()
    const stream = aggregates.scene.stream(owner)
    let rivals = 0
    // Another process is faster, more often than any other command would try again.
    one.around.before = times(8, async () => {
      const command = (): SceneCommand => ({ type: 'ChangeScene', changes: { name: `rival ${++rivals}` } })
      await other.handle(aggregates.scene.decider, stream, command, context())
    })
    const outcome = await add(one, owner, sent)
    expect([rivals, told(outcome)]).toEqual([8, { id: outcome.id, revision: 9n, fields: { icase: 1, sort: 1 } }])
    expect(await effects(sent.commandId)).toEqual([`${stream}@9`])
  })

  test('has an id that no part of any owner has, and a key remembers it', async () => {
    const [owner, free, sent] = [await newScene(), await behind(2), keyed()]
    const first = await add(one, owner, sent)
    expect(first.id).toBe(free)
    expect(await remembered(sent.commandId)).toMatchObject({ ids: [free] })
    await other.handle(
      aggregates.scene.decider,
      aggregates.scene.stream(owner),
      (): SceneCommand => ({ type: 'RemoveStep', step: free }),
      context(),
    )
    for (const process of [one, other]) expect(told(await add(process, owner, sent))).toEqual(told(first))
    expect(await effects(sent.commandId)).toHaveLength(1)
    const next = await behind(1)
    expect(await add(one, owner, context())).toMatchObject({ id: next })
  })

  test('is one for a key that comes twice at once, in one process and in two', async () => {
    const owner = await newScene()
    const here = keyed()
    const both = await Promise.all([add(one, owner, here), add(one, owner, here)])
    expect(both.map(told)).toEqual([told(both[0]), told(both[0])])
    expect(await effects(here.commandId)).toHaveLength(1)

    const there = keyed()
    const met = meeting(2)
    for (const { around } of [one, other]) around.before = met
    const apart = await Promise.all([add(one, owner, there), add(other, owner, there)])
    expect(apart.map(told)).toEqual([told(apart[0]), told(apart[0])])
    expect(await effects(there.commandId)).toHaveLength(1)
  })

  test('is found by a repeat that asks whether its id is taken after the first has taken it', async () => {
    const [owner, sent] = [await newScene(), keyed()]
    const stream = aggregates.scene.stream(owner)
    await other.folds.refresh(aggregates.scene.decider, stream)
    let first: Outcome<SceneState> | undefined
    const overtaken = async (step: number): Promise<boolean> => {
      first ??= await add(one, owner, sent)
      return added(step)
    }
    const command = (step: number): SceneCommand => ({ type: 'AddStep', data: { step, icase: 1, sort: 1 } })
    const part = { owner, kind: 'step', taken: overtaken }
    const repeat = await other.writes.add(aggregates.scene, part, command, sent)
    expect(first && told(repeat)).toEqual(first && told(first))
    expect(await effects(sent.commandId)).toHaveLength(1)
  })
})
