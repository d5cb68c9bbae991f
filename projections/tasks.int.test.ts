import { describe, expect, test } from '@jest/globals'
import {
  projectCreated,
  projectDeleted,
  sceneChanged,
  sceneCreated,
  sceneDeleted,
  taskChanged,
  taskCreated,
  taskDeleted,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import type { ReadModels } from './port.ts'
import { listScenes, scenesAmong } from './scenes.ts'
import { findTask, listTasks } from './tasks.ts'

const given = givenRows()

/** Two projects: scenes 1, 2 and 3 are of the first, 4 of the second. */
const GROUND = [
  projectCreated(1),
  projectCreated(2),
  sceneCreated(1, 1),
  sceneCreated(2, 1),
  sceneCreated(3, 1),
  sceneCreated(4, 2),
] as const

describe('tasks', () => {
  test('are listed by id, of one project where asked, as they were last said to be', async () => {
    const models = await given(
      ...GROUND,
      taskCreated(10, 1, [2, 1, 2], { concurrency: 4 }),
      taskCreated(9, 2, [4]),
      taskCreated(2, 1),
      taskChanged(2, { name: '冒烟测试' }),
      taskChanged(10, { scenes: [] }),
      taskChanged(2, { scenes: [3, 3], concurrency: 8 }),
    )
    const two = { id: 2, project: 1, name: '冒烟测试', scenes: [3, 3], concurrency: 8, revision: '2' }
    const ten = { id: 10, project: 1, name: 'task 10', scenes: [], concurrency: 4, revision: '1' }
    expect(await listTasks(models, { project: 1 }, ALL)).toEqual({ rows: [two, ten], count: 2 })
    expect((await listTasks(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2, 9, 10])
    expect(await listTasks(models, {}, { limit: 1, offset: 2 })).toEqual({ rows: [ten], count: 3 })
    expect(await listTasks(models, { search: '冒烟' }, ALL)).toEqual({ rows: [two], count: 1 })
    expect(await findTask(models, 2)).toEqual(two)
    expect(await findTask(models, 3)).toBeUndefined()
  })

  test('are not seen after their own deletion, nor after that of their project, before or after their birth', async () => {
    const models = await given(
      ...GROUND,
      taskCreated(1, 1),
      taskCreated(2, 2),
      taskDeleted(1),
      projectDeleted(2),
      taskCreated(3, 2),
      taskChanged(3, { name: 'late' }),
    )
    for (const id of [1, 2, 3]) expect([id, await findTask(models, id)]).toEqual([id, undefined])
    expect(await listTasks(models, {}, ALL)).toEqual({ rows: [], count: 0 })
  })

  test('keep what was written of them, deleted scenes too', async () => {
    const models = await given(...GROUND, taskCreated(1, 1, [2, 1]), sceneDeleted(2))
    expect(await findTask(models, 1)).toMatchObject({ scenes: [2, 1], revision: '0' })
  })
})

describe('the scenes of a task', () => {
  const idsOf = async (models: ReadModels, filter: Parameters<typeof listScenes>[1]): Promise<number[]> =>
    (await listScenes(models, filter, ALL)).rows.map(({ id }) => id)

  test('are listed in its order, each where it stands first', async () => {
    const models = await given(
      ...GROUND,
      taskCreated(1, 1, [3, 1, 3, 2, 1]),
      taskCreated(2, 1, [1]),
      taskChanged(2, { scenes: [2, 1] }),
      taskCreated(3, 1),
    )
    expect(await idsOf(models, { task: 1 })).toEqual([3, 1, 2])
    expect(await idsOf(models, { task: 2 })).toEqual([2, 1])
    expect(await idsOf(models, { task: 3 })).toEqual([])
    expect(await idsOf(models, { task: 9 })).toEqual([])
    expect(await idsOf(models, { task: 1, project: 1 })).toEqual([3, 1, 2])
    expect(await idsOf(models, { task: 1, project: 2 })).toEqual([])
    expect(await idsOf(models, { task: 1, search: 'SCENE 2' })).toEqual([2])
    const page = await listScenes(models, { task: 1 }, { limit: 1, offset: 1 })
    expect([page.rows.map(({ id }) => id), page.count]).toEqual([[1], 3])
  })

  test('are those that are there', async () => {
    const models = await given(
      ...GROUND,
      taskCreated(1, 1, [1, 2, 3]),
      taskCreated(2, 1, [1]),
      taskCreated(3, 2, [4]),
      sceneDeleted(2),
      taskDeleted(2),
      projectDeleted(2),
    )
    expect(await idsOf(models, { task: 1 })).toEqual([1, 3])
    expect(await idsOf(models, { task: 2 })).toEqual([])
    expect(await idsOf(models, { task: 3 })).toEqual([])
  })

  test('are told by id with their names of now, also after their project has gone', async () => {
    const models = await given(...GROUND, sceneDeleted(2), sceneChanged(1, { name: '登录' }), projectDeleted(2))
    expect(await scenesAmong(models, [4, 1, 2, 1, 9])).toEqual(
      new Map([
        [1, { id: 1, name: '登录', project: 1 }],
        [4, { id: 4, name: 'scene 4', project: 2 }],
      ]),
    )
    expect(await scenesAmong(models, [])).toEqual(new Map())
  })
})
