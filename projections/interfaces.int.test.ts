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
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findInterface, listInterfaces } from './interfaces.ts'

const given = givenRows()

describe('an interface', () => {
  test('shows its last fields and the cases that it has, by id', async () => {
    const models = await given(
      projectCreated(1),
      interfaceCreated(1, 1),
      caseCreated(12, 1),
      caseCreated(3, 1),
      caseCreated(4, 2),
      interfaceChanged(1, { url: '/v2/', method: 'GET' }),
      caseChanged(12, { title: 'renamed' }),
    )
    const shown = {
      id: 1,
      project: 1,
      name: '登录',
      url: '/v2/',
      method: 'GET',
      type: '1',
      module: null,
      revision: '1',
      cases: [
        { id: 3, title: 'case 3' },
        { id: 12, title: 'renamed' },
      ],
    }
    expect(await findInterface(models, 1)).toEqual(shown)
    expect(await listInterfaces(models, {}, ALL)).toEqual({ rows: [shown], count: 1 })
  })

  test('does not show cases that are deleted or have moved to another interface', async () => {
    const models = await given(
      projectCreated(1),
      interfaceCreated(1, 1),
      interfaceCreated(2, 1),
      caseCreated(1, 1),
      caseCreated(2, 1),
      caseDeleted(1),
      caseChanged(2, { interface: 2 }),
    )
    const { rows } = await listInterfaces(models, {}, ALL)
    expect(rows.map(({ id, cases }) => [id, cases])).toEqual([
      [1, []],
      [2, [{ id: 2, title: 'case 2' }]],
    ])
  })

  test('is gone with its own deletion and with that of its project', async () => {
    const models = await given(
      projectCreated(1),
      projectCreated(2),
      interfaceCreated(1, 1),
      interfaceCreated(2, 1),
      interfaceCreated(3, 2),
      interfaceDeleted(1),
      projectDeleted(2),
    )
    expect(await findInterface(models, 1)).toBeUndefined()
    expect(await findInterface(models, 3)).toBeUndefined()
    expect((await listInterfaces(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2])
    expect(await listInterfaces(models, { project: 2 }, { limit: 5, offset: 0 })).toEqual({ rows: [], count: 0 })
  })

  test('that is born after its project has gone is never seen, nor one of a project that never was', async () => {
    const models = await given(
      projectCreated(1),
      projectDeleted(1),
      interfaceCreated(1, 1),
      interfaceChanged(1, { url: '/late' }),
      interfaceCreated(2, 9),
    )
    expect([await findInterface(models, 1), await findInterface(models, 2)]).toEqual([undefined, undefined])
    expect(await listInterfaces(models, {}, ALL)).toEqual({ rows: [], count: 0 })
  })
})

test('a list is by id, of one project where asked, in pages that count all that is seen', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    projectCreated(3),
    projectDeleted(3),
    interfaceCreated(30, 2),
    interfaceCreated(4, 1),
    interfaceCreated(5, 2),
    interfaceCreated(6, 1),
    interfaceCreated(7, 3),
    interfaceCreated(8, 1),
  )
  const ids = async (filter: { project?: number }, limit: number | null, offset: number) => {
    const { rows, count } = await listInterfaces(models, filter, { limit, offset })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids({}, null, 0)).toEqual([[4, 5, 6, 8, 30], 5])
  expect(await ids({}, 2, 2)).toEqual([[6, 8], 5])
  expect(await ids({ project: 1 }, 2, 0)).toEqual([[4, 6], 3])
  expect(await ids({ project: 1 }, 2, 2)).toEqual([[8], 3])
  expect(await ids({ project: 2 }, null, 0)).toEqual([[5, 30], 2])
  expect(await ids({ project: 9 }, 2, 0)).toEqual([[], 0])
})
