import { describe, expect, test } from '@jest/globals'
import { parseJson } from '../../../contracts/json.ts'
import { multipartOf } from './multipart.ts'
import { type CaseFiles, uploadOf } from './upload.ts'

const BINARY = Buffer.from([0, 255, ...Buffer.from('bin\r\n')])
const asked: string[] = []
const files: CaseFiles = (reference) => {
  asked.push(reference)
  const known = { name: 'kept.sql', type: 'text/kept', bytes: BINARY }
  return Promise.resolve(['7', '/tmp/a b.sql'].includes(reference) ? known : undefined)
}

const upload = (file: string) => uploadOf(parseJson(file), files)
const sent = async (file: string): Promise<string> =>
  Buffer.from(multipartOf((await upload(file)) ?? [], 'B').bytes).toString('latin1')

/** As the bytes stand in latin-1. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('the form of a case is what ApiTestEngine 1.0.3 sends', () => {
  // Each body was taken from it, its boundary apart.
  test.each([
    [
      String.raw`[["up",["文\"件\\.sql","/tmp/a b.sql","text/plain"]],["t","中\r\n文"]]`,
      '--B\r\nContent-Disposition: form-data; name="up"; filename="文%22件\\\\.sql"\r\nContent-Type: text/plain\r\n\r\n' +
        '<BINARY>\r\n--B\r\nContent-Disposition: form-data; name="t"\r\n\r\n中\r\n文\r\n--B--\r\n',
    ],
    [
      '{"t":"v","f":["n.sql","/tmp/a b.sql",""]}',
      '--B\r\nContent-Disposition: form-data; name="t"\r\n\r\nv\r\n' +
        '--B\r\nContent-Disposition: form-data; name="f"; filename="n.sql"\r\n\r\n<BINARY>\r\n--B--\r\n',
    ],
    [
      '[["f",["n.sql","/tmp/a b.sql",null]]]',
      '--B\r\nContent-Disposition: form-data; name="f"; filename="n.sql"\r\n\r\n<BINARY>\r\n--B--\r\n',
    ],
    [
      '[["f",[null,"/tmp/a b.sql","a/b"]]]',
      '--B\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: a/b\r\n\r\n<BINARY>\r\n--B--\r\n',
    ],
    [
      '[["f",["","/tmp/a b.sql",5]]]',
      '--B\r\nContent-Disposition: form-data; name="f"; filename=""\r\nContent-Type: 5\r\n\r\n<BINARY>\r\n--B--\r\n',
    ],
    [
      '[["f",["n.sql","/tmp/a b.sql"]]]',
      '--B\r\nContent-Disposition: form-data; name="f"; filename="n.sql"\r\n\r\n/tmp/a b.sql\r\n--B--\r\n',
    ],
    ['[["f",""]]', '--B\r\nContent-Disposition: form-data; name="f"\r\n\r\n\r\n--B--\r\n'],
    ['[["","x"]]', '--B\r\nContent-Disposition: form-data; name=""\r\n\r\nx\r\n--B--\r\n'],
    [
      String.raw`[["a\r\nb\u001b\u007f\u0001","x"]]`,
      '--B\r\nContent-Disposition: form-data; name="a%0D%0Ab\x1b\x7f%01"\r\n\r\nx\r\n--B--\r\n',
    ],
  ])('%s', async (file, wanted) => {
    expect(await sent(file)).toBe(utf8(wanted).replace('<BINARY>', BINARY.toString('latin1')))
  })
})

test('no entries are no form', async () => {
  for (const file of ['[]', '{}', 'null', '""', 'false', '0']) expect(await upload(file)).toBeUndefined()
  expect(await uploadOf(undefined, files)).toBeUndefined()
})

test('a file is asked for as it is named, an id as its digits', async () => {
  asked.length = 0
  await upload('[["a",["x",7,"t"]],["b",["x","7","t"]],["c",["x","/tmp/a b.sql","t"]]]')
  expect(asked).toEqual(['7', '7', '/tmp/a b.sql'])
})

test('a file that is not there is named', async () => {
  await expect(upload(String.raw`[["f",["n.sql","D:\\x\\y.sql","a/b"]]]`)).rejects.toThrow(
    String.raw`file的f引用的文件不存在：D:\x\y.sql`,
  )
  await expect(upload('[["f",["n.sql",8,"a/b"]]]')).rejects.toThrow('file的f引用的文件不存在：8')
})

test.each([
  '5',
  '"text"',
  'true',
  '["f"]',
  '[["f"]]',
  '[["f","x","y"]]',
  '[[5,"x"]]',
  '[[null,"x"]]',
  '[["f",5]]',
  '[["f",null]]',
  '[["f",true]]',
  '[["f",{"a":1}]]',
  '[["f",[]]]',
  '[["f",["n"]]]',
  '[["f",["n",5]]]',
  '[["f",["n",null,"t"]]]',
  '[["f",[3,"7","t"]]]',
  '[["f",["n","7","t","x"]]]',
])('refused, naming file: %s', async (file) => {
  await expect(upload(file)).rejects.toThrow(/^file/)
})

test('bytes that a setup script put there are sent as they are', async () => {
  const bytes = JSON.stringify(String.raw`${'\0'}python:bytes:b'\xff\x00a\n'`)
  const parts = await upload(`[["a",${bytes}],["b",["n",${bytes}]],["c",["n",${bytes},"a/b"]]]`)
  const content = Buffer.from([255, 0, 97, 10])
  expect(parts).toEqual([
    { name: 'a', content },
    { name: 'b', fileName: 'n', content },
    { name: 'c', fileName: 'n', type: 'a/b', content },
  ])
  const other = JSON.stringify(`\0python:set:{1}`)
  await expect(sent(`[["a",${other}]]`)).rejects.toThrow('请求体中含有无法发送的Python值')
})

test('a type with a line break is refused, and so is what UTF-8 cannot hold', async () => {
  await expect(sent(String.raw`[["f",["n","7","a\r\nX-A: b"]]]`)).rejects.toThrow(
    '表单字段(file、files)f的类型中不能有换行',
  )
  for (const file of [String.raw`[["f","\ud800"]]`, String.raw`[["\ud800","x"]]`]) {
    await expect(sent(file)).rejects.toThrow('UTF-8')
  }
})

test('a request holds no more than 10 MiB', async () => {
  const big = (size: number) => upload(JSON.stringify([['f', 'x'.repeat(size)]]))
  expect(await big(10 * 1024 * 1024)).toHaveLength(1)
  await expect(big(10 * 1024 * 1024 + 1)).rejects.toThrow('10MiB')
})

test('a result shows texts as they are, and bytes in base64', async () => {
  const { shown, type } = multipartOf((await upload('[["t","中"],["f",["n","7","a/b"]]]')) ?? [], 'B')
  expect(type).toBe('multipart/form-data; boundary=B')
  expect(shown).toBe(
    '--B\r\nContent-Disposition: form-data; name="t"\r\n\r\n中\r\n' +
      '--B\r\nContent-Disposition: form-data; name="f"; filename="n"\r\nContent-Type: a/b\r\n\r\n' +
      `base64(7字节)：${BINARY.toString('base64')}\r\n--B--\r\n`,
  )
})
