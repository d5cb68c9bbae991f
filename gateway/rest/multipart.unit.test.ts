import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { type Fields, FormText, UploadedFile } from './body.ts'
import { attachment, extendedText, parametersOf } from './disposition.ts'
import { readMultipart } from './multipart.ts'

const LIMIT = 300 * 1024
const BOUNDARY = '----WebKitFormBoundaryuB0zvJWw5yrFtxuU'
const NO_RESPONSE = { shouldKeepAlive: true } as ServerResponse

function requestOf(chunks: readonly Buffer[], contentType = `multipart/form-data; boundary=${BOUNDARY}`) {
  const request = new PassThrough() as PassThrough & { headers: object }
  request.headers = { 'content-type': contentType }
  for (const chunk of chunks) request.write(chunk)
  request.end()
  return request as unknown as IncomingMessage
}

const read = (...chunks: readonly (Buffer | string)[]): Promise<Fields> =>
  readMultipart(requestOf(chunks.map((chunk) => Buffer.from(chunk))), NO_RESPONSE, { maxBytes: LIMIT })

type GivenPart = Readonly<{ head: string; content: Buffer | string }>

function form(...parts: readonly GivenPart[]): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ head, content }) => [
      Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ])
}

const part = (disposition: string, content: Buffer | string = '', type = ''): GivenPart => ({
  head: `Content-Disposition: form-data; ${disposition}${type === '' ? '' : `\r\nContent-Type: ${type}`}`,
  content,
})

const fileOf = async (...parts: readonly GivenPart[]): Promise<UploadedFile> => {
  const { file } = await read(form(...parts))
  if (!(file instanceof UploadedFile)) throw new Error('there is no file')
  return file
}

/** As a socket brings them. */
const pieces = (body: Buffer): readonly Buffer[] =>
  Array.from({ length: Math.ceil(body.length / 65_536) }, (_, at) => body.subarray(at * 65_536, (at + 1) * 65_536))

const refusalOf = async (work: Promise<unknown>): Promise<{ code: string; message: string; fields?: object }> =>
  work.then(
    () => {
      throw new Error('was taken')
    },
    (error: unknown) => error as { code: string; message: string; fields?: object },
  )

describe('a form', () => {
  test('brings texts and a file, byte for byte, however it is cut into pieces', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 45, 45, ...Buffer.from(`\r\n--${BOUNDARY.slice(0, -1)}`), 13, 10])
    const body = form(
      part('name="project"', '12'),
      part('name="file"; filename="数据.bin"', bytes, 'Text/Plain; charset=GBK'),
      part('name="note"', '说明'),
    )
    const wanted = {
      project: new FormText('12'),
      file: new UploadedFile('数据.bin', 'Text/Plain; charset=GBK', bytes),
      note: new FormText('说明'),
    }
    expect({ ...(await read(body)) }).toEqual(wanted)
    expect({ ...(await read(...Array.from(body, (byte) => Buffer.from([byte])))) }).toEqual(wanted)
    for (let cut = 1; cut < body.length; cut++) {
      expect([cut, { ...(await read(body.subarray(0, cut), body.subarray(cut))) }]).toEqual([cut, wanted])
    }
  })

  test('may have an empty file, wherever it is cut', async () => {
    const body = form(part('name="file"; filename="empty"', ''))
    for (let cut = 1; cut < body.length; cut++) {
      const { file } = await read(body.subarray(0, cut), body.subarray(cut))
      expect([cut, file]).toEqual([cut, new UploadedFile('empty', 'application/octet-stream', Buffer.alloc(0))])
    }
  })

  test('may have nothing in it, and text around it', async () => {
    expect({ ...(await read(`--${BOUNDARY}--\r\n`)) }).toEqual({})
    const around = Buffer.concat([Buffer.from('before\r\n'), form(part('name="a"', '1')), Buffer.from('after')])
    expect({ ...(await read(around)) }).toEqual({ a: new FormText('1') })
  })

  test('takes a boundary in quotes', async () => {
    const body = form(part('name="a"', '1')).toString().replaceAll(BOUNDARY, 'a b')
    const type = 'Multipart/Form-Data; charset=utf-8; Boundary="a b"'
    const fields = await readMultipart(requestOf([Buffer.from(body)], type), NO_RESPONSE, { maxBytes: LIMIT })
    expect({ ...fields }).toEqual({ a: new FormText('1') })
  })

  test('keeps several texts under one name, whatever the name, and however the items of a list are named', async () => {
    const fields = await read(form(part('name="__proto__"', '1'), part('name="__proto__[]"', '2')))
    expect(Object.entries(fields)).toEqual([['__proto__', new FormText('1', '2')]])
  })
})

