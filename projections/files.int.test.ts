import { describe, expect, test } from '@jest/globals'
import { type FileEvent, fileStream } from '../contracts/file.ts'
import { file } from '../services/commands/file.ts'
import { fileDeleted, fileUploaded, type GivenEvent, projectCreated, projectDeleted } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { given as folded } from '../test/given.ts'
import { storedEvents } from '../test/support/stored-events.ts'
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

test('stored events of every version make these files', async () => {
  const abc = { size: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }
  const hahaha = { id: 3, project: 1, name: 'hahaha.sql', type: 'text/plain; charset=gbk', ...abc, size: 307_200 }
  const table = { id: 2, project: null, name: '数据 "1".csv', type: 'text/csv', ...abc }
  const stored = storedEvents().filter(({ stream }) => stream.startsWith('file-')) as unknown as readonly GivenEvent[]

  const models = await given(
    projectCreated(1),
    ...stored.map(({ stream, type, data }) => ({ stream, type, data }) as GivenEvent),
  )
  const { rows } = await listFiles(models, {}, ALL)
  expect(rows).toEqual([
    { ...hahaha, revision: '2' },
    { ...table, revision: '0' },
  ])
  for (const { id, project, name } of rows) {
    const events = stored.filter(({ stream }) => stream === fileStream(project, name)) as unknown as FileEvent[]
    expect(folded(file, ...events).state).toEqual({ status: 'live', ...(id === 3 ? hahaha : table) })
  }
})
