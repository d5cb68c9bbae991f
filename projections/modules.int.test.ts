import { expect, test } from '@jest/globals'
import {
  interfaceChanged,
  interfaceCreated,
  moduleAdded,
  moduleChanged,
  moduleRemoved,
  projectCreated,
  projectDeleted,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findInterface, listInterfaces } from './interfaces.ts'
import { findModule, listModules, placeOfModule } from './modules.ts'

const given = givenRows()

test('modules are listed by id, of one project where asked, as they were last named and moved', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    moduleAdded(1, 12, { name: '用户' }),
    moduleAdded(2, 5),
    moduleAdded(1, 3, { parent: 12 }),
    moduleAdded(1, 4, { name: '用户' }),
    moduleChanged(1, 3, { parent: 4 }),
    moduleChanged(1, 4, { name: '登录' }),
    moduleChanged(1, 12, { parent: 4 }),
    moduleChanged(1, 12, { parent: null }),
  )
  const three = { id: 3, name: 'module 3', project: 1, parent: 4 }
  const four = { id: 4, name: '登录', project: 1, parent: null }
  const five = { id: 5, name: 'module 5', project: 2, parent: null }
  const twelve = { id: 12, name: '用户', project: 1, parent: null }
  expect(await listModules(models, {}, ALL)).toEqual({ rows: [three, four, five, twelve], count: 4 })
  expect(await listModules(models, { project: 1 }, { limit: 2, offset: 1 })).toEqual({ rows: [four, twelve], count: 3 })
  expect(await listModules(models, { project: 1, search: '用户' }, ALL)).toEqual({ rows: [twelve], count: 1 })
  expect(await listModules(models, { project: 9 }, ALL)).toEqual({ rows: [], count: 0 })
  // At the revision of the stream, whichever module its last event told of.
  for (const module of [three, four, twelve]) {
    expect(await findModule(models, module.id)).toEqual({ ...module, revision: '6' })
  }
  expect(await findModule(models, 5)).toEqual({ ...five, revision: '0' })
})

test('modules are gone with their removal, with one that they lay in, and with their project', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    moduleAdded(1, 1),
    moduleAdded(1, 2, { parent: 1 }),
    moduleAdded(1, 3, { parent: 2 }),
    moduleAdded(1, 4),
    moduleAdded(2, 5),
    moduleRemoved(1, 1, 2, 3),
    projectDeleted(2),
    moduleAdded(2, 6),
    moduleChanged(2, 5, { name: 'late' }),
  )
  expect((await listModules(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([4])
  for (const id of [1, 2, 3, 5, 6, 7]) expect([id, await findModule(models, id)]).toEqual([id, undefined])
  // The removal was the last event of the stream.
  expect(await findModule(models, 4)).toMatchObject({ revision: '4' })
  const places = await Promise.all([1, 3, 4, 5, 7].map((id) => placeOfModule(models, id)))
  expect(places).toEqual([
    { project: 1, visible: false },
    { project: 1, visible: false },
    { project: 1, visible: true },
    { project: 2, visible: false },
    undefined,
  ])
})

test('an interface shows the module that it lies in while that is there', async () => {
  const models = await given(
    projectCreated(1),
    moduleAdded(1, 1),
    moduleAdded(1, 2),
    interfaceCreated(1, 1),
    interfaceCreated(2, 1, { module: 1 }),
    interfaceCreated(3, 1, { module: 2 }),
    interfaceCreated(4, 1, { module: 2 }),
    interfaceCreated(5, 1, { module: 2 }),
    interfaceChanged(4, { module: null }),
    interfaceChanged(5, { module: 1 }),
    moduleRemoved(1, 2),
    // Filed under it by who did not know yet.
    interfaceCreated(6, 1, { module: 2 }),
  )
  const shown = async (filter: { module?: number }) =>
    (await listInterfaces(models, filter, ALL)).rows.map(({ id, module }) => [id, module])
  expect(await shown({})).toEqual([
    [1, null],
    [2, 1],
    [3, null],
    [4, null],
    [5, 1],
    [6, null],
  ])
  expect(await shown({ module: 1 })).toEqual([
    [2, 1],
    [5, 1],
  ])
  expect(await shown({ module: 2 })).toEqual([])
  expect(await listInterfaces(models, { module: 1 }, { limit: 1, offset: 0 })).toMatchObject({ count: 2 })
  expect([await findInterface(models, 2), await findInterface(models, 3)]).toMatchObject([
    { module: 1 },
    { module: null },
  ])
})
