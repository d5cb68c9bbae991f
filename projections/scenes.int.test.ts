import { describe, expect, test } from '@jest/globals'
import {
  caseChanged,
  caseCreated,
  caseDeleted,
  interfaceChanged,
  interfaceCreated,
  interfaceDeleted,
  projectCreated,
  projectDeleted,
  sceneChanged,
  sceneCreated,
  sceneDeleted,
  stepAdded,
  stepChanged,
  stepRemoved,
  stepsReordered,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import type { ReadModels } from './port.ts'
import { findScene, findStep, listScenes, listSteps, placesOfSteps, stepsToRun } from './scenes.ts'

const given = givenRows()

/** A project with two interfaces and a case of each: 1 of 1, 2 of 2. */
const GROUND = [
  projectCreated(1),
  interfaceCreated(1, 1),
  interfaceCreated(2, 1),
  caseCreated(1, 1),
  caseCreated(2, 2),
] as const

const orderOf = async (models: ReadModels, scene: number): Promise<number[]> =>
  (await listSteps(models, { scene }, ALL)).rows.map(({ id }) => id)

describe('scenes', () => {
  test('are listed by id, of one project where asked, at the revision of their last event, be it a step’s', async () => {
    const models = await given(
      ...GROUND,
      projectCreated(2),
      sceneCreated(10, 1),
      sceneCreated(9, 2),
      sceneCreated(2, 1),
      sceneChanged(2, { name: '注册接口测试' }),
      stepAdded(2, 1, 1, 1),
      stepAdded(2, 2, 1, 1),
      stepChanged(2, 1, { sort: 2 }),
      stepsReordered(2, [1, 3], [2, 4]),
      stepRemoved(2, 1),
    )
    const two = { id: 2, project: 1, name: '注册接口测试', revision: '6' }
    const ten = { id: 10, project: 1, name: 'scene 10', revision: '0' }
    expect(await listScenes(models, { project: 1 }, ALL)).toEqual({ rows: [two, ten], count: 2 })
    expect((await listScenes(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2, 9, 10])
    expect(await listScenes(models, {}, { limit: 1, offset: 2 })).toEqual({ rows: [ten], count: 3 })
    expect(await findScene(models, 2)).toEqual(two)
    expect(await findScene(models, 3)).toBeUndefined()
  })

  test('are not seen after their own deletion, nor after that of their project, before or after their birth', async () => {
    const models = await given(
      ...GROUND,
      projectCreated(2),
      sceneCreated(1, 1),
      sceneCreated(2, 2),
      sceneDeleted(1),
      projectDeleted(2),
      sceneCreated(3, 2),
      sceneChanged(3, { name: 'late' }),
    )
    for (const id of [1, 2, 3]) expect([id, await findScene(models, id)]).toEqual([id, undefined])
    expect(await listScenes(models, {}, ALL)).toEqual({ rows: [], count: 0 })
  })
})

describe('steps', () => {
  test('are listed by sort, then id, with the title that their case has now', async () => {
    const models = await given(
      ...GROUND,
      sceneCreated(1, 1),
      sceneCreated(2, 1),
      stepAdded(1, 12, 1, 10),
      stepAdded(1, 4, 2, -3),
      stepAdded(1, 3, 1, 9),
      stepAdded(1, 11, 1, 9),
      stepAdded(2, 1, 1, 0),
      stepChanged(1, 12, { icase: 2 }),
      caseChanged(1, { title: '登录失败' }),
    )
    const step = (id: number, sort: number, icase: object) => ({ id, sort, icase, scene: 1, revision: '5' })
    const [one, two] = [
      { id: 1, title: '登录失败' },
      { id: 2, title: 'case 2' },
    ]
    const all = [step(4, -3, two), step(3, 9, one), step(11, 9, one), step(12, 10, two)]
    expect(await listSteps(models, { scene: 1 }, ALL)).toEqual({ rows: all, count: 4 })
    expect(await listSteps(models, { scene: 1 }, { limit: 2, offset: 1 })).toEqual({ rows: all.slice(1, 3), count: 4 })
    expect((await listSteps(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([4, 1, 3, 11, 12])
    expect(await listSteps(models, { scene: 9 }, ALL)).toEqual({ rows: [], count: 0 })
    expect(await findStep(models, 11)).toEqual(step(11, 9, one))
  })

  test('stand in the order that was last said', async () => {
    const models = await given(
      ...GROUND,
      sceneCreated(1, 1),
      stepAdded(1, 1, 1, 1),
      stepAdded(1, 2, 1, 2),
      stepAdded(1, 3, 1, 3),
      stepsReordered(1, [3, 1], [1, 3]),
      stepChanged(1, 2, { sort: 9_007_199_254_740_991 }),
    )
    expect(await orderOf(models, 1)).toEqual([3, 1, 2])
    expect(await findStep(models, 2)).toMatchObject({ sort: 9_007_199_254_740_991 })
  })

  test('are seen while they, their scene, its project, their case and its interface are there', async () => {
    const models = await given(
      ...GROUND,
      projectCreated(2),
      interfaceCreated(3, 2),
      caseCreated(3, 3),
      caseCreated(4, 1),
      sceneCreated(1, 1),
      sceneCreated(2, 1),
      sceneCreated(3, 2),
      stepAdded(1, 1, 1, 1),
      stepAdded(1, 2, 2, 2),
      stepAdded(1, 3, 4, 3),
      stepAdded(1, 4, 1, 4),
      stepAdded(2, 5, 1, 1),
      stepAdded(3, 6, 3, 1),
      // A case that was deleted before the step was added to it.
      caseDeleted(4),
      stepAdded(1, 7, 4, 7),
      stepRemoved(1, 4),
      interfaceDeleted(2),
      sceneDeleted(2),
      projectDeleted(2),
    )
    expect((await listSteps(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([1])
    expect(await listSteps(models, {}, { limit: 9, offset: 0 })).toMatchObject({ count: 1 })
    for (const id of [2, 3, 4, 5, 6, 7, 8]) expect([id, await findStep(models, id)]).toEqual([id, undefined])
    expect(await placesOfSteps(models, [7, 1, 2, 3, 4, 5, 6, 8])).toEqual(
      new Map([
        [1, { scene: 1, visible: true }],
        [2, { scene: 1, visible: false }],
        [3, { scene: 1, visible: false }],
        [4, { scene: 1, visible: false }],
        [5, { scene: 2, visible: false }],
        [6, { scene: 3, visible: false }],
        [7, { scene: 1, visible: false }],
      ]),
    )
    expect((await stepsToRun(models, [1, 2, 3, 4])).get(1)?.map(({ step }) => step)).toEqual([1])
    expect(await stepsToRun(models, [2, 3, 4])).toEqual(new Map())
  })
})

test('what runs is in order, one case as often as there are steps of it, each at the revisions of this moment', async () => {
  const models = await given(
    ...GROUND,
    sceneCreated(1, 1),
    sceneCreated(2, 1),
    stepAdded(1, 1, 1, 3),
    stepAdded(1, 2, 2, 2),
    stepAdded(1, 3, 1, 1),
    stepAdded(2, 4, 1, 1),
    caseChanged(1, { title: '登录失败' }),
    caseChanged(1, { interface: 2 }),
    interfaceChanged(2, { url: '/v2/' }),
    interfaceChanged(2, { url: '/v3/' }),
    interfaceChanged(2, { url: '/v4/' }),
  )
  const login = { case: 1, title: '登录失败', caseRevision: 2, interface: 2, interfaceRevision: 3 }
  expect(await stepsToRun(models, [2, 1])).toEqual(
    new Map([
      [
        1,
        [
          { scene: 1, step: 3, ...login },
          { scene: 1, step: 2, case: 2, title: 'case 2', caseRevision: 0, interface: 2, interfaceRevision: 3 },
          { scene: 1, step: 1, ...login },
        ],
      ],
      [2, [{ scene: 2, step: 4, ...login }]],
    ]),
  )
})