describe('a file', () => {
  test('has the name that it was sent with, by RFC 8187 where that can be read', async () => {
    const names = [
      ['filename="a b.sql"', 'a b.sql'],
      ['filename=plain.sql', 'plain.sql'],
      ['filename="文件.sql"', '文件.sql'],
      [String.raw`filename="D:\dir\new \"1\".sql"`, String.raw`D:\dir\new "1".sql`],
      [`filename="x; name=y"`, 'x; name=y'],
      [`filename="fallback.sql"; filename*=UTF-8''%E6%96%87%20.sql`, '文 .sql'],
      [`filename*=utf-8'zh'%E6%96%87.sql`, '文.sql'],
      [`filename="fallback.sql"; filename*=UTF-8''%FF.sql`, 'fallback.sql'],
      [`filename="fallback.sql"; filename*=KOI8-R''a.sql`, 'fallback.sql'],
      ['filename=""', ''],
    ] as const
    for (const [sent, name] of names) expect((await fileOf(part(`name="file"; ${sent}`))).name).toBe(name)
  })

  test('may have as many bytes as are allowed, and no more', async () => {
    const upload = (size: number) => read(...pieces(form(part('name="file"; filename="a"', Buffer.alloc(size, 7)))))
    expect((await upload(LIMIT))['file']).toEqual(
      new UploadedFile('a', 'application/octet-stream', Buffer.alloc(LIMIT, 7)),
    )
    for (const size of [LIMIT + 1, 11 * 1024 * 1024]) {
      expect(await refusalOf(upload(size))).toMatchObject({
        code: 'invalid',
        message: 'file 大小不能超过 300 KB（307200 字节）',
        fields: { file: ['大小不能超过 300 KB（307200 字节）'] },
      })
    }
  })

  test('comes alone', async () => {
    for (const other of ['file', 'other']) {
      const two = read(form(part('name="file"; filename="a"'), part(`name="${other}"; filename="b"`)))
      expect(await refusalOf(two)).toMatchObject({ code: 'invalid', fields: { [other]: ['一次只能上传一个文件'] } })
    }
  })

  test('is told from others by name, type and content alone', () => {
    const file = (name: string, type: string, content: string) =>
      JSON.stringify(new UploadedFile(name, type, Buffer.from(content)))
    expect(file('a', 't', 'x')).toBe(file('a', 't', 'x'))
    const others = [file('a', 't', 'x'), file('b', 't', 'x'), file('a', 'u', 'x'), file('a', 't', 'y')]
    expect(new Set(others).size).toBe(4)
  })
})

