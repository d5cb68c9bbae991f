import { describe, expect, test } from '@jest/globals'
import { baseName, fileStream } from '../../contracts/file.ts'
import { given } from '../../test/given.ts'
import { file, filesNamed } from './file.ts'

const data = { id: 7, project: 1, name: 'hahaha.sql', type: 'text/plain', size: 3, sha256: 'ab' }
const uploaded = { type: 'FileUploaded', data } as const
const deleted = { type: 'FileDeleted', data: { id: 7 } } as const
const again = { ...data, id: 8 }

describe('a file', () => {
  test('is not uploaded twice under one name', () => {
    given(file).when({ type: 'UploadFile', data }).gives(uploaded)
    given(file, uploaded).when({ type: 'UploadFile', data: again }).refused('invalid', 'file')
  })
  test('makes room for another of its name when it is deleted', () => {
    given(file, uploaded, deleted)
      .when({ type: 'UploadFile', data: again })
      .gives({ type: 'FileUploaded', data: again })
    given(file, uploaded, deleted, { type: 'FileUploaded', data: again })
      .when({ type: 'UploadFile', data: { ...data, id: 9 } })
      .refused('invalid', 'file')
  })
  test('is deleted once, and not by the id of one before it', () => {
    given(file, uploaded).when({ type: 'DeleteFile', id: 7 }).gives(deleted)
    given(file).when({ type: 'DeleteFile', id: 7 }).refused('not_found')
    given(file, uploaded, deleted).when({ type: 'DeleteFile', id: 7 }).refused('not_found')
    given(file, uploaded, deleted, { type: 'FileUploaded', data: again })
      .when({ type: 'DeleteFile', id: 7 })
      .refused('not_found')
  })
  test('is remembered by name when it is deleted', () => {
    const { state } = given(file, uploaded, deleted)
    expect(state).toEqual({ status: 'deleted', id: 7, project: 1, name: 'hahaha.sql' })
  })
})

test('one name in one project is one stream, whatever the id', () => {
  const streams = [
    fileStream(1, 'a'),
    fileStream(2, 'a'),
    fileStream(null, 'a'),
    fileStream(1, 'A'),
    fileStream(11, ''),
  ]
  expect(new Set(streams).size).toBe(streams.length)
  // Stored events lie under it: it never changes.
  expect(fileStream(1, 'hahaha.sql')).toBe('file-996a89ec-c822-5e78-a1a8-38418a6586b5')
  expect(filesNamed(1, 'hahaha.sql').stream(1)).toBe(filesNamed(1, 'hahaha.sql').stream(2))
})

test('a base name is what follows the last separator of any system', () => {
  expect(['a.sql', 'D:\\dir\\a.sql', '/home/x/a.sql', 'D:\\dir/a.sql', 'dir/'].map(baseName)).toEqual([
    'a.sql',
    'a.sql',
    'a.sql',
    'a.sql',
    '',
  ])
})
