import { describe, expect, test } from '@jest/globals'
import type { SceneEvent } from '../../contracts/scene.ts'
import { given } from '../../test/given.ts'
import { scene } from './scene.ts'

const created = { type: 'SceneCreated', data: { id: 3, name: '登录接口测试', project: 7 } } as const
const deleted = { type: 'SceneDeleted', data: {} } as const
const added = (step: number, sort: number, icase = 1): SceneEvent => ({
  type: 'StepAdded',
  data: { step, icase, sort },
})
const reordered = (...order: [step: number, sort: number][]): SceneEvent => ({
  type: 'StepsReordered',
  data: { order: order.map(([step, sort]) => ({ step, sort })) },
})

/** The steps of the folded scene by id. */
function stepsOf(...events: SceneEvent[]): Record<string, unknown> {
  const { state } = given(scene, ...events)
  if (state.status !== 'live') throw new Error(`the scene is ${state.status}`)
  return Object.fromEntries(state.steps.entries())
}

describe('a scene', () => {
  test('is created once', () => {
    given(scene).when({ type: 'CreateScene', data: created.data }).gives(created)
    given(scene, created).when({ type: 'CreateScene', data: created.data }).refused('conflict')
    given(scene, created, deleted).when({ type: 'CreateScene', data: created.data }).refused('conflict')
  })
  test('changes within its project alone, and says only what has changed', () => {
    const when = (more: object) => given(scene, created).when({ type: 'ChangeScene', changes: {}, ...more })
    when({ project: 7, changes: { name: '注册接口测试' } }).gives({
      type: 'SceneChanged',
      data: { name: '注册接口测试' },
    })
    when({ changes: { name: '登录接口测试' } }).gives()
    when({ project: 8, changes: { name: '注册接口测试' } }).refused('invalid', 'project')
  })
  test('is deleted once, with its steps, and nothing comes after', () => {
    given(scene, created, added(1, 1)).when({ type: 'DeleteScene' }).gives(deleted)
    const gone = given(scene, created, added(1, 1), deleted)
    expect(gone.state).toEqual({ status: 'deleted', id: 3, project: 7 })
    gone.when({ type: 'DeleteScene' }).refused('not_found')
    gone.when({ type: 'ChangeScene', changes: { name: 'x' } }).refused('not_found')
    gone.when({ type: 'AddStep', data: { step: 2, icase: 1, sort: 1 } }).refused('not_found')
    gone.when({ type: 'RemoveStep', step: 1 }).refused('not_found')
    gone.when({ type: 'ReorderSteps', order: [{ step: 1, sort: 2 }] }).refused('not_found')
    given(scene).when({ type: 'DeleteScene' }).refused('not_found')
  })
})

describe('a step', () => {
  test('is added once; several may run one case, at one place', () => {
    const when = (step: number) =>
      given(scene, created, added(1, 1)).when({ type: 'AddStep', data: { step, icase: 1, sort: 1 } })
    when(2).gives(added(2, 1))
    when(1).refused('conflict')
  })
  test('changes its case and its place, never its scene', () => {
    const when = (more: object) =>
      given(scene, created, added(1, 1)).when({ type: 'ChangeStep', step: 1, changes: {}, ...more })
    when({ scene: 3, changes: { icase: 2, sort: 1 } }).gives({ type: 'StepChanged', data: { step: 1, icase: 2 } })
    when({ changes: { sort: -5 } }).gives({ type: 'StepChanged', data: { step: 1, sort: -5 } })
    when({ scene: 3, changes: { icase: 1, sort: 1 } }).gives()
    when({ scene: 4 }).refused('invalid', 'scene')
    when({ step: 2, changes: { sort: 2 } }).refused('not_found')
  })
  test('is removed once', () => {
    const removed = { type: 'StepRemoved', data: { step: 1 } } as const
    given(scene, created, added(1, 1)).when({ type: 'RemoveStep', step: 1 }).gives(removed)
    const without = given(scene, created, added(1, 1), removed)
    without.when({ type: 'RemoveStep', step: 1 }).refused('not_found')
    without.when({ type: 'ChangeStep', step: 1, changes: { sort: 2 } }).refused('not_found')
  })
})

describe('a new order', () => {
  const inOrder = given(scene, created, added(1, 1), added(2, 2), added(3, 3))
  const when = (...order: [step: number, sort: number][]) =>
    inOrder.when({ type: 'ReorderSteps', order: order.map(([step, sort]) => ({ step, sort })) })

  test('is one event, of the steps that it moves', () => {
    when([1, 3], [2, 2], [3, 1]).gives(reordered([1, 3], [3, 1]))
    when([2, 9]).gives(reordered([2, 9]))
    when([1, 1], [2, 2], [3, 3]).gives()
  })
  test('is refused as a whole when a step is not there or comes twice, and names it', () => {
    when([1, 3], [4, 1]).refused('unknown_reference', '1.id')
    when([1, 3], [2, 1], [1, 2]).refused('invalid', '2.id')
    // Also where the repeated one would not move.
    when([1, 1], [1, 1]).refused('invalid', '1.id')
  })
})

test('steps fold to what was last said of them, and a fold leaves the earlier one as it was', () => {
  const events: SceneEvent[] = [created, added(1, 1), added(2, 2), added(1_000_000, 3, 5)]
  const before = given(scene, ...events).state
  const after = [
    { type: 'StepChanged', data: { step: 1, icase: 9 } } as const,
    reordered([2, 7], [1, 8]),
    { type: 'StepRemoved', data: { step: 1_000_000 } } as const,
    // Of steps that are gone nothing is said that counts.
    { type: 'StepChanged', data: { step: 1_000_000, sort: 1 } } as const,
    reordered([1_000_000, 1]),
  ].reduce((state, event) => scene.evolve(state, event), before)
  expect(after.status === 'live' && Object.fromEntries(after.steps.entries())).toEqual({
    1: { icase: 9, sort: 8 },
    2: { icase: 1, sort: 7 },
  })
  expect(before.status === 'live' && Object.fromEntries(before.steps.entries())).toEqual(stepsOf(...events))
  expect(stepsOf(...events)).toEqual({
    1: { icase: 1, sort: 1 },
    2: { icase: 1, sort: 2 },
    1_000_000: { icase: 5, sort: 3 },
  })
})
