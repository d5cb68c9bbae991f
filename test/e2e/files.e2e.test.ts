import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Reply, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { differences, printed } from '../support/printed.ts'

/** Files that cases upload (seed 000 四.3): uploaded as browsers do it, listed, downloaded byte for byte, deleted. */

const FILES = '/api/testPro/files/'
const LIMIT = 307_200

let platform: TestPlatform

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())

type Given = Readonly<{ headers?: Readonly<Record<string, string>>; token?: string }>

async function send(path: string, body: RequestInit['body'], { headers = {}, token }: Given = {}): Promise<Reply> {
  const response = await fetch(`${platform.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token ?? platform.token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  return { status: response.status, text, body: JSON.parse(text) as unknown, headers: response.headers }
}

type Content = string | Uint8Array<ArrayBuffer>
type Wanted = Readonly<{ project?: number; type?: string }>

/** A form as a browser makes it; each has a boundary of its own. */
function formOf(name: string, content: Content, { project, type = '' }: Wanted = {}): FormData {
  const form = new FormData()
  form.set('file', new File([content], name, { type }))
  if (project !== undefined) form.set('project', String(project))
  return form
}

const upload = (name: string, content: Content = 'content', wanted: Wanted = {}, given: Given = {}): Promise<Reply> =>
  send(FILES, formOf(name, content, wanted), given)

const newProject = async (): Promise<number> =>
  (
    (await platform.call('POST', '/api/testPro/projects/', { name: '小小电商', leader: 'torin' })).body as {
      id: number
    }
  ).id

async function download(id: number): Promise<Readonly<{ status: number; bytes: Buffer; headers: Headers }>> {
  const response = await fetch(`${platform.url}${FILES}${id}/download/`, {
    headers: { authorization: `Bearer ${platform.token}` },
  })
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers }
}

const idsOf = async (query = ''): Promise<readonly number[]> =>
  ((await platform.call('GET', `${FILES}${query}`)).body as { id: number }[]).map(({ id }) => id)

describe('测试文件', () => {
  test('is uploaded, listed and deleted as printed', async () => {
    // The printed request, letter for letter: an empty file of no project.
    const body = [
      '------WebKitFormBoundaryuB0zvJWw5yrFtxuU',
      'Content-Disposition: form-data; name="file"; filename="hahaha.sql"',
      'Content-Type: application/octet-stream',
      '',
      '',
      '------WebKitFormBoundaryuB0zvJWw5yrFtxuU--',
      '',
    ].join('\r\n')
    const type = 'multipart/form-data; boundary=----WebKitFormBoundaryuB0zvJWw5yrFtxuU'
    let created!: Reply
    const events = await platform.eventsOf(async () => {
      created = await send(FILES, body, { headers: { 'content-type': type } })
    })
    expect(created.status).toBe(printed('files.upload').status)
    expect(differences(created.body, printed('files.upload').answer)).toEqual([])
    const { id } = created.body as { id: number }
    const path = `upload_files/${id}/hahaha.sql`
    expect(created.body).toEqual({ id, info: ['hahaha.sql', path, 'application/octet-stream'] })
    const sha256 = createHash('sha256').digest('hex')
    const data = { id, project: null, name: 'hahaha.sql', type: 'application/octet-stream', size: 0, sha256 }
    expect(events).toMatchObject([{ type: 'FileUploaded', data }])

    const listed = await platform.call('GET', FILES)
    expect(listed.status).toBe(printed('files.list').status)
    expect(differences(listed.body, printed('files.list').answer)).toEqual([])
    expect(listed.body).toEqual([created.body])
    const detail = await platform.call('GET', `${FILES}${id}/`)
    expect([detail.body, detail.headers.get('etag')]).toEqual([created.body, created.headers.get('etag')])

    let deleted!: Reply
    const removal = await platform.eventsOf(async () => {
      deleted = await platform.call('DELETE', `/api/testPro/file/${id}/`)
    })
    expect([deleted.status, deleted.text]).toEqual([printed('files.delete').status, ''])
    expect(removal).toMatchObject([{ type: 'FileDeleted', data: { id } }])
    for (const gone of [`${FILES}${id}/`, `${FILES}${id}/download/`]) {
      expect((await platform.call('GET', gone)).status).toBe(404)
    }
    for (const gone of [`${FILES}${id}/`, `/api/testPro/file/${id}/`]) {
      expect((await platform.call('DELETE', gone)).status).toBe(404)
    }
    expect(await idsOf()).toEqual([])
  })

  test('is given back byte for byte, to be saved and not to be shown', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7) % 256))
    const created = await upload('页面 1.html', bytes, { type: 'text/html; charset=gbk' })
    expect(created.body.info[2]).toBe('text/html; charset=gbk')
    const { status, bytes: received, headers } = await download(created.body.id as number)
    expect([status, received.equals(bytes)]).toEqual([200, true])
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=gbk',
      'content-length': '70000',
      'content-disposition': `attachment; filename="__ 1.html"; filename*=UTF-8''%E9%A1%B5%E9%9D%A2%201.html`,
      'x-content-type-options': 'nosniff',
      etag: created.headers.get('etag'),
    })
  })

  test('is of the project that the form or the URL names, and is listed with it, newest first', async () => {
    const project = await newProject()
    const first = (await upload('a.sql', 'in the form', { project })).body.id as number
    const second = (await send(`${FILES}?project=${project}`, formOf('b.sql', 'in the URL'))).body.id as number
    const both = await send(`${FILES}?project=${project}`, formOf('c.sql', 'in both', { project }))
    expect(await idsOf(`?project=${project}`)).toEqual([both.body.id, second, first])
    expect((await idsOf()).slice(0, 3)).toEqual([both.body.id, second, first])
    const page = await platform.call('GET', `${FILES}?project=${project}&page=2&page_size=1`)
    expect(page.body).toMatchObject({ count: 3, page: 2, page_size: 1, results: [{ id: second }] })
    expect(await idsOf('?project=2147483647')).toEqual([])
    expect((await platform.call('GET', `${FILES}?project=x`)).status).toBe(422)

    await platform.call('DELETE', `/api/testPro/projects/${project}/`)
    expect(await idsOf(`?project=${project}`)).toEqual([])
    expect((await download(first)).status).toBe(404)
    expect((await platform.call('DELETE', `${FILES}${first}/`)).status).toBe(404)
  })

  test('is there once under its name in its project, also when it comes ten times at once', async () => {
    const project = await newProject()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, at) => upload('same.sql', `content ${at}`, { project })),
    )
    expect(replies.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(9).fill(422)])
    expect(replies.find(({ status }) => status === 422)?.body).toEqual({
      error: 'file：文件已存在，不能重复上传：same.sql',
      code: 'invalid',
      fields: { file: ['文件已存在，不能重复上传：same.sql'] },
    })
    // Another project, none at all, and another spelling are other files.
    const others = [await upload('same.sql', '', { project: await newProject() }), await upload('same.sql')]
    others.push(await upload('SAME.sql', '', { project }))
    expect(others.map(({ status }) => status)).toEqual([201, 201, 201])
    expect((await upload('same.sql')).status).toBe(422)
  })

  test('may be replaced once it is deleted, and the old id does not lead to the new file', async () => {
    const old = (await upload('replaced.sql', 'old')).body.id as number
    await platform.call('DELETE', `${FILES}${old}/`)
    await platform.restart()
    const { body, status } = await upload('replaced.sql', 'new')
    expect([status, body.id > old]).toEqual([201, true])
    expect((await download(body.id as number)).bytes.toString()).toBe('new')
    expect([(await download(old)).status, (await platform.call('DELETE', `${FILES}${old}/`)).status]).toEqual([
      404, 404,
    ])
    expect((await download(body.id as number)).status).toBe(200)
  })

  test('is deleted only at the revision that was seen', async () => {
    const created = await upload('seen.sql')
    const path = `${FILES}${created.body.id}/`
    const stale = await platform.call('DELETE', path, undefined, { headers: { 'if-match': '"41"' } })
    expect(stale.status).toBe(412)
    const headers = { 'if-match': created.headers.get('etag') ?? '' }
    expect((await platform.call('DELETE', path, undefined, { headers })).status).toBe(204)
  })

  test('may be read, but neither uploaded nor deleted, by a viewer; by nobody without a token', async () => {
    const token = await platform.userToken('viewer')
    const { id } = (await upload('viewed.sql')).body as { id: number }
    expect((await platform.call('GET', `${FILES}${id}/download/`, undefined, { token })).text).toBe('content')
    expect((await platform.call('GET', FILES, undefined, { token })).status).toBe(200)
    expect((await upload('viewer.sql', '', {}, { token })).status).toBe(403)
    expect((await platform.call('DELETE', `${FILES}${id}/`, undefined, { token })).status).toBe(403)
    expect((await upload('nobody.sql', '', {}, { token: 'x' })).status).toBe(401)
    expect((await upload('tester.sql', '', {}, { token: await platform.userToken('tester') })).status).toBe(201)
  })
})

describe('an upload', () => {
  test('with an idempotency key has one effect and one answer, with another boundary and after a deletion', async () => {
    const project = await newProject()
    const given = { headers: { 'idempotency-key': 'upload' } }
    let replies: Reply[] = []
    const events = await platform.eventsOf(async () => {
      replies = await Promise.all(Array.from({ length: 5 }, () => upload('once.sql', 'abc', { project }, given)))
    })
    const [first] = replies
    expect(events.map(({ type }) => type)).toEqual(['FileUploaded'])
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set([`201 ${first?.text}`]))

    const removal = { headers: { 'idempotency-key': 'removal' } }
    const path = `${FILES}${first?.body.id}/`
    expect((await platform.call('DELETE', path, undefined, removal)).status).toBe(204)
    await platform.restart()
    const again = await upload('once.sql', 'abc', { project }, given)
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([201, first?.text, '"0"'])
    expect((await platform.call('DELETE', path, undefined, removal)).status).toBe(204)
    expect((await platform.call('GET', path)).status).toBe(404)

    for (const other of [
      upload('once.sql', 'abd', { project }, given),
      upload('other.sql', 'abc', { project }, given),
      upload('once.sql', 'abc', { project, type: 'text/plain' }, given),
      upload('once.sql', 'abc', {}, given),
      send(`${FILES}?project=${project}`, formOf('once.sql', 'abc'), given),
    ]) {
      expect((await other).body).toMatchObject({ code: 'idempotency_key_reused' })
    }
    // A refusal is not remembered.
    const refused = { headers: { 'idempotency-key': 'refused' } }
    await upload('taken.sql', '', { project })
    expect((await upload('taken.sql', 'abc', { project }, refused)).status).toBe(422)
    expect((await upload('free.sql', 'abc', { project }, refused)).status).toBe(201)
  })

  test('takes a file to the last byte of the limit, and names the limit over it', async () => {
    expect((await upload('full.bin', new Uint8Array(LIMIT))).status).toBe(201)
    for (const size of [LIMIT + 1, 12 * 1024 * 1024]) {
      const { status, body } = await upload('over.bin', new Uint8Array(size))
      expect([status, body]).toEqual([
        422,
        {
          error: 'file 大小不能超过 300 KB（307200 字节）',
          code: 'invalid',
          fields: { file: ['大小不能超过 300 KB（307200 字节）'] },
        },
      ])
    }
  })

  test('keeps the name without a path, letter for letter', async () => {
    const names = [
      ['../../etc/passwd', 'passwd'],
      ['D:\\project\\backend\\a.sql', 'a.sql'],
      [' 空 格 .sql ', ' 空 格 .sql '],
      [`${'长'.repeat(251)}.sql`, `${'长'.repeat(251)}.sql`],
      ["it's.sql", "it's.sql"],
    ] as const
    for (const [sent, name] of names) {
      const { body } = await upload(sent)
      expect(body.info).toEqual([name, `upload_files/${body.id}/${name}`, 'application/octet-stream'])
    }
  })

  test('is refused with the field that is wrong', async () => {
    const two = formOf('a.sql', '')
    two.append('file', new File([''], 'b.sql'))
    const text = new FormData()
    text.set('file', 'text')
    const cases: readonly (readonly [form: FormData, field: string, words: string])[] = [
      [new FormData(), 'file', '为必填项'],
      [text, 'file', '必须是上传的文件（带文件名）'],
      [two, 'file', '一次只能上传一个文件'],
      [formOf(' ', ''), 'file', '的文件名不能为空'],
      [formOf('dir/', ''), 'file', '的文件名不能为空'],
      [formOf(`${'长'.repeat(252)}.sql`, ''), 'file', '的文件名不能超过 255 个字符'],
      [formOf('a\u0007b', ''), 'file', '的文件名不能含有控制字符'],
      [formOf('dir/..', ''), 'file', '的文件名不能是 . 或 ..'],
      [formOf('a\0b', ''), 'file', '的文件名不能含有空字符（U+0000）'],
      [formOf('x.sql', '', { project: 2_147_483_647 }), 'project', '项目 2147483647 不存在'],
      [formOf('x.sql', '', { project: 0 }), 'project', '必须是有效的正整数'],
    ]
    for (const [form, field, words] of cases) {
      const { status, body } = await send(FILES, form)
      expect([status, body]).toMatchObject([422, { fields: { [field]: [words] } }])
      expect(body.error).toContain(field)
    }
    const project = await newProject()
    const apart = await send(`${FILES}?project=${project}`, formOf('x.sql', '', { project: project + 1 }))
    expect([apart.status, apart.body.fields]).toEqual([422, { project: ['表单与查询参数中的项目不一致'] }])
    const type = 'multipart/form-data; boundary=b'
    const odd =
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: 文\r\n\r\n\r\n--b--\r\n'
    expect((await send(FILES, odd, { headers: { 'content-type': type } })).status).toBe(422)
  })

  test('is refused when it is no form, or not a whole one', async () => {
    const json = { headers: { 'content-type': 'application/json' } }
    expect(await send(FILES, '{"file": "x"}', json)).toMatchObject({
      status: 415,
      body: { error: '请求头 Content-Type 必须是 multipart/form-data' },
    })
    const urlencoded = { headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    expect((await send(FILES, 'file=x', urlencoded)).status).toBe(415)
    const form = { headers: { 'content-type': 'multipart/form-data; boundary=b' } }
    const zipped = { headers: { ...form.headers, 'content-encoding': 'gzip' } }
    expect((await send(FILES, '--b--', zipped)).status).toBe(415)
    for (const body of ['', '--b', '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc']) {
      const { status, body: answer } = await send(FILES, body, form)
      expect([status, answer]).toMatchObject([400, { code: 'bad_request', error: expect.stringMatching(/./) }])
    }
    const bare = { headers: { 'content-type': 'multipart/form-data' } }
    expect((await send(FILES, 'x', bare)).status).toBe(400)
  })

  test('waits to be asked for its body, and is told of a file that is too big before all of it was sent', async () => {
    const request = httpRequest(`${platform.url}${FILES}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${platform.token}`,
        'content-type': 'multipart/form-data; boundary=b',
        'content-length': String(50 * 1024 * 1024),
        expect: '100-continue',
      },
    })
    const status = new Promise<number | undefined>((resolve, reject) => {
      request.once('response', (response) => resolve(response.statusCode)).once('error', reject)
    })
    await new Promise<void>((resolve) => {
      request.once('continue', resolve)
      request.flushHeaders()
    })
    request.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    request.write(Buffer.alloc(LIMIT + 100))
    expect(await status).toBe(422)
    request.on('error', () => undefined).destroy()
  })
})
