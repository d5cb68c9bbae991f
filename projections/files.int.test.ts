import { describe, expect, test } from '@jest/globals'
import { fileDeleted, fileUploaded, projectCreated, projectDeleted } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findFile, listFiles, nameOfFile } from './files.ts'

const given = givenRows()

const idsOf = async (...asked: Parameters<typeof listFiles>): Promise<readonly number[]> =>
  (await listFiles(...asked)).rows.map(({ id }) => id)

describe('files', () => {
  test('are listed newest first, by project or all of them', async () => {
    const models = await given(
      projectCreated(1),
      projectCreated(2),
      fileUploaded(1, 1),
      fileUploaded(2, null),
      fileUploaded(3, 1),
      fileUploaded(4, 2),
    )
    expect(await idsOf(models, {}, ALL)).toEqual([4, 3, 2, 1])
    expect(await idsOf(models, { project: 1 }, ALL)).toEqual([3, 1])
    expect(await listFiles(models, {}, { limit: 2, offset: 1 })).toMatchObject({
      rows: [{ id: 3 }, { id: 2 }],
      count: 4,
    })
    expect(await listFiles(models, { project: 9 }, ALL)).toEqual({ rows: [], count: 0 })
  })

  test('have what was uploaded, at the revision of their name', async () => {
    const fields = { name: 'a.sql', type: 'text/plain; charset=gbk', size: 5, sha256: 'cd' }
    const models = await given(
      fileUploaded(1, null, fields),
      fileDeleted(1, null, 'a.sql'),
      fileUploaded(2, null, { ...fields, size: 6 }),
    )
    expect(await findFile(models, 2)).toEqual({ id: 2, project: null, ...fields, size: 6, revision: '2' })
    expect(await idsOf(models, {}, ALL)).toEqual([2])
  })

  test('go with their deletion and with their project, and keep their names', async () => {
    const models = await given(
      projectCreated(1),
      fileUploaded(1, 1),
      fileUploaded(2, 1),
      fileUploaded(3, null),
      fileDeleted(1, 1),
    )
    expect(await findFile(models, 1)).toBeUndefined()
    expect(await idsOf(models, {}, ALL)).toEqual([3, 2])
    expect(await nameOfFile(models, 1)).toEqual({ project: 1, name: '1.sql' })
    expect(await nameOfFile(models, 9)).toBeUndefined()

    const without = await given(projectCreated(1), fileUploaded(2, 1), fileUploaded(3, null), projectDeleted(1))
    expect(await idsOf(without, {}, ALL)).toEqual([3])
    expect(await idsOf(without, { project: 1 }, ALL)).toEqual([])
    expect(await findFile(without, 2)).toBeUndefined()
  })
})
