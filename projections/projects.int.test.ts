import { expect, test } from '@jest/globals'
import { projectChanged, projectCreated, projectDeleted } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findProject, listProjects } from './projects.ts'

const given = givenRows()

test('a project keeps the time of its first event, and counts its changes', async () => {
  const models = await given(
    projectCreated(1),
    projectChanged(1, { name: 'it\'s 小小 "电商"' }),
    projectChanged(1, { leader: '' }),
  )
  expect(await findProject(models, 1)).toEqual({
    id: 1,
    name: 'it\'s 小小 "电商"',
    leader: '',
    create_time: '2026-11-21T18:00:00.000000+08:00',
    revision: '2',
  })
})

test('a deleted project is nowhere, and what comes after its deletion makes no row', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    projectDeleted(1),
    projectChanged(1, { name: 'ghost' }),
  )
  expect(await findProject(models, 1)).toBeUndefined()
  expect((await listProjects(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2])
})

test('a list is by id, whatever came first, in pages that know how many there are', async () => {
  const models = await given(
    projectCreated(3),
    projectCreated(1),
    projectCreated(10),
    projectCreated(2),
    projectDeleted(2),
    projectChanged(1, { name: 'b' }),
  )
  const ids = async (limit: number | null, offset: number) => {
    const { rows, count } = await listProjects(models, {}, { limit, offset })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids(null, 0)).toEqual([[1, 3, 10], 3])
  expect(await ids(2, 0)).toEqual([[1, 3], 3])
  expect(await ids(2, 2)).toEqual([[10], 3])
  expect(await ids(2, 4)).toEqual([[], 3])
  expect(await ids(0, 0)).toEqual([[], 3])
})

test('without events there is nothing', async () => {
  const models = await given()
  expect(await listProjects(models, {}, ALL)).toEqual({ rows: [], count: 0 })
  expect(await listProjects(models, {}, { limit: 10, offset: 0 })).toEqual({ rows: [], count: 0 })
})
