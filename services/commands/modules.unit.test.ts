import { describe, expect, test } from '@jest/globals'
import { MOST_LEVELS, MOST_MODULES, type ModuleEvent } from '../../contracts/module.ts'
import { given } from '../../test/given.ts'
import { modules } from './modules.ts'

const added = (module: number, parent: number | null = null, name = `模块${module}`): ModuleEvent => ({
  type: 'ModuleAdded',
  data: { module, project: 7, name, parent },
})
const changed = (module: number, changes: { name?: string; parent?: number | null }): ModuleEvent => ({
  type: 'ModuleChanged',
  data: { module, ...changes },
})
const removed = (module: number, ...below: number[]): ModuleEvent => ({
  type: 'ModuleRemoved',
  data: { module, below },
})
const add = (module: number, parent: number | null) =>
  ({ type: 'AddModule', data: { module, project: 7, name: `模块${module}`, parent } }) as const
const move = (module: number, parent: number | null) => ({ type: 'ChangeModule', module, changes: { parent } }) as const

/** 1 holds 2, which holds 3 and 4; 5 stands beside 1. */
const TREE = [added(1), added(2, 1), added(3, 2), added(4, 2), added(5)]

/** By id what each lies in. */
function parentsOf(...events: ModuleEvent[]): Record<string, number | null> {
  const { state } = given(modules, ...events)
  if (state.status !== 'live') throw new Error(`the modules are ${state.status}`)
  return Object.fromEntries(state.modules.entries().map(([id, { parent }]) => [id, parent]))
}

describe('a module', () => {
  test('is added once, at the top or in another of the project; names may repeat', () => {
    given(modules).when(add(1, null)).gives(added(1))
    given(modules, added(1)).when(add(2, 1)).gives(added(2, 1))
    given(modules, added(1, null, '模块2'))
      .when(add(2, null))
      .gives(added(2))
    given(modules, added(1)).when(add(1, null)).refused('conflict')
  })

  test('is not added to one that is not there', () => {
    given(modules).when(add(1, 9)).refused('unknown_reference', 'parent')
    given(modules, ...TREE)
      .when(add(6, 9))
      .refused('unknown_reference', 'parent')
    given(modules, ...TREE, removed(2, 3, 4))
      .when(add(6, 4))
      .refused('unknown_reference', 'parent')
    given(modules).when(add(1, 1)).refused('unknown_reference', 'parent')
  })

  test('says only what has changed', () => {
    const change = (changes: { name?: string; parent?: number | null }) =>
      given(modules, ...TREE).when({ type: 'ChangeModule', module: 3, project: 7, changes })
    change({ name: '登录', parent: 2 }).gives(changed(3, { name: '登录' }))
    change({ parent: 5 }).gives(changed(3, { parent: 5 }))
    change({ parent: null }).gives(changed(3, { parent: null }))
    change({ name: '模块3', parent: 2 }).gives()
    change({}).gives()
  })

  test('stays in its project', () => {
    given(modules, added(1))
      .when({ type: 'ChangeModule', module: 1, project: 8, changes: {} })
      .refused('invalid', 'project')
  })

  test('never comes to hold itself, however far below', () => {
    const tree = given(modules, ...TREE)
    tree.when(move(1, 1)).refused('invalid', 'parent')
    tree.when(move(1, 2)).refused('invalid', 'parent')
    tree.when(move(1, 4)).refused('invalid', 'parent')
    tree.when(move(2, 3)).refused('invalid', 'parent')
    tree.when(move(2, 5)).gives(changed(2, { parent: 5 }))
    tree.when(move(5, 4)).gives(changed(5, { parent: 4 }))
    // What has been moved is held by its new place alone.
    given(modules, ...TREE, changed(2, { parent: null }))
      .when(move(1, 4))
      .gives(changed(1, { parent: 4 }))
    tree.when(move(1, 9)).refused('unknown_reference', 'parent')
  })

  test('is removed with all that is below it, once', () => {
    given(modules, ...TREE)
      .when({ type: 'RemoveModule', module: 2 })
      .gives(removed(2, 3, 4))
    given(modules, ...TREE)
      .when({ type: 'RemoveModule', module: 1 })
      .gives(removed(1, 2, 3, 4))
    given(modules, ...TREE)
      .when({ type: 'RemoveModule', module: 5 })
      .gives(removed(5))
    expect(parentsOf(...TREE, removed(2, 3, 4))).toEqual({ 1: null, 5: null })
    const gone = given(modules, ...TREE, removed(2, 3, 4))
    gone.when({ type: 'RemoveModule', module: 2 }).refused('not_found')
    gone.when({ type: 'RemoveModule', module: 3 }).refused('not_found')
    gone.when({ type: 'ChangeModule', module: 4, changes: { name: 'x' } }).refused('not_found')
    given(modules).when({ type: 'RemoveModule', module: 1 }).refused('not_found')
  })

  test('lies at most a hundred deep, with what it holds', () => {
    const chain = Array.from({ length: MOST_LEVELS }, (_, index) => added(index + 1, index === 0 ? null : index))
    given(modules, ...chain)
      .when(add(200, MOST_LEVELS))
      .refused('invalid', 'parent')
    given(modules, ...chain)
      .when(add(200, MOST_LEVELS - 1))
      .gives(added(200, MOST_LEVELS - 1))
    const two = [added(200), added(201, 200)]
    given(modules, ...chain, ...two)
      .when(move(200, MOST_LEVELS - 1))
      .refused('invalid', 'parent')
    given(modules, ...chain, ...two)
      .when(move(200, MOST_LEVELS - 2))
      .gives(changed(200, { parent: MOST_LEVELS - 2 }))
  })

  test('is one of at most ten thousand', () => {
    const all = Array.from({ length: MOST_MODULES }, (_, index) => added(index + 1))
    given(modules, ...all)
      .when(add(20_000, null))
      .refused('conflict')
    given(modules, ...all, removed(1))
      .when(add(20_000, null))
      .gives(added(20_000))
  })
})

test('modules fold to their names and places', () => {
  const events = [...TREE, changed(3, { name: '登录' }), changed(4, { parent: 5 }), removed(1, 2, 3)]
  const { state } = given(modules, ...events)
  expect(state).toMatchObject({ status: 'live', project: 7 })
  expect(parentsOf(...events)).toEqual({ 4: 5, 5: null })
})
