import { describe, expect, test } from '@jest/globals'
import {
  caseChanged,
  caseCreated,
  caseDeleted,
  interfaceChanged,
  interfaceCreated,
  interfaceDeleted,
  json,
  PLAIN_CASE,
  projectCreated,
  projectDeleted,
  sceneCreated,
  sceneDeleted,
  stepAdded,
  stepRemoved,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findCase, listCases } from './cases.ts'

const given = givenRows()

describe('a case', () => {
  test('shows its texts letter for letter, long ones by reference, and the interface as it is now', async () => {
    const setup_script = { $blob: 'c'.repeat(64), bytes: 20_000 }
    const models = await given(
      projectCreated(1),
      interfaceCreated(1, 1),
      caseCreated(1, 1, { setup_script }),
      caseChanged(1, { title: "'; drop table cases; --", request: json('{ "json": 1.0,\n "json": null }') }),
      interfaceChanged(1, { url: '/v2/' }),
    )
    expect(await findCase(models, 1)).toEqual({
      id: 1,
      interface: { id: 1, project: 1, name: '登录', url: '/v2/', method: 'post', type: '1' },
      ...PLAIN_CASE,
      title: "'; drop table cases; --",
      request: '{ "json": 1.0,\n "json": null }',
      setup_script,
      revision: '1',
    })
  })

  test('moves to another interface', async () => {
    const models = await given(
      projectCreated(1),
      interfaceCreated(1, 1),
      interfaceCreated(2, 1, { url: '/two' }),
      caseCreated(1, 1),
      caseChanged(1, { interface: 2 }),
      interfaceDeleted(1),
    )
    expect(await findCase(models, 1)).toMatchObject({ interface: { id: 2, url: '/two' }, title: 'case 1' })
    expect(await listCases(models, { interface: 1 }, ALL)).toEqual({ rows: [], count: 0 })
    expect(await listCases(models, { interface: 2 }, ALL)).toEqual({ rows: [{ id: 1, title: 'case 1' }], count: 1 })
  })

  test('is not seen after its own deletion, nor after that of its interface or project', async () => {
    const models = await given(
      projectCreated(1),
      projectCreated(2),
      interfaceCreated(1, 1),
      interfaceCreated(2, 1),
      interfaceCreated(3, 2),
      caseCreated(1, 1),
      caseCreated(2, 1),
      caseCreated(3, 2),
      caseCreated(4, 3),
      caseDeleted(1),
      interfaceDeleted(2),
      projectDeleted(2),
    )
    for (const id of [1, 3, 4]) expect([id, await findCase(models, id)]).toEqual([id, undefined])
    expect(await listCases(models, {}, ALL)).toEqual({ rows: [{ id: 2, title: 'case 2' }], count: 1 })
    for (const filter of [{ interface: 2 }, { interface: 3 }, { project: 2 }]) {
      expect(await listCases(models, filter, { limit: 5, offset: 0 })).toEqual({ rows: [], count: 0 })
    }
  })

  test('that is born after its interface or project has gone is never seen', async () => {
    const models = await given(
      projectCreated(1),
      projectCreated(2),
      interfaceCreated(1, 1),
      interfaceCreated(2, 2),
      interfaceDeleted(1),
      projectDeleted(2),
      caseCreated(1, 1),
      caseCreated(2, 2),
      caseChanged(2, { title: 'late' }),
      caseCreated(3, 9),
    )
    for (const id of [1, 2, 3]) expect([id, await findCase(models, id)]).toEqual([id, undefined])
    expect(await listCases(models, {}, ALL)).toEqual({ rows: [], count: 0 })
  })
})

test('a list is by id, of one interface or project where asked, in pages that count all that is seen', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    interfaceCreated(1, 1),
    interfaceCreated(2, 1),
    interfaceCreated(3, 2),
    caseCreated(10, 1),
    caseCreated(2, 1),
    caseCreated(3, 2),
    caseCreated(4, 3),
    caseCreated(5, 1),
    caseDeleted(5),
  )
  const ids = async (filter: { interface?: number; project?: number }, limit: number | null, offset: number) => {
    const { rows, count } = await listCases(models, filter, { limit, offset })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids({}, null, 0)).toEqual([[2, 3, 4, 10], 4])
  expect(await ids({}, 2, 2)).toEqual([[4, 10], 4])
  expect(await ids({ interface: 1 }, 1, 1)).toEqual([[10], 2])
  expect(await ids({ project: 1 }, 2, 0)).toEqual([[2, 3], 3])
  expect(await ids({ project: 1, interface: 3 }, 2, 0)).toEqual([[], 0])
  expect(await ids({ project: 2, interface: 3 }, null, 0)).toEqual([[4], 1])
})

test('those of a scene are listed where they run first, each once', async () => {
  const models = await given(
    projectCreated(1),
    interfaceCreated(1, 1),
    interfaceCreated(2, 1),
    ...[1, 2, 3, 4, 5].map((id) => caseCreated(id, id === 4 ? 2 : 1)),
    sceneCreated(1, 1),
    sceneCreated(2, 1),
    sceneCreated(3, 1),
    stepAdded(1, 10, 2, 5),
    stepAdded(1, 11, 1, 5),
    stepAdded(1, 12, 4, 1),
    // The same case before and after: it stands where it runs first.
    stepAdded(1, 13, 1, 9),
    stepAdded(1, 14, 2, -1),
    stepAdded(1, 15, 3, 0),
    stepRemoved(1, 15),
    stepAdded(1, 16, 5, 0),
    caseDeleted(5),
    stepAdded(2, 17, 3, 1),
    stepAdded(3, 18, 3, 1),
    sceneDeleted(3),
  )
  const ids = async (filter: { scene: number; interface?: number; project?: number }, limit: number | null = null) => {
    const { rows, count } = await listCases(models, filter, { limit, offset: limit === null ? 0 : 1 })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids({ scene: 1 })).toEqual([[2, 4, 1], 3])
  expect(await ids({ scene: 1 }, 1)).toEqual([[4], 3])
  expect(await ids({ scene: 1, interface: 1 })).toEqual([[2, 1], 2])
  expect(await ids({ scene: 1, project: 2 })).toEqual([[], 0])
  expect(await ids({ scene: 2 })).toEqual([[3], 1])
  // A scene that is deleted, and one that never was.
  for (const scene of [3, 4]) expect(await ids({ scene })).toEqual([[], 0])
})