describe('refused is', () => {
  test('another content type, and one without a boundary', async () => {
    const sent = (type: string) => async () => readMultipart(requestOf([], type), NO_RESPONSE, { maxBytes: LIMIT })
    expect(await refusalOf(sent('application/json')())).toMatchObject({ code: 'unsupported_media_type' })
    expect(await refusalOf(sent('multipart/form-data-2; boundary=a')())).toMatchObject({
      code: 'unsupported_media_type',
    })
    expect(await refusalOf(sent('multipart/form-data')())).toMatchObject({ code: 'bad_request' })
    for (const length of [201, 5_000]) {
      const refusal = await refusalOf(sent(`multipart/form-data; boundary=${'b'.repeat(length)}`)())
      expect(refusal).toMatchObject({ code: 'bad_request', message: expect.stringContaining('boundary') })
    }
    expect(await refusalOf(sent('multipart/form-data; boundary=""')())).toMatchObject({ code: 'bad_request' })
  })

  test('what is cut off anywhere', async () => {
    const body = form(part('name="project"', '1'), part('name="file"; filename="a"', 'content'))
    const closing = body.length - '--\r\n'.length
    for (let length = 0; length < closing; length++) {
      expect([length, await refusalOf(read(body.subarray(0, length)))]).toMatchObject([length, { code: 'bad_request' }])
    }
  })

  test('what is no form', async () => {
    const bodies = [
      'file=1',
      `--${BOUNDARY}\r\n\r\ncontent\r\n--${BOUNDARY}--`,
      `--${BOUNDARY}\r\nno header\r\n\r\ncontent\r\n--${BOUNDARY}--`,
      `--${BOUNDARY}\r\n--${BOUNDARY}--`,
      `--${BOUNDARY}\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--${BOUNDARY}--`,
      `--${BOUNDARY}\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--${BOUNDARY}--`,
    ]
    for (const body of bodies)
      expect([body, await refusalOf(read(body))]).toMatchObject([body, { code: 'bad_request' }])
  })

  test('too much of everything', async () => {
    const parts = (count: number) => read(form(...Array.from({ length: count }, (_, at) => part(`name="${at}"`))))
    expect(Object.keys(await parts(100))).toHaveLength(100)
    expect(await refusalOf(parts(101))).toMatchObject({ code: 'bad_request' })
    const text = (size: number) => read(form(part('name="a"', Buffer.alloc(size, 'x'))))
    expect((await text(65_536))['a']).toEqual(new FormText('x'.repeat(65_536)))
    expect(await refusalOf(text(65_537))).toMatchObject({ code: 'invalid', fields: { a: ['不能超过 64 KiB'] } })
    const preamble = Buffer.alloc(10 * 1024 * 1024, 'x')
    expect(await refusalOf(read(preamble, form(part('name="a"'))))).toMatchObject({ code: 'too_large' })
  })

  test('text that is no UTF-8 or holds a NUL', async () => {
    const broken = Buffer.from([0x61, 0xff])
    expect(await refusalOf(read(form(part('name="a"', broken))))).toMatchObject({ code: 'bad_request' })
    const name = Buffer.from(
      form(part('name="file"; filename="a?b"')).toString('latin1').replace('?', '\xff'),
      'latin1',
    )
    expect(await refusalOf(read(name))).toMatchObject({ code: 'bad_request' })
    expect(await refusalOf(read(form(part('name="a"', '1\0'))))).toMatchObject({ code: 'invalid' })
  })

  test('what its sender leaves unfinished', async () => {
    const request = requestOf([]) as unknown as PassThrough & { headers: object }
    const open = new PassThrough() as PassThrough & { headers: object }
    open.headers = request.headers
    const reading = refusalOf(readMultipart(open as unknown as IncomingMessage, NO_RESPONSE, { maxBytes: LIMIT }))
    open.write(form(part('name="a"')).subarray(0, 60))
    open.destroy()
    await once(open, 'close')
    expect(await reading).toMatchObject({ code: 'bad_request', message: '请求体不完整' })
  })
})

test('what is left of a refused body is read and thrown away', async () => {
  const body = form(part('name="file"; filename="a"', Buffer.alloc(2 * 1024 * 1024)))
  const request = requestOf(pieces(body))
  const ended = once(request, 'end')
  await refusalOf(readMultipart(request, NO_RESPONSE, { maxBytes: LIMIT }))
  await ended
})

test('parameters of a header', () => {
  expect([...parametersOf('form-data; Name=a ; x="b;\\"c\\\\d\\e" ;y=')]).toEqual([
    ['name', 'a'],
    ['x', 'b;"c\\d\\e'],
    ['y', ''],
  ])
  expect(extendedText("UTF-8''a%2")).toBeUndefined()
  expect(extendedText("ISO-8859-1'de'%FC")).toBe('ü')
})

test('a download has its name in both spellings', () => {
  expect(attachment('a b.sql')).toBe(`attachment; filename="a b.sql"; filename*=UTF-8''a%20b.sql`)
  expect(attachment(`文"'\\%\r\n.sql`)).toBe(
    `attachment; filename="__'____.sql"; filename*=UTF-8''%E6%96%87%22%27%5C%25%0D%0A.sql`,
  )
})
